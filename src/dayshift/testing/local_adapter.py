"""The local engine under judgement: as history, and as a stream that is cut, saved and continued.

Questions that events ask go through the engine's own reading of a log. Questions from outside, and a calendar's, stand
at places that the case has given; they go in as a stretch that is already read.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from dayshift.definition import Calendar, Pipeline, Source
from dayshift.diagnostics import Refused
from dayshift.engines.contract import AS_OF, DTYPES, LOAD, POSITION, TIME, FrameLog
from dayshift.engines.local.advance import Stream
from dayshift.engines.local.canonical import instants
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.encode import Stretch
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.order import order_columns, sort_log
from dayshift.engines.local.questions import ask, some
from dayshift.engines.local.task import Task
from dayshift.semantics.reference import Event, Question
from dayshift.testing.engines import Ability, Case, Gap, Row

Placed = Callable[[Event], tuple[int, int]]
Pieces = dict[str, tuple[dict[int, pl.DataFrame], pl.DataFrame]]
CUTS = 6
"""At how many loads of a case, at most, the state is saved and restored."""


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


class AdvanceAdapter(LocalAdapter):
    """The local engine as a stream: taken in batches, the state saved and restored between them.

    What is saved is the engine's state and, as the lake would hold them, the events so far: late questions need the log.
    """

    name = "local-advance"
    gaps: Mapping[Ability, str] = {"hindsight": "a stream knows what had arrived"}

    def answer(self, case: Case) -> list[Row]:
        """Every question of the case, its log cut into loads of `batch` entries (none: its own loads)."""
        if case.policy == "hindsight":
            raise Gap(self.gaps["hindsight"])
        return self._rows(case, case, None)[0] if case.questions else []

    def save(self, case: Case) -> bytes:
        """The state after this part of the log, behind a digest with its events."""
        body = pickle.dumps((self._rows(case, case, None)[1], case.events))
        return hashlib.sha256(body).digest() + body

    def resume(self, state: bytes, case: Case) -> list[Row]:
        """The rest of the log, from the state."""
        if hashlib.sha256(state[32:]).digest() != state[:32]:
            raise Refused("DS523", "the saved state is damaged: its digest is another")
        saved, events = pickle.loads(state[32:])  # noqa: S301
        return self._rows(replace(case, events=(*events, *case.events)), case, saved)[0]

    def _rows(self, whole: Case, part: Case, state: bytes | None) -> tuple[list[Row], bytes]:
        """The rows of a part of the log and the state after it; `whole` is the log so far, the part included."""
        pipeline, numbers = pipeline_of(whole), loads_of(whole, part)
        log = FrameLog(
            _frames(whole, sources_of(whole), lambda event: (numbers[event.place], event.place)), bits_of(whole)
        )
        task = Task.of(pipeline, log)
        stream = Stream(task) if state is None else Stream.resume(task, state)[0]
        found: dict[int, Row] = {}
        pieces = _pieces(task, log)
        asked = _by_load(part, numbers)
        loads = sorted({numbers[place] for place in _places(part)})
        cuts = set(loads[:: len(loads) // CUTS + 1])
        for load in loads:
            if load in cuts:
                stream = Stream.resume(task, stream.save(load))[0]
            order = asked.get(load, [])
            stretch = self._stretch(task, pieces, part, order, load)
            table, late = stream.take(stretch)
            rows = rows_of(pipeline, table)
            if late.any():
                again = some(task, log, Cut(None, (load + 1, 0)), stretch.asked.filter(pl.Series(late)))
                right = iter(rows_of(pipeline, LocalEngine(threads=1).answer(task, again)))
                rows = [next(right) if flag else row for row, flag in zip(rows, late, strict=True)]
            found.update(zip(order, rows, strict=True))
        return [found[number] for number in range(len(part.questions))], stream.save(loads[-1] if loads else 0)

    def _stretch(self, task: Task, pieces: Pieces, part: Case, order: list[int], load: int) -> Stretch:
        frames = {name: by_load.get(load, empty) for name, (by_load, empty) in pieces.items()}
        asked = asked_of(part, order, load)
        if task.calendar is not None:
            return Stretch(frames, asked)
        asker = frames[task.asker]
        places = [part.questions[number].place for number in order]
        own = asker.with_row_index("#").filter(pl.col(POSITION).is_in(places))["#"].cast(pl.Int64).to_numpy()
        return Stretch(frames, ask(asker, task.readings[task.asker])[own], own)


def _pieces(task: Task, log: FrameLog) -> Pieces:
    found: Pieces = {}
    for name, reading in task.readings.items():
        frame = sort_log(log.scan(name).collect(), reading.source)
        parts = frame.partition_by(LOAD, as_dict=True, maintain_order=True)
        found[name] = ({int(key[0]): part for key, part in parts.items()}, frame.clear())
    return found


def _by_load(case: Case, numbers: Mapping[int, int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for number, question in _in_order(case):
        found.setdefault(numbers[question.place], []).append(number)
    return found


def _in_order(case: Case) -> list[tuple[int, Question]]:
    return sorted(enumerate(case.questions), key=lambda pair: pair[1].place)


def _places(case: Case) -> set[int]:
    return {event.place for event in case.events} | {question.place for question in case.questions}


def loads_of(whole: Case, part: Case) -> dict[int, int]:
    """A number of a load for every place of the log: pieces of `batch` places, or the load that brought the event."""
    given = {event.place: event.load for event in whole.events}
    places = sorted(_places(whole) | _places(part))
    found, last = {}, 1
    for place in places:
        last = place // part.batch + 1 if part.batch else max(last, given.get(place, last))
        found[place] = last
    start = min(_places(part), default=0)
    return {place: 2 * load + (place >= start and part is not whole) for place, load in found.items()}


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
    predict: Source | Calendar = Calendar(case.features[0].source, "1d", ())
    if isinstance(case.predict, Source):
        predict = case.predict
    elif own is not None:
        predict = asker[own.source]
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
        log = FrameLog(_frames(case, sources, as_stored), bits_of(case))
        if _keeps_places(case, sources):
            return log
    return FrameLog(_frames(case, sources, lambda event: (1, event.place)), bits_of(case))


def _keeps_places(case: Case, sources: Mapping[str, Source]) -> bool:
    def rank(event: Event) -> tuple[Any, ...]:
        names = order_columns(sources[event.source])[2:]
        rest = tuple(value for name in names for value in (event.values.get(name),))
        return (event.load, event.position, event.source, *((value is not None, value or 0) for value in rest))

    events = sorted((event for event in case.events if event.source in sources), key=lambda event: event.place)
    ranks = [rank(event) for event in events]
    return all(one < after for one, after in zip(ranks, ranks[1:], strict=False))


def _frames(case: Case, sources: Mapping[str, Source], placed: Placed) -> dict[str, pl.DataFrame]:
    return {
        name: event_frame(source, [event for event in case.events if event.source == name], placed)
        for name, source in sources.items()
    }


def as_stored(event: Event) -> tuple[int, int]:
    """The load and the position that the event was stored with."""
    return event.load, event.position


def event_frame(source: Source, events: Sequence[Event], placed: Placed = as_stored) -> pl.DataFrame:
    """Events as the lake would store them; `placed` gives each its `_load` and `_position`."""
    columns = {name: [event.values.get(name) for event in events] for name in source.columns}
    columns[source.time] = [event.event_time for event in events]
    series = [column_of(name, columns[name], source.columns[name].type) for name in source.columns]
    places = [placed(event) for event in events]
    series += [pl.Series(LOAD, [load for load, _ in places], pl.Int64)]
    series += [pl.Series(POSITION, [position for _, position in places], pl.Int64)]
    return pl.DataFrame(series)


def column_of(name: str, values: Sequence[Any], kind: str) -> pl.Series:
    """Python values as a column of a log; times are integer microseconds."""
    given = pl.Int64() if kind == "datetime" else DTYPES[kind]
    return pl.Series(name, values, given, strict=False).cast(DTYPES[kind])


def asked_of(case: Case, order: Sequence[int], load: int = 1) -> pl.DataFrame:
    """The questions in this order, each at its place of one load."""
    asked = [case.questions[number] for number in order]
    kinds = {theirs: f.source.columns[column].type for f in case.features for column, theirs in f.keys}
    series = [column_of(name, [q.values.get(name) for q in asked], kind) for name, kind in kinds.items()]
    series += [pl.Series(LOAD, [load] * len(asked), pl.Int64)]
    series += [pl.Series(POSITION, [question.place for question in asked], pl.Int64)]
    series += [pl.Series(AS_OF, [question.as_of for question in asked], pl.Int64).cast(TIME)]
    return pl.DataFrame(series)


def bits_of(case: Case) -> dict[str, dict[str, int]]:
    """The powers of two of the case's fixed points, by source and column."""
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
