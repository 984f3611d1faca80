"""The log as it comes: micro-batches through a stream that stays in memory.

What the numbers are is said by `advance.py`, whose state this is: a nightly advance goes on from a snapshot and the other
way round. A calendar's ticks are asked when the log's clock passes them, where they stand: the events before a tick are
taken first, then its questions, in pieces of bounded size, then the events behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dayshift.definition import Calendar, Pipeline
from dayshift.diagnostics import Bug
from dayshift.engines.contract import AS_OF, DTYPES, LOAD, POSITION, TIME, Log
from dayshift.engines.local import questions, ticks
from dayshift.engines.local.advance import Stream, from_log
from dayshift.engines.local.canonical import canonical
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.encode import Stretch
from dayshift.engines.local.numbering import Dictionary, stack
from dayshift.engines.local.order import sort_log
from dayshift.engines.local.task import Reading, Task
from dayshift.kernel.arrays import Int64

if TYPE_CHECKING:
    from dayshift.engines.local.engine import LocalEngine

Frames = Mapping[str, pl.DataFrame]
PIECE = 500_000
"""How many of a calendar's questions are asked at a time."""
NOWHERE = (-(2**63), -(2**63))


class LiveSession:
    """What `Session` says, over one `Stream`."""

    def __init__(self, engine: LocalEngine, pipeline: Pipeline, log: Callable[[], Log], state: bytes | None) -> None:
        self._engine, self._log = engine, log
        known = log()
        self._task = task = Task.of(pipeline, known)
        self._unmeasured = _unmeasured(task, known)
        self._place, self._clock, shown = NOWHERE, None, None
        if state is None:
            self._stream = Stream(task, live=True)
        else:
            self._stream, saved = Stream.resume(task, state, live=True)
            self._place, self._clock, shown = (saved.load, NOWHERE[1]), saved.clock_us, saved.shown
        self._shown = None if task.calendar is None else Shown(task.calendar, shown)
        others = {source.name for source in pipeline.sources} - set(task.readings)
        self._others = others if self._shown is not None else set[str]()
        self._empty = {name: _empty(reading) for name, reading in task.readings.items()}
        self._kinds = {name: dict(frame.schema) for name, frame in self._empty.items()}

    def take(self, frames: Frames, upto_us: int | None = None) -> pl.DataFrame:
        """As `Session.take` says.

        Raises:
            Bug: DS529, the events do not stand behind those that were taken, in the log's order.
        """
        given = {name: self._given(reading, frames.get(name)) for name, reading in self._task.readings.items()}
        known = {**given, **self._only_known(frames)}
        self._behind(known)
        if self._unmeasured:
            self._measure(given)
        if self._shown is not None:
            tables = [
                self._answer(stretch) for stretch in self._by_ticks(self._shown, given, self._due(known, upto_us))
            ]
            full = [table for table in tables if table.height]
            return pl.concat(full) if len(full) > 1 else (full or tables)[0]
        asker = given[self._task.asker]
        asked = questions.ask(asker, self._task.readings[self._task.asker])
        return self._answer(Stretch(given, asked, np.arange(asker.height)))

    def snapshot(self, load: int) -> Callable[[], bytes]:
        """As `Session.snapshot` says.

        Raises:
            Bug: DS529, events of a later load were taken.
        """
        if self._place[0] > load:
            raise Bug("DS529", f"a snapshot after load {load} was asked for, and load {self._place[0]} has been taken")
        return self._stream.snapshot(load, self._clock, None if self._shown is None else self._shown.frame)

    @property
    def size(self) -> Mapping[str, int]:
        """As `Session.size` says; `bytes` are the kernel's."""
        return self._stream.size

    def _given(self, reading: Reading, frame: pl.DataFrame | None) -> pl.DataFrame:
        """The columns that are read, in canonical types and in the log's order."""
        empty = self._empty[reading.source.name]
        if frame is None or not frame.height:
            return empty
        kinds, there = self._kinds[reading.source.name], frame.columns
        columns = [frame.get_column(name) for name in kinds if name in there]
        if [column.dtype for column in columns] == list(kinds.values()):
            found = pl.DataFrame(columns)
        else:
            found = canonical(frame.lazy(), reading.source, reading.columns).collect()
        return _ordered(found, reading)

    def _only_known(self, frames: Frames) -> Frames:
        """Events that no feature counts, such as a label's: for a calendar they move the log's clock, no more."""
        names = [name for name in self._others if name in frames and frames[name].height]
        return {name: frames[name].select(LOAD, POSITION).sort(LOAD, POSITION) for name in names}

    def _behind(self, given: Frames) -> None:
        """Move the place up to which events were taken.

        Raises:
            Bug: DS529.
        """
        first, last = self._place, self._place
        for name, frame in given.items():
            if not frame.height:
                continue
            loads, places = frame.get_column(LOAD), frame.get_column(POSITION)
            if (loads[0], places[0]) < first:
                raise Bug("DS529", f"events of source '{name}' do not stand behind those that were taken")
            last = max(last, (loads[-1], places[-1]))
        self._place = last

    def _measure(self, given: Frames) -> None:
        """Take over what was measured of sources that bring their first events."""
        new = {name for name in self._unmeasured if given[name].height}
        if new:
            self._unmeasured -= new
            self._task = Task.of(self._task.pipeline, self._log())
            self._stream.rescale(self._task)

    def _answer(self, stretch: Stretch) -> pl.DataFrame:
        table, late = self._stream.take(stretch)
        if late.any():
            first, last = (
                (stretch.asked[row, LOAD] for row in (0, -1)),
                (stretch.asked[row, POSITION] for row in (0, -1)),
            )
            (low, before), (high, after) = zip(first, last, strict=True)
            cut = Cut((low, before), (high, after + 1))
            table = from_log(self._engine, self._task, self._log(), (table, stretch.asked), cut, late)
        return table

    # ---------------------------------------------------------------- calendars

    def _by_ticks(self, shown: Shown, given: Frames, due: Sequence[ticks.Tick]) -> Iterator[Stretch]:
        """The micro-batch cut at the ticks that are due, each with the questions asked there; one at least."""
        asker, done = self._task.asker, dict.fromkeys(given, 0)
        before = {name: _rows_before(frame, due) for name, frame in given.items()}
        nobody = shown.asked([], 0, 0)
        for rows, group in groupby(range(len(due)), lambda at: tuple(int(each[at]) for each in before.values())):
            until = dict(zip(given, rows, strict=True))
            if until != done:
                part = {name: frame.slice(done[name], until[name] - done[name]) for name, frame in given.items()}
                shown.learn(part[asker])
                yield Stretch(part, nobody)
            done = until
            for asked in shown.questions([due[at] for at in group]):
                yield Stretch(self._empty, asked)
        rest = {name: frame.slice(done[name]) for name, frame in given.items()}
        shown.learn(rest[asker])
        yield Stretch(rest, nobody)

    def _due(self, given: Frames, upto_us: int | None) -> list[ticks.Tick]:
        """The ticks between the clock and the latest event, or `upto_us`; the clock is moved.

        A tick that no event passed stands in the load that was taken last.
        """
        assert self._task.calendar is not None
        spans = _spans(list(given.values()))
        if upto_us is not None and (self._clock is not None or spans):
            spans.append((max(self._place[0], 0), upto_us, upto_us))
        due = ticks.between(self._task.calendar, spans, self._clock)
        self._clock = max([high for _, _, high in spans] + ([] if self._clock is None else [self._clock]), default=None)
        return due


class Shown:
    """The entities that a calendar's source has shown so far; sorted only when they are asked for."""

    def __init__(self, calendar: Calendar, known: pl.DataFrame | None) -> None:
        self._by = list(calendar.by)
        columns = calendar.source.columns
        self._known = Dictionary(pl.Schema({name: DTYPES[columns[name].type] for name in self._by}))
        self._known.index()
        if known is not None:
            self._known.learn(known)
        self._sorted = self.frame.sort(self._by)

    @property
    def frame(self) -> pl.DataFrame:
        """The entities in any order."""
        return self._known.frame(self._by)

    def learn(self, frame: pl.DataFrame) -> None:
        """Add the entities of these events."""
        if frame.height:
            self._known.learn(stack(frame, self._by))

    def questions(self, due: Sequence[ticks.Tick]) -> Iterator[pl.DataFrame]:
        """What these ticks ask when nothing happens between them, in pieces."""
        self._sort()
        entities = self._sorted.height
        if not entities:
            return
        step = max(PIECE // entities, 1)
        for at in range(0, len(due), step):
            for start in range(0, entities, PIECE):
                yield self.asked(due[at : at + step], start, PIECE)

    def asked(self, due: Sequence[ticks.Tick], start: int, count: int) -> pl.DataFrame:
        """These ticks' questions for some of the entities, in the log's order."""
        some = self._sorted.slice(start, count)
        loads, at = (
            (np.repeat(np.array(part, np.int64), some.height) for part in zip(*due, strict=True)) if due else (_NO, _NO)
        )
        entities = pl.concat([some] * len(due)) if due else some.clear()
        named = [pl.Series(LOAD, loads), pl.Series(POSITION, at), pl.Series(AS_OF, at).cast(TIME)]
        return pl.DataFrame([*named, *entities.get_columns()])

    def _sort(self) -> None:
        if self._sorted.height != self._known.size:
            self._sorted = self.frame.sort(self._by)


_NO = np.empty(0, np.int64)


def _empty(reading: Reading) -> pl.DataFrame:
    kinds = {name: DTYPES[reading.source.columns[name].type] for name in reading.columns}
    return pl.DataFrame(schema={LOAD: pl.Int64(), POSITION: pl.Int64(), **kinds})


def _unmeasured(task: Task, log: Log) -> set[str]:
    """Sources of which nobody has measured yet how fine a float column of theirs is that a feature reads."""
    found = set()
    for feature in task.features:
        column = feature.column
        if column is not None and column.type == "float" and column.bits is None:
            measured = feature.aggregate.column in log.bits(feature.source.name)
            found |= set() if measured else {feature.source.name}
    return found


def _ordered(frame: pl.DataFrame, reading: Reading) -> pl.DataFrame:
    """The rows in the log's order, which strictly rising positions show at once."""
    loads, places = frame[LOAD].to_numpy(), frame[POSITION].to_numpy()
    if (places[1:] > places[:-1]).all() and (loads == loads[0]).all():
        return frame
    return sort_log(frame, reading.source)


def _spans(frames: Sequence[pl.DataFrame]) -> list[tuple[int, int, int]]:
    """(load, first position, last position) of each load, over all sources."""
    found: dict[int, tuple[int, int]] = {}
    for frame in frames:
        loads, places = frame[LOAD].to_numpy(), frame[POSITION].to_numpy()
        for load in np.unique(loads).tolist():
            mine = places[np.searchsorted(loads, load) : np.searchsorted(loads, load, "right")]
            low, high = found.get(load, (int(mine[0]), int(mine[-1])))
            found[load] = min(low, int(mine[0])), max(high, int(mine[-1]))
    return [(load, *found[load]) for load in sorted(found)]


def _rows_before(frame: pl.DataFrame, due: Sequence[ticks.Tick]) -> Int64:
    """For each tick how many rows of a frame in the log's order stand before it."""
    loads, places = frame[LOAD].to_numpy(), frame[POSITION].to_numpy()
    found = np.empty(len(due), np.int64)
    for load in {load for load, _ in due}:
        mine = [number for number, tick in enumerate(due) if tick[0] == load]
        low, high = np.searchsorted(loads, load), np.searchsorted(loads, load, "right")
        found[mine] = low + np.searchsorted(places[low:high], [due[number][1] for number in mine])
    return found
