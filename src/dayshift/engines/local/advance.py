"""The log as a stream: only new loads are read, in stretches of its order; a saved state stands for all before.

A question whose window reaches below what the state has let go (a late one, mostly) is flagged by the kernel and answered
from the log instead, so that the numbers are those of history, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dayshift.definition.fingerprint import features_fingerprint
from dayshift.diagnostics import UsageError
from dayshift.engines.contract import LOAD, POSITION, Log
from dayshift.engines.local import cuts, decode, questions, rows, ticks
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.encode import Stretch, encode
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.rows import Rows
from dayshift.engines.local.state import Saved, after, unseal
from dayshift.engines.local.task import Task
from dayshift.kernel.arrays import Mask
from dayshift.kernel.stream import State

if TYPE_CHECKING:
    from dayshift.engines.local.engine import LocalEngine


FEW = 1_000
"""How many new entities a stretch is taken to show, when a calendar's questions are counted out."""


class Stream:
    """The kernel's state with all that gives its numbers their meaning; takes stretches in the log's order.

    `live`: stretches are small, so whatever a stretch costs beside its own rows is saved.
    """

    def __init__(self, task: Task, saved: Saved | None = None, *, live: bool = False) -> None:
        self.task = task
        self._rows = Rows(task.row_features).evaluate if live else partial(rows.evaluate, task.row_features)
        self.fingerprint = features_fingerprint(task.pipeline)
        self.place = 0 if saved is None else saved.next_place
        self._numberings = Numberings({} if saved is None else saved.dictionaries, indexed=live)
        self._state = State(task.plan) if saved is None else State.restore(task.plan, saved.kernel[0])
        if live:
            self._state.reserve()

    @staticmethod
    def resume(task: Task, state: bytes, *, live: bool = False) -> tuple[Stream, Saved]:
        """The stream that was saved, and what else was.

        Raises:
            Refused: DS523, the state is damaged or belongs to other features.
        """
        saved = unseal(state, features_fingerprint(task.pipeline))
        return Stream(task, saved, live=live), saved

    def rescale(self, task: Task) -> None:
        """Follow a task in which columns of sources that have not brought anything yet have other scales."""
        self._state.rescale(task.plan)
        self.task = task

    def take(self, stretch: Stretch) -> tuple[pl.DataFrame, Mask]:
        """The features of the stretch's questions, and which of them must be answered from the log instead."""
        task = self.task
        found: Mapping[str, pl.Series] = {}
        late = np.zeros(stretch.asked.height, np.bool_)
        if task.features:
            events, asked = encode(task, stretch, self._numberings, self.place)
            answers = self._state.advance(events, asked)
            late = self._state.unanswerable
            found = decode.columns(task, answers, self._numberings)
        self.place += sum(frame.height for frame in stretch.frames.values()) + stretch.asked.height
        found = {**found, **self._rows(stretch.asked)}
        return decode.table(task, stretch.asked, found, self.fingerprint, "as_known"), late

    def save(self, load: int, clock_us: int | None = None, shown: pl.DataFrame | None = None) -> bytes:
        """The state as bytes, after this load."""
        return self.snapshot(load, clock_us, shown)()

    def snapshot(
        self, load: int, clock_us: int | None = None, shown: pl.DataFrame | None = None
    ) -> Callable[[], bytes]:
        """The state after this load, to be made bytes of later and on any thread; the stream may go on at once."""
        place, kernel = self.place, self._state.snapshot()
        dictionaries = {name: found.frozen() for name, found in self._numberings.dictionaries.items()}
        return lambda: Saved(self.fingerprint, load, place, clock_us, dictionaries, shown, kernel()).seal()

    @property
    def size(self) -> dict[str, int]:
        """What it holds: `keys` (entities of all series), `events` in windows (once a lane), `bytes` of the kernel's state."""
        series = {(each.source, *each.columns) for each in self.task.plan.series} if self.task.features else set()
        keys = sum(found.size for name, found in self._numberings.dictionaries.items() if name in series)
        return {"keys": keys, "events": self._state.held, "bytes": self._state.bytes_used}


class Advance:
    """One advance over some loads: iterate for the features, then `save`."""

    def __init__(
        self, engine: LocalEngine, task: Task, log: Log, state: bytes | None, loads: tuple[int, int], most: int
    ) -> None:
        self._engine, self._task, self._log, self._loads, self._most = engine, task, log, loads, most
        self._first = 1
        self._clock: int | None = None
        self._shown: pl.DataFrame | None = None
        if state is None:
            self._stream = Stream(task)
        else:
            self._stream, saved = Stream.resume(task, state)
            after(saved, loads[0])
            self._first, self._clock, self._shown = saved.load + 1, saved.clock_us, saved.shown
        self._done = False

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """The features of the loads asked for, a frame a stretch."""
        for cut, due in self._parts():
            stretch = self._stretch(cut, due)
            table, late = self._stream.take(stretch)
            if late.any():
                table = from_log(self._engine, self._task, self._log, (table, stretch.asked), cut, late)
            del stretch
            wanted = table.filter(pl.col(LOAD) >= self._loads[0])
            if wanted.height:
                yield wanted
            del table, wanted
        self._done = True

    def save(self) -> bytes:
        """The state after the last load.

        Raises:
            UsageError: DS523, the features have not been read to the end.
        """
        if not self._done:
            raise UsageError("DS523", "the state was asked for before the features were read to the end")
        return self._stream.save(self._loads[1], self._clock, self._shown)

    def _parts(self) -> Iterator[tuple[Cut, list[ticks.Tick]]]:
        whole = cuts.of_loads((self._first, self._loads[1]))
        sources = [reading.source for reading in self._task.readings.values()]
        found = cuts.split(self._log, sources, whole, self._most)
        if self._task.calendar is None:
            yield from ((cut, []) for cut in found)
            return
        spans = ticks.clock(self._task.pipeline, self._log, whole)
        due = ticks.between(self._task.calendar, spans, self._clock)
        self._clock = max([high for _, _, high in spans] + ([] if self._clock is None else [self._clock]), default=None)
        for cut in found:
            yield from self._by_ticks(cut, due)

    def _by_ticks(self, cut: Cut, due: list[ticks.Tick]) -> Iterator[tuple[Cut, list[ticks.Tick]]]:
        """A cut again cut, so that its ticks do not ask too many questions at once."""
        mine = [tick for tick in due if cut.holds(tick)]
        known = 0 if self._shown is None else self._shown.height
        step = max(self._most // (known + FEW), 1)
        edges = [cut.low, *(mine[at] for at in range(step, len(mine), step)), cut.high]
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            part = Cut(low, high)
            yield part, [tick for tick in mine if part.holds(tick)]

    def _stretch(self, cut: Cut, due: list[ticks.Tick]) -> Stretch:
        readings = self._task.readings
        frames = {
            name: questions.collect(self._log, reading, cut.inside(reading.source))
            for name, reading in readings.items()
        }
        calendar = self._task.calendar
        if calendar is None:
            asker = frames[self._task.asker]
            return Stretch(frames, questions.ask(asker, readings[self._task.asker]), np.arange(asker.height))
        entities = self._entities(list(calendar.by), frames[self._task.asker])
        return Stretch(frames, ticks.questions(calendar, due, entities))

    def _entities(self, by: list[str], frame: pl.DataFrame) -> pl.DataFrame:
        """Those shown before, standing before everything, and those of this stretch where they first stand."""
        new = frame.select(*by, LOAD, POSITION).drop_nulls(by)
        old = (
            new.clear()
            if self._shown is None
            else self._shown.with_columns(pl.lit(0, pl.Int64).alias(LOAD), pl.lit(0, pl.Int64).alias(POSITION))
        )
        entities = ticks.first_shown(pl.concat([old, new]), by)
        self._shown = entities.select(by)
        return entities


def from_log(
    engine: LocalEngine, task: Task, log: Log, taken: tuple[pl.DataFrame, pl.DataFrame], cut: Cut, late: Mask
) -> pl.DataFrame:
    """The table of a stretch with its late questions answered from the log; `taken` is (table, questions)."""
    table, asked = taken
    again = questions.some(task, log, cut, asked.filter(pl.Series(late)))
    right = engine.answer(task, again)
    numbered = table.with_row_index("#")
    kept, replaced = numbered.filter(pl.Series(~late)), numbered.filter(pl.Series(late))["#"]
    return pl.concat([kept, right.insert_column(0, replaced)]).sort("#").drop("#")
