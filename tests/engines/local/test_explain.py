"""`why`: the events that count, those that do not and for what reason, by both implementations."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

import dayshift as ds
from dayshift.definition import Pipeline, Source
from dayshift.engines.contract import LOAD, POSITION, TIME, FrameLog
from dayshift.engines.local.engine import LocalEngine

HOUR = 3_600_000_000
taps = Source("taps", time="at", key="id", schema={"id": int, "card": str, "cents": ds.optional(int)})
ROWS = [
    # id, hour, card, cents, load
    (1, 1, "a", 10, 1),
    (2, 8, "a", 20, 1),
    (3, 9, "a", None, 1),
    (4, 9, "b", 99, 1),
    (5, 10, "a", 30, 1),
    (6, 7, "a", 40, 2),
    (7, 11, "a", 50, 2),
]


def log() -> FrameLog:
    """Seven taps in two loads; the sixth comes late."""
    frame = pl.DataFrame(ROWS, schema=["id", "at", "card", "cents", LOAD], orient="row")
    return FrameLog(
        {
            "taps": frame.with_columns(pl.col("at") * HOUR).with_columns(
                pl.col("at").alias(POSITION), pl.col("at").cast(TIME)
            )
        }
    )


pipeline = Pipeline(
    "p",
    predict=taps,
    features=[
        taps.by("card").over("3h").sum("cents").alias("spent"),
        taps.by("card").last_n("cents", 2).alias("recent"),
    ],
)


def test_every_event_has_its_reason() -> None:
    """One in the window, one null, one too old, one that came late, the asking one, one that had not happened."""
    found = LocalEngine().explain(pipeline, log(), "spent_3h", {"id": 5})
    assert (found.value, found.reference, found.equal) == (20, 20, True)
    assert (found.low_us, found.high_us, found.closed, found.as_of_us) == (7 * HOUR, 10 * HOUR, "left", 10 * HOUR)
    assert [event.key["id"] for event in found.counted] == [2]
    assert [(event.key["id"], event.reason) for event in found.left_out] == [
        (1, "happened 6h before the window begins"),
        (6, "arrived after the question: in load 2"),
        (3, "column 'cents' is null"),
        (5, "it asks the question, and the window is without including_self"),
        (7, "happened 1h after the window ends"),
    ]


def test_one_of_several_columns_can_be_explained() -> None:
    """The second of the last two values."""
    found = LocalEngine().explain(pipeline, log(), "recent_2", {"id": "7"})
    assert (found.value, found.equal) == (20, True)


def test_a_calendars_question_is_named_by_its_entity_and_time() -> None:
    """`as_of` may be a datetime or a text."""
    asked = Pipeline("p", predict=taps.every("1h", by="card", offset="30m"), features=pipeline.features[:1])
    at = dt.datetime(1970, 1, 1, 10, 30, tzinfo=dt.UTC)
    for given in (at, "1970-01-01 10:30"):
        found = LocalEngine().explain(asked, log(), "spent_3h", {"card": "a", "as_of": given})
        assert (found.value, found.equal, [event.key["id"] for event in found.counted]) == (50, True, [2, 5])


def test_what_is_not_there_is_refused_with_the_nearest_name() -> None:
    """Unknown features, row features and unknown questions."""
    engine = LocalEngine()
    with pytest.raises(ds.DayshiftError, match=r"DS527.*no feature 'spent_3'") as caught:
        engine.explain(pipeline, log(), "spent_3", {"id": 5})
    assert caught.value.problems[0].hint == "did you mean 'spent_3h'?"
    rowwise = Pipeline("p", predict=taps, features=taps.row(double=pl.col("cents") * 2))
    with pytest.raises(ds.DayshiftError, match=r"DS527.*its own row"):
        engine.explain(rowwise, log(), "double", {"id": 5})
    with pytest.raises(ds.DayshiftError, match="DS528: no question with id=12"):
        engine.explain(pipeline, log(), "spent_3h", {"id": 12})


@pytest.mark.parametrize(
    ("window", "counted", "left_out"),
    [
        (
            {"delay": "1h"},
            [2],
            {6: "1h before the window begins", 3: "at the very end of the window, which is open there"},
        ),
        (
            {"closed": "right"},
            [],
            {3: "at the very beginning of the window, which is open there", 7: "1h after the window ends"},
        ),
    ],
)
def test_an_event_on_the_open_edge_is_told_from_one_beyond_it(
    window: dict[str, Any], counted: list[int], left_out: dict[int, str]
) -> None:
    """The edge is named as such; beyond it the distance is a length of time as the definition writes it."""
    asked = Pipeline("p", predict=taps, features=[taps.by("card").over("1h", **window).count().alias("n")])
    found = LocalEngine().explain(asked, log(), asked.columns[0], {"id": 5})
    assert [event.key["id"] for event in found.counted] == counted
    reasons = {event.key["id"]: event.reason for event in found.left_out}
    assert {key: reasons[key] for key in left_out} == {key: f"happened {said}" for key, said in left_out.items()}


def test_a_question_without_an_entity_sees_nothing_and_is_told_why(recwarn: pytest.WarningsRecorder) -> None:
    """A null in its key: no event counts, nothing is warned of, and its own row says the reason."""
    log_ = log()
    nobody = FrameLog({"taps": log_.scan("taps").with_columns(card=pl.lit(None, pl.String)).collect()})
    found = LocalEngine().explain(pipeline, nobody, "spent_3h", {"id": 5})
    assert (found.value, found.equal, found.counted) == (None, True, ())
    assert [event.reason for event in found.left_out] == [
        "its key is null: it belongs to no entity, and the question sees nothing"
    ]
    assert not recwarn.list


def test_a_value_relative_to_a_baseline_lists_the_events_of_both_windows() -> None:
    """A ratio is made of two windows, and so is its explanation; another value has no baseline."""
    ratio = taps.by("card").over("3h").sum("cents").ratio_to("12h").alias("ratio")
    asked = Pipeline("p", predict=taps, features=[*ratio, *taps.by("card").over("3h").count().alias("n")])
    found = LocalEngine().explain(asked, log(), asked.columns[0], {"id": 5})
    assert [event.key["id"] for event in found.counted] == [2]
    assert found.baseline is not None
    assert [event.key["id"] for event in found.baseline.counted] == [1, 2]
    assert (found.baseline.low_us, found.baseline.high_us, found.baseline.closed) == (-2 * HOUR, 10 * HOUR, "left")
    assert (found.value, found.equal) == (20 / 30, True)
    assert LocalEngine().explain(asked, log(), asked.columns[1], {"id": 5}).baseline is None
