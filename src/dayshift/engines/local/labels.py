"""Labels: for each question the events of its key in the closed interval `[as_of, as_of + within]`.

The label's events are sorted once by (entity, event time, arrival). A question's answers are then a run of that order,
found by two binary searches: its first is the first answer, its last the last, and the whole run is "all". No question
is joined to events that do not answer it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.definition import Calendar, Label, Pipeline, RowFeature, Sql
from dayshift.diagnostics import UsageError, shorten
from dayshift.engines.contract import AS_OF, LABEL, POSITION, RIPE_AT, TIME, Log, question_columns
from dayshift.engines.local import rows
from dayshift.engines.local.cuts import read
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.order import in_order, order_columns
from dayshift.kernel.arrays import Int64

_RUN = "__run"
_KEY = ("label",)
BLOCK = 1 << 18
"""So many questions are looked up at a time."""


@dataclass(frozen=True)
class Runs:
    """For each question the answers `order[first[n]]` to `order[end[n] - 1]`: rows of the events, sorted by entity."""

    first: Int64
    end: Int64
    order: Int64

    @property
    def found(self) -> np.ndarray:
        """Whether a question has an answer at all."""
        return self.end > self.first


def labels(pipeline: Pipeline, questions: pl.DataFrame, log: Log) -> pl.DataFrame:
    """As `Engine.labels` says."""
    label = pipeline.label
    if label is None:
        raise UsageError("DS526", f"pipeline {pipeline.name!r} has no label", hint="Pipeline(..., label=Label(...))")
    asked = _asked(pipeline, label, questions, log)
    events = _events(label, log, _span(asked, label.within_us))
    runs = _runs(label, asked, events)
    answer = _picked(label, events, runs) if label.pick != "all" else _all(label, events, runs)
    if label.missing is not None:
        missing = pl.select(pl.when(pl.Series(runs.found)).then(answer).otherwise(pl.lit(label.missing, answer.dtype)))
        answer = missing.to_series()
    ripe = pl.col(AS_OF) + pl.duration(microseconds=label.ripe_after_us)
    keys = list(dict.fromkeys([*question_columns(pipeline), AS_OF]))
    return asked.select(keys).with_columns(answer.alias(LABEL), ripe.cast(TIME).alias(RIPE_AT))


def known_at(pipeline: Pipeline, label: Label, questions: pl.DataFrame, log: Log) -> Int64:
    """When the event that answers each question was known, in microseconds; -1 without one. With "all" answers, the last."""
    asked = _asked(pipeline, label, questions, log)
    events = _events(label, log, _span(asked, label.within_us), asked)
    runs = _runs(label, asked, events)
    at = np.where(runs.found, runs.first if label.pick == "first" else runs.end - 1, 0)
    if not events.height:
        return np.full(len(at), -1)
    return np.where(runs.found, events[POSITION].to_numpy()[runs.order[at]], -1)


def _asked(pipeline: Pipeline, label: Label, questions: pl.DataFrame, log: Log) -> pl.DataFrame:
    keys = list(dict.fromkeys([*question_columns(pipeline), AS_OF]))
    absent = [name for name in keys if name not in questions.columns]
    if absent:
        raise UsageError(
            "DS526",
            f"questions lack the columns {shorten(absent)}",
            facts=(f"a question of pipeline {pipeline.name!r} holds {', '.join(keys)}",),
        )
    asked = questions.select(keys)
    wanted = [name for name in label.keys if name not in keys]
    if not wanted or isinstance(pipeline.predict, Calendar):
        return asked
    asker = pipeline.asker
    rows_ = read(log, asker, [asker.time, *asker.key_columns, *wanted]).filter(_within(asker.time, _span(asked, 0)))
    known = (
        rows_.with_columns(pl.col(asker.time).alias(AS_OF))
        .select(*keys, *wanted)
        .unique(keys, keep="any")
        .collect(engine="streaming")
    )
    return asked.join(known, on=keys, how="left", maintain_order="left", nulls_equal=True)


def _span(asked: pl.DataFrame, within_us: int) -> tuple[int, int]:
    """From the first question's time to the end of the last one's answers, in microseconds; without questions, nothing."""
    times = asked[AS_OF].to_physical()
    first, last = times.min(), times.max()
    if first is None or last is None:
        return 1, 0
    return int(first), int(last) + within_us  # type: ignore[arg-type]


def _within(time: str, span: tuple[int, int]) -> pl.Expr:
    """Whether a time lies in a span; files of the lake that hold none of it are not read."""
    low, high = (pl.lit(micros, pl.Int64).cast(TIME) for micros in span)
    return pl.col(time).is_between(low, high)


def _events(label: Label, log: Log, span: tuple[int, int], asked: pl.DataFrame | None = None) -> pl.DataFrame:
    """The events of a span in the order (event time, arrival); where questions are given, only of their keys."""
    source = label.source
    order = [source.time, *(name for name in order_columns(source) if name != source.time)]
    columns = list(dict.fromkeys([source.time, *source.key_columns, *label.keys, *reads(label)]))
    rows_ = read(log, source, columns).filter(_within(source.time, span)).drop_nulls(list(label.keys))
    if asked is not None:
        rows_ = rows_.join(asked.lazy().select(label.keys).unique(), on=list(label.keys), how="semi")
    events = rows_.collect(engine="streaming")
    return events if in_order(events, order) else events.sort(order, maintain_order=True)


def reads(label: Label) -> list[str]:
    """The columns of its source that a label reads."""
    return rows.inputs([_feature(label)], tuple(label.source.columns))


def _feature(label: Label) -> RowFeature:
    return RowFeature(label.source, LABEL, label.expression, label.place)


def _runs(label: Label, asked: pl.DataFrame, events: pl.DataFrame) -> Runs:
    """Runs in the order of (entity, time, arrival); the events come sorted by time and arrival."""
    keys = list(label.keys)
    entities = Numberings()
    known = entities.learn(_KEY, events.select(keys))
    times = events[label.source.time].to_physical().to_numpy()
    ranks = np.zeros(len(times), np.int64)
    np.cumsum(times[1:] != times[:-1], out=ranks[1:])
    moments = times[np.flatnonzero(np.diff(ranks, prepend=-1))]
    stride = len(moments) + 1
    ranks += known * stride
    order = np.argsort(ranks, kind="stable")
    ordered = ranks[order]
    del known, ranks
    asker, at = entities.codes(_KEY, asked.select(keys)), asked[AS_OF].to_physical().to_numpy()
    first, end = np.empty(len(at), np.int64), np.empty(len(at), np.int64)
    for start in range(0, len(at), BLOCK):
        part = slice(start, start + BLOCK)
        entity = asker[part] * stride
        low = entity + np.searchsorted(moments, at[part], "left")
        high = entity + np.searchsorted(moments, at[part] + label.within_us, "right")
        first[part] = np.searchsorted(ordered, low, "left")
        end[part] = np.where(entity < 0, first[part], np.searchsorted(ordered, high, "left"))
    return Runs(first, end, order)


def _picked(label: Label, events: pl.DataFrame, runs: Runs) -> pl.Series:
    value = rows.evaluate([_feature(label)], events)[LABEL]
    at = runs.first if label.pick == "first" else runs.end - 1
    chosen = np.where(runs.found, at, 0)
    if not events.height:
        return pl.Series(LABEL, [None] * len(chosen), dtype=value.dtype)
    picked = value.gather(runs.order[chosen])
    return pl.select(pl.when(pl.Series(runs.found)).then(picked)).to_series()


def _all(label: Label, events: pl.DataFrame, runs: Runs) -> pl.Series:
    """The expression over each question's own run of events, in the order (event time, arrival)."""
    if isinstance(label.expression, Sql):
        raise UsageError("DS526", "a label over all answers is a Polars expression, not SQL", place=label.place)
    counts = runs.end - runs.first
    run = np.repeat(np.arange(len(counts)), counts)
    offsets = np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts, counts)
    members = events[runs.order[np.repeat(runs.first, counts) + offsets]].with_columns(pl.Series(_RUN, run))
    grouped = members.group_by(_RUN, maintain_order=True).agg(label.expression.alias(LABEL))
    questions = pl.DataFrame({_RUN: np.arange(len(counts))})
    return questions.join(grouped, on=_RUN, how="left", maintain_order="left")[LABEL]
