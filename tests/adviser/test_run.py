"""The whole advice: what stops it, what is said when little can be measured, and that it is the same twice."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Advice
from dayshift.adviser.history import History, read_history
from dayshift.adviser.run import ALL, CADENCE, FRESH, MONITORING, TEAM, AdviseRequest, advise
from dayshift.adviser.run import LABELS as SOONER
from dayshift.adviser.written import to_json
from dayshift.definition.settings import Settings
from dayshift.testing import worlds
from tests.adviser.history_worlds import Orders, log, pipeline, sources

WINDOW = {"train": {"window": "28d"}}


@cache
def world(weeks: int = 16) -> History:
    """A calm world of orders."""
    made = worlds.calm(0, weeks=weeks, a_day=120)
    return read_history(made.pipeline, made.log, threads=1)


def ask(history: History, settings: Any = None, **options: Any) -> Advice:
    """Its advice, in this process, without a limit of time."""
    given = Settings.model_validate(WINDOW if settings is None else settings)
    return advise(history, AdviseRequest(history.known_until_us, given, workers=0, seconds=math.inf, **options))


def test_a_suspected_leak_stops_it_unless_it_is_trusted() -> None:
    """The column is named and nothing is measured; declared as trusted, the advice goes on and says so."""
    drawn, (asks, tells) = Orders(rows=3_000), sources(orders={"answer": int})
    told = log(drawn.orders(answer=pl.Series(drawn.bad).cast(pl.Int64)), drawn.verdicts())
    history = read_history(pipeline(asks, tells, asks.row(answer=pl.col("answer"))), told)
    stopped = ask(history, questions=frozenset())
    assert [one.column for one in stopped.stopped_by] == ["answer"]
    assert stopped.parts == ()
    assert stopped.volume is None
    trusted = ask(history, {"advise": {"trusted": ["answer"]}}, questions=frozenset())
    assert trusted.stopped_by == ()
    assert any("'answer' is trusted as declared" in note for note in trusted.notes)


def test_a_history_that_is_too_short_says_when_to_come_back() -> None:
    """Volume and growth are told all the same; nothing is called needed."""
    short = ask(world(weeks=6), questions=ALL - {TEAM})
    assert short.volume is not None
    assert short.growth is not None
    assert all(part.gain is None or part.verdict == UNDECIDED for part in short.parts)
    assert all(part.verdict != NEEDED for part in short.parts)
    assert short.headline.startswith("Not enough evidence yet")
    assert "come back on" in " ".join((short.headline, *short.notes))


def test_whoever_stops_it_gets_what_there_is() -> None:
    """Stopped before the first fit: the advice stands, is marked, and knows of volume."""
    advice = ask(world(), stop=lambda: True, questions=frozenset({FRESH, CADENCE, SOONER}))
    assert not advice.complete
    assert advice.unfinished
    assert advice.volume is not None
    assert {part.verdict for part in advice.parts if part.gain is not None} <= {UNDECIDED}


def test_what_was_not_replayed_is_missing_though_its_ladder_is_drawn() -> None:
    """Stopped after the first fits: fresh features and label delays have no figure, and the advice says so."""
    fits: list[object] = []
    questions = frozenset({FRESH, CADENCE, SOONER})
    advice = ask(world(), told=fits.append, stop=lambda: len(fits) >= 12, questions=questions)
    assert not advice.complete
    assert advice.skill is not None
    assert {FRESH, SOONER} <= set(advice.unfinished)


def test_what_is_declared_of_monitoring_reaches_it() -> None:
    """Budget, the days that an unseen fault may cost, and prices: with a worth and hours, a month is held against a month."""
    declared = {
        **WINDOW,
        "advise": {"detection": 7, "alarm_budget": 2, "smallest_gain": 0.01},
        "value": {"point": 1, "hour_of_engineer": 1e9},
    }
    found = ask(world(), declared, questions=frozenset({MONITORING, TEAM})).monitoring
    assert found is not None
    assert found.finding.delta == pytest.approx(0.07)
    assert found.budget_per_30d == 2
    assert found.finding.verdict == NOT_NEEDED
    assert "a month and costs" in found.finding.title


@pytest.mark.slow
def test_the_same_history_gives_the_same_advice() -> None:
    """To the last figure, but for measured seconds and the sentences that tell them."""
    questions = frozenset({FRESH, CADENCE, MONITORING})
    one, other = (to_json(ask(world(), questions=questions)) for _ in range(2))
    assert one["freshness"] is not None
    assert one["monitoring"] is not None
    for made in (one, other):
        made["how"] = {
            name: value for name, value in made["how"].items() if "seconds" not in name and "cpu" not in name
        }
        for point in made["cadence"]["points"]:
            point.pop("cpu_s_a_year")
        made["parts"] = [{name: value for name, value in part.items() if name != "evidence"} for part in made["parts"]]
        made.pop("factors")
        made.pop("path")
    assert one == other


class Moody(ClassifierMixin, BaseEstimator):
    """A classifier that fits nothing."""

    def fit(self, table: object, label: object) -> Moody:
        raise ValueError("never today")


def test_a_model_that_cannot_be_fitted_is_told_with_its_reason() -> None:
    """No figure, nothing needed, and the headline says what the model said."""
    history = copy(world())
    history.pipeline = replace(history.pipeline, model=Moody())
    advice = ask(history, questions=frozenset({FRESH, CADENCE}))
    assert advice.headline.startswith("Not enough evidence yet: no model could be fitted: ")
    assert "never today" in advice.headline
    assert {part.verdict for part in advice.parts} == {UNDECIDED}


def test_a_second_run_fits_nothing_anew(tmp_path: Path) -> None:
    """Every fit is found again under what it was computed from, and the advice is the same; a damaged file is begun anew."""
    questions = frozenset({FRESH})
    first, second = (ask(world(), questions=questions, cache=tmp_path) for _ in range(2))
    assert fits(first)["done"] > 0
    assert fits(second)["done"] == 0
    assert fits(second)["cached"] == fits(first)["done"] + fits(first)["cached"]
    assert second.freshness == first.freshness
    (tmp_path / "replay.sqlite").write_bytes(b"no data base" * 1000)
    third = ask(world(), questions=questions, cache=tmp_path)
    assert fits(third)["done"] == fits(first)["done"]
    assert third.freshness == first.freshness


def fits(advice: Advice) -> dict[str, int]:
    """How many fits were done, found and failed."""
    found = advice.how["fits"]
    assert isinstance(found, dict)
    return found
