"""What this machine can do for a pipeline: measured on its own events, and put together rightly."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

import dayshift as ds
from dayshift.adviser import capacity as measured
from dayshift.adviser.capacity import UNKNOWN, Budget, Tape, capacity, memory_bytes, newest, rate, together
from dayshift.definition import Calendar
from dayshift.engines.contract import FrameLog
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.task import Task
from dayshift.kernel.stream import State
from dayshift.learners.estimator import fit

HOUR_US = 3_600_000_000
payments = ds.Source("payments", time="at", key="id", schema={"id": int, "card": int, "amount": ds.decimal(2)})
refunds = ds.Source("refunds", time="at", key="id", schema={"id": int, "card": int})
FEATURES = [
    payments.by("card").over("1d", "7d", including_self=True).count().alias("count"),
    payments.by("card").over("7d").mean("amount").alias("mean"),
    refunds.by("card").over("7d").count().alias("refunds"),
    payments.row(amount=pl.col("amount")),
]
pipeline = ds.Pipeline("small", predict=payments, features=FEATURES)
on_a_calendar = ds.Pipeline(
    "calendar", predict=Calendar(payments, "1d", ("card",)), features=[payments.by("card").over("7d").count()]
)
row_wise = ds.Pipeline("rows", predict=payments, features=[payments.row(amount=pl.col("amount"))])


def log_of(events: int) -> FrameLog:
    random = np.random.default_rng(2)
    frames: dict[str, pl.DataFrame | pl.LazyFrame] = {}
    for name, rows in (("payments", events), ("refunds", events // 10)):
        at = np.sort(random.integers(0, 60 * 24 * HOUR_US, rows))
        frame = pl.DataFrame({"id": np.arange(rows), "card": random.integers(0, 50, rows), "at": at, "_position": at})
        amounts = pl.Series("amount", random.integers(0, 9999, rows) / 100)
        frames[name] = frame.with_columns(
            amounts, pl.col("at").cast(pl.Datetime("us", "UTC")), _load=pl.lit(1, pl.Int64)
        )
    return FrameLog(frames)


class Ticking:
    """A clock that a call moves by a second: rates become the amount of work."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_a_pipeline_is_measured_on_its_own_events() -> None:
    """Every rate is there and in order; entities are all keys of all series, and the state's size is theirs."""
    log = log_of(2_000)
    table = pl.concat(list(LocalEngine(1).features(pipeline, log)))
    model = fit(DecisionTreeClassifier(max_depth=2), table, pipeline.columns, pl.Series([True, False] * 1_000))
    found = capacity(pipeline, log, model, Budget(seconds=0.2))
    for middle, low, high in (found.nightly_events_s, found.live_events_s, found.score_events_s):
        assert 0 < low <= middle <= high
    assert found.micro_batch_events_s
    assert found.bulk_score_events_s
    cards = [log.scan(name).select("card").unique().collect().height for name in ("payments", "refunds")]
    assert found.entities == sum(cards)
    assert found.bytes_per_entity
    assert found.bytes_per_entity > 8
    assert found.cores >= 1


def test_what_a_state_holds_does_not_depend_on_the_time_to_measure_it() -> None:
    """A hurried measurement and one with time for all draws give the same bytes an entity."""
    log = log_of(20_000)
    hurried, patient = (capacity(pipeline, log, None, Budget(seconds)).bytes_per_entity for seconds in (0.0, 60.0))
    assert hurried == pytest.approx(patient, rel=0.1)


def test_without_a_model_scoring_is_not_measured() -> None:
    """Zeros stand for what was not measured; the other rates do not wait for it."""
    found = capacity(pipeline, log_of(500), None, Budget(seconds=0.1))
    assert found.score_events_s == UNKNOWN
    assert found.bulk_score_events_s is None
    assert found.live_events_s[0] > 0


def test_a_calendar_is_measured_too() -> None:
    """Questions that no event asks stand between the events."""
    found = capacity(on_a_calendar, log_of(500), None, Budget(seconds=0.1))
    assert found.nightly_events_s[0] > 0
    assert found.entities == 50


def test_a_pipeline_without_windows_keeps_no_state() -> None:
    """Values of the row alone need no memory and no state."""
    found = capacity(row_wise, log_of(200), None, Budget(seconds=0.1))
    assert found.nightly_events_s[0] > 0
    assert found.live_events_s == UNKNOWN
    assert (found.bytes_per_entity, found.entities) == (None, 0)


def test_a_history_without_events_measures_nothing() -> None:
    """No events, no rates, and no division by zero."""
    found = capacity(pipeline, log_of(0), None, Budget(seconds=0.1))
    assert found.nightly_events_s == UNKNOWN
    assert (found.entities, found.bytes_per_entity) == (0, None)


def test_only_the_newest_events_are_taken() -> None:
    """Of all sources together about as many as asked for, and none older than one that is left out."""
    log = log_of(1_000)
    task = Task.of(pipeline, log)
    stretch, events = newest(task, log, 300)
    assert 300 <= events <= 301
    oldest = min(frame.collect()["at"].min() for frame in map(stretch.scan, ("payments", "refunds")))  # type: ignore[type-var]
    left = sum(log.scan(name).filter(pl.col("at") >= oldest).collect().height for name in ("payments", "refunds"))
    assert left == events


@pytest.mark.parametrize("each", [1, 7, 1000])
@pytest.mark.parametrize("asked", [pipeline, on_a_calendar], ids=["events", "calendar"])
def test_a_stretch_cut_anywhere_is_the_same_stretch(asked: ds.Pipeline, each: int) -> None:
    """What is timed is the real work: pieces give the state the same answers as the whole at once."""
    log = log_of(300)
    task = Task.of(asked, log)
    tape = Tape.of(task, log)
    assert tape
    whole = State(task.plan).advance(tape.events, tape.questions)
    state = State(task.plan)
    parts = [state.advance(*tape.part(at, at + each)) for at in range(0, tape.length, each)]
    for number, column in enumerate(whole):
        assert np.array_equal(np.concatenate([part[number].values for part in parts]), column.values)


@given(st.lists(st.floats(0.1, 1e9), min_size=3, max_size=9), st.lists(st.floats(0.1, 1e9), min_size=3, max_size=9))
def test_doing_two_things_is_slower_than_either(first: list[float], second: list[float]) -> None:
    """The rate of both is below each, in order, and the same whichever comes first."""
    both = together(rate(first), rate(second))
    middle, low, high = both
    assert low <= middle <= high
    assert all(a <= min(b, c) for a, b, c in zip(both, rate(first), rate(second), strict=True))
    assert both == pytest.approx(together(rate(second), rate(first)))


def test_the_first_draw_does_not_count() -> None:
    """It loads compiled code; the median, the smallest and the largest of the rest are told."""
    done = iter([1, 10, 30, 20, 0])
    assert Budget(10, Ticking(), Ticking()).draws(lambda _: next(done), 1.0) == (20, 10, 30)


def test_a_spent_budget_ends_the_draws() -> None:
    """At least three draws are made, however slow; then time is up."""
    calls: list[int] = []
    wall = Ticking()

    def work(number: int) -> int:
        calls.append(number)
        wall.now += 100
        return 1

    Budget(1.0, Ticking(), wall).draws(work, 1.0)
    assert calls == [0, 1, 2, 3]


def test_a_containers_limit_is_the_machines_memory(tmp_path: Path) -> None:
    """A smaller limit counts; "max" is none, and an absent file is none."""
    (tmp_path / "small").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    assert memory_bytes((str(tmp_path / "small"), str(tmp_path / "none"))) == 1_000_000
    assert memory_bytes((str(tmp_path / "none"), str(tmp_path / "absent"))) > 1_000_000
    assert measured.CGROUPS
