"""Monitoring finds what changed and is calm when nothing did."""

import json
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from dayshift.definition.metric import METRICS
from dayshift.lifecycle.monitor import ALARM, CALM, FEWEST, LATEST, SHORT, WATCH, Observation, Signal, monitor, observe

Change = Callable[[int, dict[str, np.ndarray]], dict[str, np.ndarray]]
FEATURES = 10


def nights(count: int, seed: int = 0, change: Change | None = None) -> list[Observation]:
    """Nights of 400 rows whose features differ a little from night to night, as real ones do; half of them skewed."""
    random = np.random.default_rng(seed)
    seen = []
    for night in range(count):
        columns = {
            f"f{number}": random.normal(random.normal(0, 0.05), 1, 400)
            if number % 2
            else random.gamma(1, random.normal(1, 0.03), 400)
            for number in range(FEATURES)
        }
        columns = change(night, columns) if change else columns
        frame = pl.DataFrame(columns)
        seen.append(observe(frame, frame.columns, random.beta(2, 8, frame.height), 0.8 + random.normal(0, 0.01)))
    return seen


def signals(seen: list[Observation], night: int) -> dict[tuple[str, str | None], Signal]:
    """The signals of one night against those before it."""
    report = monitor(seen[:night], seen[night], METRICS["roc_auc"])
    return {(signal.kind, signal.subject): signal for signal in report.signals}


def shift_from(first: int, by: float) -> Change:
    """From a night on, feature f1 is shifted."""

    def change(night: int, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**columns, "f1": columns["f1"] + (by if night >= first else 0)}

    return change


def test_calm_nights_raise_few_alarms() -> None:
    """Simulated: three calm pipelines of 120 nights with ten features; at most 3 % of the watched nights alarm."""
    alarmed = watched = 0
    for seed in range(3):
        seen = nights(120, seed)
        for night in range(FEWEST + LATEST, 120):
            watched += 1
            alarmed += bool(monitor(seen[:night], seen[night], METRICS["roc_auc"]).alarms)
    assert alarmed / watched <= 0.03


@pytest.mark.parametrize("seed", range(4))
def test_a_shift_of_less_than_a_third_of_a_deviation_is_found_within_three_nights(seed: int) -> None:
    """The feature is named, the first night is watched or calm, and by the third night there is an alarm."""
    seen = nights(45, seed, shift_from(40, 0.3))
    states = [signals(seen, night)["drift", "f1"].state for night in range(39, 43)]
    assert states[0] == CALM
    assert ALARM in states[1:]


def test_one_strange_night_is_watched_and_two_of_three_alarm() -> None:
    """A single night cries nothing."""

    def twice(night: int, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**columns, "f1": columns["f1"] + (2 if night in {40, 42} else 0)}

    seen = nights(44, 0, twice)
    assert [signals(seen, night)["drift", "f1"].state for night in (39, 40, 41, 42)] == [CALM, WATCH, CALM, ALARM]


def test_a_short_history_is_said_and_never_alarms() -> None:
    """Not enough history, however wild the nights are."""
    seen = nights(FEWEST + LATEST - 1, 0, shift_from(5, 100))
    for night in range(len(seen)):
        assert {signal.state for signal in signals(seen, night).values()} == {SHORT}


def test_missing_rows_nulls_and_a_fallen_metric_are_found() -> None:
    """Half the rows, a feature a tenth null, the metric down by .1, for two nights."""

    def broken(night: int, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if night < 40:
            return columns
        halved = {name: values[:200] for name, values in columns.items()}
        gaps = np.where(np.arange(200) % 10 == 0, np.nan, halved["f2"])
        return {**halved, "f2": gaps}

    seen = nights(42, 0, broken)
    seen[40:] = [Observation(**{**one.to_json(), "metric": 0.7, "prediction": 0.5}) for one in seen[40:]]
    found = signals(seen, 41)
    for which in (("rows", None), ("nulls", "f2"), ("metric", None), ("prediction", None)):
        assert found[which].state == ALARM, which
    assert found["nulls", "f3"].state == CALM


def test_a_better_metric_or_fewer_nulls_are_no_alarm() -> None:
    """Only the bad direction counts."""
    seen = nights(42)
    seen[40:] = [Observation(**{**one.to_json(), "metric": 0.99}) for one in seen[40:]]
    assert signals(seen, 41)["metric", None].state == CALM


def test_a_constant_feature_that_begins_to_vary_is_found() -> None:
    """Without any spread in the past every change is far; no division by zero."""

    def constant(night: int, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**columns, "f1": columns["f1"] if night >= 40 else np.ones(400)}

    seen = nights(42, 0, constant)
    assert signals(seen, 39)["drift", "f1"].state == CALM
    assert signals(seen, 41)["drift", "f1"].state == ALARM


def test_alarms_come_first_and_everything_is_plain_values() -> None:
    """What the run report keeps is what the next night reads back."""
    seen = nights(42, 0, shift_from(40, 1))
    report = monitor(seen[:41], seen[41])
    assert report.signals[0].subject == "f1"
    told = json.loads(json.dumps(report.to_json()))
    assert Observation(**told["observation"]).quantiles["f1"] == list(seen[41].quantiles["f1"])
    back = [Observation(**json.loads(json.dumps(one.to_json()))) for one in seen]
    assert monitor(back[:41], back[41]).signals == report.signals


def test_an_empty_night_and_text_features_are_no_error() -> None:
    """No rows: no quantiles, no null rates to judge. Text is watched by its nulls."""
    frame = pl.DataFrame({"a": [1.0] * 60, "s": ["x", None] * 30})
    full, empty = observe(frame, frame.columns), observe(frame.clear(), frame.columns, np.empty(0))
    assert full.nulls == {"a": 0.0, "s": 0.5}
    assert list(full.quantiles) == ["a"]
    assert (empty.rows, empty.prediction) == (0, None)
    found = {(one.kind, one.subject): one for one in monitor([full] * 30, empty).signals}
    assert found["rows", None].state == WATCH
