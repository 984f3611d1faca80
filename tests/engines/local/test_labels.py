"""Labels: those of the meaning, for every pick, with late answers, ties and nulls."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Label, Pipeline
from dayshift.engines.contract import AS_OF, LABEL, RIPE_AT, TIME, FrameLog
from dayshift.engines.local import labels as module
from dayshift.engines.local.engine import LocalEngine
from dayshift.semantics import labels as meaning
from dayshift.testing.running import evaluator
from tests.engines.local.drawn import Drawn, asks, logs, tells

EXPRESSIONS = {"first": pl.col("shop"), "last": pl.col("amount") > 0, "all": pl.col("shop").sum()}


@given(
    logs(),
    st.sampled_from(list(EXPRESSIONS)),
    st.sampled_from(["1d", "0s"]),
    st.sampled_from(["card", ["card", "shop"]]),
    st.sampled_from([1, 2, 99]),
)
def test_labels_equal_their_meaning(log: Drawn, pick: str, within: str, by: Any, most: int) -> None:
    """Rows out are questions in, in order, however few of the log's; the columns that tie them come from the asking event."""
    label = Label(tells, EXPRESSIONS[pick], within=within, by=by, pick=pick, missing=False if pick == "last" else -1)
    asked = Pipeline("p", predict=asks, features=[], label=label)
    questions = log.questions[::-1][:most]
    frame = pl.DataFrame(
        {"id": [q.values["id"] for q in questions], AS_OF: [q.as_of for q in questions]},
        schema={"id": pl.Int64, AS_OF: pl.Int64},
    ).with_columns(pl.col(AS_OF).cast(TIME))
    found = LocalEngine().labels(asked, frame, log.log)
    evaluate = evaluator(EXPRESSIONS[pick], pick)
    wanted = [meaning.answered(label, q, log.events, 2**62, evaluate) for q in questions]
    assert found.columns == ["id", AS_OF, LABEL, RIPE_AT]
    assert found.select("id", AS_OF).equals(frame)
    assert found[LABEL].to_list() == [each.value for each in wanted]
    assert found[RIPE_AT].to_physical().to_list() == [each.ripe_at for each in wanted]


def test_only_events_that_may_answer_are_held_in_memory() -> None:
    """Those between the first question and the end of the last one's time, both included."""
    label = Label(tells, pl.col("shop"), within="10s", by="card")
    times = [-1, 0, 5_000_000, 12_000_000, 12_000_001]
    texts = {"card": ["a"] * 5, "day": ["x"] * 5}
    columns = {**texts, "id": range(5), "shop": range(5), "at": times, "_position": times, "_load": [1] * 5}
    log = FrameLog({"tells": pl.DataFrame(columns).with_columns(pl.col("at").cast(TIME))})
    questions = pl.DataFrame({"id": [1, 2], AS_OF: [0, 2_000_000]}).with_columns(pl.col(AS_OF).cast(TIME))
    span = module._span(questions, label.within_us)
    assert module._events(label, log, span)["shop"].to_list() == [1, 2, 3]
    assert module._events(label, log, module._span(questions.clear(), label.within_us)).is_empty()


def test_a_question_without_an_answer_has_no_label() -> None:
    """`missing` None leaves it null."""
    label = Label(tells, pl.col("shop"), within="1d", by="card")
    asked = Pipeline("p", predict=asks, features=[], label=label)
    log = Drawn(()).log
    questions = pl.DataFrame({"id": [1], AS_OF: [0]}).with_columns(pl.col(AS_OF).cast(TIME))
    assert LocalEngine().labels(asked, questions, log)[LABEL].to_list() == [None]


def test_labels_of_a_pipeline_without_one_are_refused() -> None:
    """And so are questions without their key."""
    asked = Pipeline("p", predict=asks, features=[])
    with pytest.raises(ds.DayshiftError, match="DS526"):
        LocalEngine().labels(asked, pl.DataFrame(), Drawn(()).log)
    asked = Pipeline("p", predict=asks, features=[], label=Label(tells, pl.col("shop"), within="1d", by="card"))
    with pytest.raises(ds.DayshiftError, match="questions lack the columns as_of, id"):
        LocalEngine().labels(asked, pl.DataFrame(), Drawn(()).log)
