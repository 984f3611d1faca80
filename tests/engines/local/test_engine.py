"""The local engine on history: equal to the reference, whatever the stretches, loads and threads."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Pipeline, Source
from dayshift.diagnostics import NotReady
from dayshift.engines.contract import AS_OF, FINGERPRINT, LOAD, POLICY, POSITION, FrameLog, features_schema
from dayshift.engines.local.engine import LocalEngine
from dayshift.semantics import calendar, reference
from dayshift.testing.engines import same
from dayshift.testing.local_adapter import rows_of
from tests.engines.local.drawn import DAY, MIDNIGHT, SCALES, Drawn, asks, logs, pipeline, tells


def expected(
    log: Drawn, asked: Pipeline, questions: list[reference.Question], *, hindsight: bool = False
) -> list[list]:
    """The reference's rows."""
    found = []
    for question in questions:
        row: list = []
        for feature in asked.window_features:
            value = reference.answer(feature, question, log.events, SCALES, hindsight)
            row.extend(value if isinstance(value, tuple) else (value,))
        found.append(row)
    return found


def assert_same(rows: list, wanted: list[list], columns: tuple[str, ...]) -> None:
    """Every value the same to the bit."""
    assert len(rows) == len(wanted)
    for number, (row, right) in enumerate(zip(rows, wanted, strict=True)):
        for column, value, value_right in zip(columns, row, right, strict=True):
            assert same(value, value_right), f"row {number}, {column}: {value!r}, reference {value_right!r}"


@given(logs(), st.sampled_from([1, 3, 10**6]), st.sampled_from(["as_known", "hindsight"]))
def test_history_equals_the_reference_for_any_stretch(log: Drawn, stretch: int, policy: str) -> None:
    """Every aggregate, over two sources, with late and tied events and nulls, as known and in hindsight."""
    asked = pipeline()
    frames = list(LocalEngine(threads=1, stretch=stretch).features(asked, log.log, policy=policy))  # type: ignore[arg-type]
    wanted = expected(log, asked, log.questions, hindsight=policy == "hindsight")
    assert_same([row for frame in frames for row in rows_of(asked, frame)], wanted, asked.columns)


@given(logs(), st.sampled_from(["1d", "6h"]), st.sampled_from([1, 10**6]))
def test_a_calendar_equals_the_reference(log: Drawn, period: str, stretch: int) -> None:
    """Ticks, entities and their order are those of the meaning, and so are the values."""
    predict = asks.every(period, by=["card", "shop"], offset="1h")
    asked = pipeline(predict)
    frames = list(LocalEngine(threads=1, stretch=stretch).features(asked, log.log))
    ticks = calendar.asked(predict, log.events)
    found = [row for frame in frames for row in frame.select(LOAD, POSITION, "card", "shop").rows()]
    assert found == [(load, tick, *key) for load, tick, key in ticks]
    questions = []
    for load, tick, key in ticks:
        before = [event.place for event in log.events if (event.load, event.position) >= (load, tick)]
        place = min(before, default=len(log.events))
        questions.append(reference.Question(tick, place, calendar.question_values(predict, key)))
    wanted = expected(log, asked, questions)
    assert_same([row for frame in frames for row in rows_of(asked, frame)], wanted, asked.columns)


@given(logs(), st.integers(1, 3), st.integers(1, 3))
def test_loads_and_between_choose_questions_and_never_change_them(log: Drawn, first: int, last: int) -> None:
    """The rows of some loads, or of a stretch of time, are those of the whole."""
    engine, asked = LocalEngine(threads=1), pipeline()
    whole = pl.concat(engine.features(asked, log.log)) if log.questions else None
    part = list(engine.features(asked, log.log, loads=(first, last)))
    if whole is None:
        assert sum(frame.height for frame in part) == 0
        return
    chosen = whole.filter(pl.col(LOAD).is_between(first, last))
    assert pl.concat([whole.clear(), *part]).equals(chosen)
    low, high = MIDNIGHT, MIDNIGHT + DAY
    chosen = whole.filter(pl.col(AS_OF).to_physical().is_between(low, high, closed="left"))
    assert pl.concat([whole.clear(), *engine.features(asked, log.log, between=(low, high))]).equals(chosen)


def test_the_table_has_the_columns_of_the_contract() -> None:
    """Places, time, key, features in the pipeline's order, fingerprint and policy, in their canonical types."""
    asked = Pipeline(
        "p", predict=asks, features=[asks.row(twice=pl.col("shop") * 2), asks.by("card").over("1d").count()]
    )
    log = FrameLog({"asks": _one_ask()})
    (frame,) = LocalEngine(threads=1).features(asked, log)
    wanted = features_schema(asked)
    assert frame.columns == list(wanted) == [LOAD, POSITION, AS_OF, "id", *asked.columns, FINGERPRINT, POLICY]
    assert all(kind is None or frame.schema[name] == kind for name, kind in wanted.items())
    assert frame.row(0)[3:6] == (7, 4, 0)


def _one_ask() -> pl.DataFrame:
    return pl.DataFrame(
        {"id": [7], "at": [MIDNIGHT], "card": ["a"], "shop": [2], LOAD: [1], POSITION: [MIDNIGHT]},
    ).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_units_and_zones_of_time_give_equal_features_around_a_change_of_clocks(unit: str, zone: str | None) -> None:
    """The same instants give the same bits, whatever unit and zone their column has."""
    start = 1_383_454_800_000_000  # 2013-11-03 05:00 UTC: New York's clock shows 01:00 twice
    at = pl.Series("at", [start + step * 1_800_000_000 for step in range(6)], pl.Int64).cast(pl.Datetime("us"))
    factor = at.dt.replace_time_zone("UTC").dt.cast_time_unit(unit)  # type: ignore[arg-type]
    shown = factor.dt.replace_time_zone(None) if zone is None else factor.dt.convert_time_zone(zone)
    payments = Source("payments", time="at", key="id", schema={"id": int, "card": str})
    asked = Pipeline("p", predict=payments, features=[payments.by("card").over("1h", "1d").count()])
    frame = pl.DataFrame([shown, pl.Series("id", range(6))]).with_columns(
        pl.lit("a").alias("card"), pl.lit(1).alias(LOAD), at.to_physical().alias(POSITION)
    )
    (found,) = LocalEngine(threads=1).features(asked, FrameLog({"payments": frame}))
    assert found.select(asked.columns).rows() == [(0, 0), (1, 1), (2, 2), (2, 3), (2, 4), (2, 5)]
    assert found[AS_OF].dtype == pl.Datetime("us", "UTC")


def test_a_column_of_another_type_is_refused_never_guessed() -> None:
    """A log whose column is text where the definition says int stops with the column's name."""
    frame = _one_ask().with_columns(pl.lit("2").alias("shop"))
    asked = Pipeline("p", predict=asks, features=[asks.by("shop").over("1d").count()])
    with pytest.raises(ds.DayshiftError, match="DS521: column 'shop'"):
        list(LocalEngine().features(asked, FrameLog({"asks": frame})))


def test_a_source_that_has_never_been_loaded_counts_nothing() -> None:
    """A log without a table for a source is an empty one."""
    asked = Pipeline("p", predict=asks, features=[tells.by("card").over("1d").count()])
    log = FrameLog({"asks": _one_ask(), "tells": pl.DataFrame()})
    (frame,) = LocalEngine().features(asked, log)
    assert frame[asked.columns[0]].to_list() == [0]


class Bare(FrameLog):
    """A log that says, as the lake does, that nothing has been loaded of a source."""

    def scan(self, source: str) -> pl.LazyFrame:
        """DS410 for every source but one."""
        if source != "asks":
            raise NotReady("DS410", f"the lake has no events of source {source!r}")
        return super().scan(source)


def test_a_log_that_says_so_counts_nothing_either() -> None:
    """In history and in a stream."""
    asked = Pipeline("p", predict=asks, features=[tells.by("card").over("1d").count()])
    log = Bare({"asks": _one_ask()})
    (frame,) = LocalEngine().features(asked, log)
    (again,) = LocalEngine().advance(asked, log, None, loads=(1, 1))[0]
    assert frame[asked.columns[0]].to_list() == [0]
    assert again.equals(frame)
