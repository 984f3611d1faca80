"""Naive predictions know what was known when the evaluation began, and are worth what they are worth."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from dayshift.adviser.history import read_history
from dayshift.adviser.naive import floor_and_means, naive, weekly
from dayshift.adviser.replay import Replay
from dayshift.adviser.tracks import ReplayOptions
from dayshift.adviser.weeks import weeks_of
from dayshift.testing import worlds
from tests.adviser.history_worlds import DAY_US, START_US, Orders, log, pipeline, sources


def test_nothing_is_known_before_the_first_label_is_ripe() -> None:
    """No labels, no predictions; then the constant is what the ripe ones hold on average."""
    world, (asks, tells) = Orders(rows=4_000), sources()
    history = read_history(pipeline(asks, tells), log(world.orders(), world.verdicts()))
    rows = np.arange(3_000, 4_000)
    assert naive(history, rows, START_US) == {}
    found = naive(history, rows, START_US + 2 * DAY_US)
    ripe = history.ripe_at() <= START_US + 2 * DAY_US
    assert found["prevalence"] == pytest.approx(np.full(1_000, world.bad[ripe].mean()))
    assert set(found) == {"prevalence", "last label"}


def test_yesterdays_answer_is_hard_to_beat_where_answers_persist() -> None:
    """Days that are all bad or all good: the last answer of the day before tells half of them."""
    world = Orders(rows=20_000)
    bad = (np.arange(world.rows) // 7_000) % 2 == 1
    verdicts = world.verdicts(60_000_000).with_columns(bad=pl.Series(bad).cast(pl.Int64))
    history = read_history(pipeline(*sources("1m")), log(world.orders(), verdicts))
    rows = np.arange(10_000, 20_000)
    found = naive(history, rows, int(history.as_of[10_000]))
    assert ((found["last label"] > 0.5) == bad[rows]).mean() > 0.99


def test_the_floor_of_a_ranking_is_that_of_a_coin() -> None:
    """A constant ranks nothing: AUC one half, week by week, and the last label of other orders no better."""
    world = worlds.calm(0, weeks=16, a_day=150)
    history = read_history(world.pipeline, world.log, threads=1)
    with Replay(history, weeks_of(history, None), options=ReplayOptions(workers=0)) as replay:
        floor, values = floor_and_means(weekly(replay))
    assert floor == 0.5
    assert values["last label"] == pytest.approx(0.5, abs=0.05)
