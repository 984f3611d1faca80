"""The local engine under judgement: as history, and as a stream that is cut, saved and continued.

Questions that events ask go through the engine's own reading of a log. Questions from outside, and a calendar's, stand
at places that the case has given; they go in as a stretch that is already read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from dayshift.definition import Calendar, Pipeline, Source
from dayshift.engines.contract import AS_OF, DTYPES, LOAD, POSITION, TIME, FrameLog
from dayshift.engines.local.canonical import instants
from dayshift.engines.local.encode import Stretch
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.order import order_columns, sort_log
from dayshift.engines.local.task import Task
from dayshift.semantics.reference import Event
from dayshift.testing.engines import Ability, Case, Gap, Row


class LocalAdapter:
    """The local engine on history: all events at once, or in stretches of `batch` rows."""

    name = "local"
    gaps: Mapping[Ability, str] = {
        "state": "history keeps none; local-advance does",
    }

    def answer(self, case: Case) -> list[Row]:
        """Every question of the case, in its order."""
        if not case.questions:
            return []
        engine = LocalEngine(threads=1, stretch=case.batch or 2**62)
        return by_events(case, engine) if case.questions[0].own is not None else from_outside(case, engine)

    def save(self, case: Case) -> bytes:  # noqa: ARG002
        """Never: see `gaps`."""
        raise Gap(self.gaps["state"])

    def resume(self, state: bytes, case: Case) -> list[Row]:  # noqa: ARG002
        """Never: see `gaps`."""
        raise Gap(self.gaps["state"])

    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:
        """The instants that the engine reads from a column written so."""
        return read_instants(written, kind)


def by_events(case: Case, engine: LocalEngine) -> list[Row]:
    """Questions that events ask, through the engine's reading of the log."""
    pipeline, log = pipeline_of(case), log_of(case)
    frames = list(engine.features(pipeline, log, policy=case.policy))
    rows = rows_of(pipeline, pl.concat(frames))
    asker = sorted(event.place for event in case.events if event.source == pipeline.asker.name)
    by_place = dict(zip(asker, rows, strict=True))
    return [by_place[question.place] for question in case.questions]


def from_outside(case: Case, engine: LocalEngine) -> list[Row]:
    """Questions at given places, as a stretch of the log that is already in memory."""
    pipeline, log = pipeline_of(case), log_of(case, by_place=True)
    task = Task.of(pipeline, log)
    frames = {name: sort_log(log.scan(name).collect(), reading.source) for name, reading in task.readings.items()}
    ordered = sorted(range(len(case.questions)), key=lambda number: case.questions[number].place)
    frame = engine.answer(task, Stretch(frames, asked_of(case, ordered)), case.policy)
    rows = rows_of(pipeline, frame)
    found = dict(zip(ordered, rows, strict=True))
    return [found[number] for number in range(len(case.questions))]


def pipeline_of(case: Case) -> Pipeline:
    """The case's features as a pipeline; questions from outside stand in as a calendar's."""
    asker = {feature.source.name: feature.source for feature in case.features}
    own = case.questions[0].own if case.questions else None
    predict = case.predict
    if own is not None and not isinstance(predict, Source):
        predict = asker[own.source]
    elif own is None:
        predict = Calendar(case.features[0].source, "1d", ())
    return Pipeline("case", predict=predict, features=case.features)


def sources_of(case: Case) -> dict[str, Source]:
    """The sources that the pipeline reads, by name."""
    found = {feature.source.name: feature.source for feature in case.features}
    if isinstance(case.predict, Source):
        found[case.predict.name] = case.predict
    return found


def log_of(case: Case, *, by_place: bool = False) -> FrameLog:
    """The case's events as a log; their places themselves are the positions when load and position do not tell them."""
    sources = sources_of(case)
    if not by_place:
        log = FrameLog(_frames(case, sources, by_place=False), _bits(case))
        if _keeps_places(case, sources):
            return log
    return FrameLog(_frames(case, sources, by_place=True), _bits(case))


def _keeps_places(case: Case, sources: Mapping[str, Source]) -> bool:
    def rank(event: Event) -> tuple[Any, ...]:
        names = order_columns(sources[event.source])[2:]
        rest = tuple(value for name in names for value in (event.values.get(name),))
        return (event.load, event.position, event.source, *((value is not None, value or 0) for value in rest))

    events = sorted((event for event in case.events if event.source in sources), key=lambda event: event.place)
    ranks = [rank(event) for event in events]
    return all(one < after for one, after in zip(ranks, ranks[1:], strict=False))


def _frames(case: Case, sources: Mapping[str, Source], *, by_place: bool) -> dict[str, pl.DataFrame]:
    return {
        name: event_frame(source, [event for event in case.events if event.source == name], by_place=by_place)
        for name, source in sources.items()
    }


def event_frame(source: Source, events: Sequence[Event], *, by_place: bool) -> pl.DataFrame:
    """Events as the lake would store them."""
    columns = {name: [event.values.get(name) for event in events] for name in source.columns}
    columns[source.time] = [event.event_time for event in events]
    series = [column_of(name, columns[name], source.columns[name].type) for name in source.columns]
    places = [(1, event.place) if by_place else (event.load, event.position) for event in events]
    series += [pl.Series(LOAD, [load for load, _ in places], pl.Int64)]
    series += [pl.Series(POSITION, [position for _, position in places], pl.Int64)]
    return pl.DataFrame(series)


def column_of(name: str, values: Sequence[Any], kind: str) -> pl.Series:
    """Python values as a column of a log; times are integer microseconds."""
    given = pl.Int64() if kind == "datetime" else DTYPES[kind]
    return pl.Series(name, values, given, strict=False).cast(DTYPES[kind])


def asked_of(case: Case, order: Sequence[int]) -> pl.DataFrame:
    """The questions in this order, each at its place."""
    asked = [case.questions[number] for number in order]
    kinds = {theirs: f.source.columns[column].type for f in case.features for column, theirs in f.keys}
    series = [column_of(name, [q.values.get(name) for q in asked], kind) for name, kind in kinds.items()]
    series += [pl.Series(LOAD, np.ones(len(asked), np.int64))]
    series += [pl.Series(POSITION, [question.place for question in asked], pl.Int64)]
    series += [pl.Series(AS_OF, [question.as_of for question in asked], pl.Int64).cast(TIME)]
    return pl.DataFrame(series)


def _bits(case: Case) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (source, column), scale in case.scales.items():
        found.setdefault(source, {})[column] = scale.bit_length() - 1
    return found


def rows_of(pipeline: Pipeline, frame: pl.DataFrame) -> list[Row]:
    """A features table as plain rows; times are integer microseconds."""
    columns = frame.select(pipeline.columns)
    plain = columns.with_columns(column.to_physical() for column in columns if isinstance(column.dtype, pl.Datetime))
    return plain.rows()


def read_instants(written: Sequence[str], kind: str) -> list[int | None]:
    """What the engine makes of a column of times written so: see `semantics/instants.py` for the kinds."""
    texts = pl.Series("at", [text or None for text in written], pl.String)
    if kind in ("s", "ms", "us", "ns"):
        whole = texts.cast(pl.Int64).to_frame()
        at = pl.col("at")
        scaled = {"s": at * 1_000_000, "ms": at * 1_000, "us": at, "ns": at // 1_000}
        return whole.select(scaled[kind]).to_series().to_list()
    unit_ = "ns" if kind == "text" else kind[kind.index("[") + 1 : -1]
    zone = None if kind.startswith("naive") else "America/New_York"
    return _datetimes(texts, unit_, zone)


def _datetimes(texts: pl.Series, unit: Any, zone: str | None) -> list[int | None]:
    utc = [None if text is None else text if _has_offset(text) else f"{text}Z" for text in texts]
    stored = pl.Series("at", utc, pl.String).str.to_datetime(time_unit="ns", time_zone="UTC")
    column = stored.dt.cast_time_unit(unit)
    column = column.dt.replace_time_zone(None) if zone is None else column.dt.convert_time_zone(zone)
    dtype = pl.Datetime(unit, zone)
    return column.to_frame().select(instants(pl.col("at"), dtype).to_physical()).to_series().to_list()


def _has_offset(text: str) -> bool:
    return text.endswith("Z") or text[-6:-5] in ("+", "-")
