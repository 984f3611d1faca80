"""A column that was declared after the log began: null where it may be, refused where it may not."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Label, Pipeline, Source
from dayshift.engines.contract import AS_OF, LOAD, POSITION, FrameLog
from dayshift.engines.local.engine import LocalEngine
from tests.engines.local.drawn import SOURCES, Drawn, asks, logs, pipeline

LATE = ("amount", "word", "seen")


def _without(log: FrameLog) -> FrameLog:
    """The log before these columns were declared."""
    return FrameLog({name: log.scan(name).collect().drop(LATE) for name in SOURCES}, log.measured)


def _null(log: FrameLog) -> FrameLog:
    """The log of events that came without a value in them."""
    frames = {name: log.scan(name).collect() for name in SOURCES}
    return FrameLog(
        {
            name: frame.with_columns(pl.lit(None, frame.schema[late]).alias(late) for late in LATE)
            for name, frame in frames.items()
        },
        log.measured,
    )


@given(logs(), st.sampled_from([1, 3, 10**6]), st.sampled_from(["as_known", "hindsight"]))
def test_history_takes_an_absent_optional_column_for_nulls(log: Drawn, stretch: int, policy: str) -> None:
    """Every aggregate has the bits that it has over nulls, which the reference knows."""
    engine = LocalEngine(threads=1, stretch=stretch)
    found = list(engine.features(pipeline(), _without(log.log), policy=policy))  # type: ignore[arg-type]
    wanted = list(engine.features(pipeline(), _null(log.log), policy=policy))  # type: ignore[arg-type]
    assert len(found) == len(wanted)
    assert all(one.equals(other) for one, other in zip(found, wanted, strict=True))


@given(logs())
def test_a_session_takes_an_absent_optional_column_for_nulls(log: Drawn) -> None:
    """Live has the numbers of history, whether the events of a micro-batch bring the column or not."""
    old, whole = _without(log.log), log.log
    first = whole.last_load
    frames = {name: whole.scan(name).collect() for name in SOURCES}
    mixed = FrameLog(
        {
            name: pl.concat(
                [old.frames[name].filter(pl.col(LOAD) < first), frame.filter(pl.col(LOAD) == first)],  # type: ignore[list-item]
                how="diagonal",
            )
            for name, frame in frames.items()
        }
    )
    wanted = list(LocalEngine(threads=1).features(pipeline(), mixed))
    taken = [0]

    def known() -> FrameLog:
        source = old if taken[0] < first else mixed
        return FrameLog({name: source.scan(name).filter(pl.col(LOAD) <= taken[0]).collect() for name in SOURCES})

    session = LocalEngine(threads=1).session(pipeline(), known, None)
    found = []
    for load in range(1, first + 1):
        taken[0], came = load, whole if load == first else old
        found.append(session.take({name: came.scan(name).filter(pl.col(LOAD) == load).collect() for name in SOURCES}))
    rows = pl.concat(found) if found else pl.DataFrame()
    assert rows.height == sum(frame.height for frame in wanted)
    if rows.height:
        columns = wanted[0].columns
        assert rows.select(columns).sort("id").equals(pl.concat(wanted).sort("id"))


def _log() -> FrameLog:
    at = pl.Series("at", [1, 2], pl.Int64).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"id": [1, 2], LOAD: [1, 1], POSITION: [1, 2]}).with_columns(at)
    return FrameLog({"pays": frame})


def _pays(**columns: object) -> Source:
    return Source("pays", time="at", key="id", schema={"id": int, **columns})


def test_a_label_a_row_feature_and_an_explanation_take_it_for_nulls() -> None:
    """Everything that reads the log reads the same."""
    pays = _pays(tip=ds.optional(ds.decimal(2)))
    asked = Pipeline(
        "p",
        predict=pays,
        features=[
            pays.row(tip=pl.col("tip")),
            pays.over("1d", including_self=True, closed="right").sum("tip").alias("tips"),
        ],
        label=Label(pays, pl.col("tip").fill_null(-1), within="1d"),
    )
    engine = LocalEngine(threads=1)
    (frame,) = engine.features(asked, _log())
    assert frame["tip"].to_list() == [None, None]
    assert frame.schema["tip"] == pl.Float64
    labels = engine.labels(asked, frame.select("id", AS_OF), _log())
    assert labels.height == 2
    assert (
        engine.explain(asked, _log(), asked.window_features[0].columns[0], {"id": 2}).value
        == frame[asked.columns[1]][1]
    )


def test_a_column_that_is_not_optional_or_names_an_event_is_refused_when_absent() -> None:
    """Nobody can say what it was; the hint is an edit of the definition."""
    pays = _pays(tip=int)
    asked = Pipeline("p", predict=pays, features=[pays.over("1d").sum("tip")])
    with pytest.raises(ds.DayshiftError, match="DS521: column 'tip' of the log of source 'pays' is absent") as caught:
        list(LocalEngine().features(asked, _log()))
    assert '"tip": ds.optional(...)' in str(caught.value.problems[0].hint)
    keyed = Source("pays", time="at", key=["id", "part"], schema={"id": int, "part": ds.optional(str)})
    with pytest.raises(ds.DayshiftError, match="DS521: column 'part'"):
        list(LocalEngine().features(Pipeline("p", predict=keyed, features=[keyed.over("1d").count()]), _log()))


def test_the_columns_that_came_late_are_optional_ones() -> None:
    """Otherwise the tests above would test nothing."""
    assert all(asks.columns[name].optional for name in LATE)
