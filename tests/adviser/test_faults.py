"""Faults change what they say and nothing else, and are noticed as they are."""

import numpy as np
import polars as pl
import pytest

from dayshift.adviser.days import days_of, run_models
from dayshift.adviser.faults import Stage, fault_starts, faults_of, judged, play
from dayshift.adviser.watch import watched
from tests.adviser.watched import TRACK, FakeReplay, made


@pytest.fixture(scope="module")
def stage() -> Stage:
    """A calm history with six fault weeks."""
    history = made()
    replay = FakeReplay(history)
    days = days_of(history)
    sub = replay.take(None, days.rows)
    running = run_models(history, replay, TRACK, days, sub, 3)
    watch = watched(history, days, sub, running, 1.0)
    starts = fault_starts(days, running, replay.weeks, 6)
    return Stage(history, lambda rows: replay.take(None, rows), days, sub, watch.columns, running, watch.seen, starts)


def test_fault_weeks_are_whole_and_apart(stage: Stage) -> None:
    """Six weeks, each of seven days with a model and labels, none twice."""
    assert len(stage.starts) == 6
    assert (np.diff(stage.starts) >= 7).all()
    assert (stage.running.model_of[stage.starts] >= 0).all()
    assert np.array_equal(np.unique(stage.window), np.arange(42))


def test_a_fault_changes_its_columns_only(stage: Stage) -> None:
    """Every other column, and the number of rows, stay as they were."""
    for fault in faults_of(stage):
        changed = fault.change(stage.clean, stage)
        assert changed.height == stage.clean.height
        kept = [name for name in changed.columns if name not in fault.columns]
        assert changed.select(kept).equals(stage.clean.select(kept))


def test_another_unit_and_nulls_are_what_they_say(stage: Stage) -> None:
    """Times 100 is times 100; three rows in ten lose their value, a broken join gives 0 everywhere."""
    faults = {fault.name: fault.change(stage.clean, stage) for fault in faults_of(stage)}
    assert np.allclose(faults["amount times 100"]["amount"], 100 * stage.clean["amount"])
    lost = next(frame for name, frame in faults.items() if "30 %" in name)
    differ = (lost["amount"] == 0) | lost["amount"].is_null()
    assert differ.mean() == pytest.approx(0.3, abs=0.02)
    joined = next(frame for name, frame in faults.items() if "join" in name)
    assert (joined["risk_7d"] == 0).all()


def test_a_frozen_snapshot_is_the_last_question_before_the_week(stage: Stage) -> None:
    """By brute force: each window feature is that of the latest question of the same shop before the week."""
    (fault,) = (one for one in faults_of(stage) if "frozen" in one.name)
    changed = fault.change(stage.clean, stage)
    history, draw = stage.history, np.random.default_rng(1)
    for place in draw.integers(0, len(stage.rows), 200):
        row = stage.days.rows[stage.rows[place]]
        begin = stage.days.starts_us[stage.starts[stage.window[place] // 7]]
        same = (history.questions["shop"].to_numpy() == history.questions["shop"][int(row)]) & (history.as_of < begin)
        last = int(np.flatnonzero(same)[-1])
        assert changed.select(fault.columns).row(int(place)) == history.frame.select(fault.columns).row(last)


def test_a_fault_that_changes_nothing_costs_nothing_and_is_not_noticed(stage: Stage) -> None:
    """Played with the features as they are, the loss is exactly 0 and rules say what they said of the clean days."""
    assert np.array_equal(judged(stage, stage.running.prediction[stage.rows]), stage.clean_metric, equal_nan=True)
    history = stage.history
    watch = watched(history, stage.days, stage.sub, stage.running, 1.0)
    fault = faults_of(stage)[0]
    same = type(fault)("nothing", fault.columns, lambda frame, stage: frame)
    outcome = play(stage, same, watch.rules, watch.looks)
    assert (outcome.loss == 0).all()
    assert outcome.prediction == pytest.approx(0, abs=1e-12)
    broken = play(stage, fault, watch.rules, watch.looks)
    rule = "PSI, limit of own calm days"
    assert outcome.found[rule].mean() < 0.15 < broken.found[rule].mean()
    assert np.isnan(outcome.live).mean() > 0.5


def test_a_model_that_refuses_nulls_is_given_zeros(stage: Stage) -> None:
    """Logistic regression takes no nulls, so the fault puts 0 in their place and says so."""
    assert any(fault.name == "amount 0 in 30 % of rows" for fault in faults_of(stage))


def test_text_is_never_multiplied(stage: Stage) -> None:
    """A pipeline whose features are all text has no number in another unit."""
    from dataclasses import replace

    text = stage.sub.select(pl.all().cast(pl.String))
    names = [(column, values) for column, values in stage.columns if column.name == "prediction"]
    assert not any("times" in fault.name for fault in faults_of(replace(stage, sub=text, columns=names)))
