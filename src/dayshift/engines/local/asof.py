"""The same questions as of other times: what their features would have been, had they been computed earlier.

A question asked at t can be answered as of a(t) <= t, the last full hour or the last midnight. What is then seen is
what a job that ran at a(t) would have read: events that happened before a(t) and were known before it. The log has a
clock for that, the running maximum of `_position` in its order (up to when a load was made), and a question of time
a(t) stands before the first event that the clock finds known at a(t) or later, never behind its own place. The event
that asks has not happened yet then, so nothing counts it.

Labels can also be known sooner than they were. Their events then move to the front of the log, by as much as they are
known sooner and never before they happened; and windows that wait for labels by an analytic delay wait less.

Everything is encoded once. Each time and place is then one pass of the kernel for each series of events, whose answers
become 32-bit numbers before the next series is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from dayshift.definition import Pipeline, Window, WindowFeature
from dayshift.engines.contract import AS_OF, LOAD, POSITION, Log
from dayshift.engines.local import decode, order, rows, ticks
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.encode import encode_events, entities_asked, microseconds
from dayshift.engines.local.labels import reads
from dayshift.engines.local.memory import give_back
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.questions import ask, collect
from dayshift.engines.local.task import Reading, Task
from dayshift.kernel import history
from dayshift.kernel.arrays import Events, Int64, Mask, Questions, Values
from dayshift.kernel.plan import Series

ALL = 2**62
_NOWHERE = np.empty(0, np.int64)
TABLE = 1 << 22
"""So many times at most are looked up in a table of all full units."""

Shrink = Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class Standing:
    """Where events stand: the load that brought each, and when it was known (microseconds)."""

    load: Int64
    known: Int64


@dataclass(frozen=True)
class Placed:
    """A log's events in order: by source the events, their standing, and when the log's clock knew each."""

    events: Mapping[str, Events]
    clocks: Mapping[str, Int64]
    own: Int64


@dataclass(frozen=True)
class Clock:
    """The log's clock: `loads` ascending; for each source the latest time known in each load, and when it was made."""

    loads: Int64
    highs: Mapping[str, Int64]
    made: Int64

    def tops(self, replaced: Mapping[str, Int64]) -> Int64:
        """What the clock shows at the end of each load, with some sources' latest times replaced."""
        highs = np.stack(list({**self.highs, **replaced}.values()))
        return np.maximum.accumulate(np.minimum(highs.max(axis=0), self.made))

    def before(self, tops: Int64, load: Int64) -> Int64:
        """What the clock shows when a load begins."""
        return np.concatenate([[-ALL], tops])[np.searchsorted(self.loads, load)]

    def at(self, tops: Int64, standing: Standing) -> Int64:
        """What the clock shows at each event."""
        if self.loads.size <= 1 and (self.made == ALL).all():
            return standing.known
        made = self.made[np.searchsorted(self.loads, standing.load)]
        return np.maximum(self.before(tops, standing.load), np.minimum(standing.known, made))

    def latest(self, standing: Standing) -> Int64:
        """The latest time known in each load, of these events."""
        found = np.full(self.loads.size, -ALL)
        np.maximum.at(found, np.searchsorted(self.loads, standing.load), standing.known)
        return found


class Asof:
    """All questions of a log, encoded once, to be answered as of other times.

    `asked` holds the questions in the log's order with `_load`, `_position`, `as_of` and the columns that name them,
    `time` their `as_of` in microseconds, `known_until` what the log's clock shows at the end (None for an empty log).
    """

    def __init__(self, pipeline: Pipeline, log: Log, *, threads: int | None = None) -> None:
        self.task = Task.of(pipeline, log)
        self._threads = threads
        self._numberings = Numberings()
        self._clock = _clock(pipeline, log)
        self.known_until = int(self._clock.tops({})[-1]) if self._clock.loads.size else None
        self._standing: dict[str, Standing] = {}
        self._events: dict[str, Events] = {}
        self.asked, self._asking = self._read(log)
        self.time = microseconds(self.asked[AS_OF])
        self._ticks = _standing(self.asked) if self._asking is None else None
        own = self._asking if self.task.asker in self._events else None
        self._own = own
        self._entities = {
            series: entities_asked(self.task, series, self.asked, own, self._events, self._numberings)
            for series in self.task.plan.series
        }
        places, asking = self._places(self._standing)
        self._events = {name: replace(found, position=places[name]) for name, found in self._events.items()}
        self._placed: tuple[int, Placed] | None = (0, self._declared(asking))

    def _read(self, log: Log) -> tuple[pl.DataFrame, Int64 | None]:
        """Every source's events, one source after the other; the questions, and which events ask them."""
        calendar, asked, asking = self.task.calendar, pl.DataFrame(), None
        for name, reading in self.task.readings.items():
            asks = calendar is None and name == self.task.asker
            if not (asks or reading.is_counted):
                continue
            frame = collect(log, reading)
            self._standing[name] = _standing(frame)
            if reading.is_counted:
                self._events[name] = encode_events(self.task, reading, frame, _NOWHERE, self._numberings)
            if asks:
                asked, asking = ask(frame.drop(_unasked(self.task, reading)), reading), np.arange(frame.height)
            del frame
            give_back()
        if calendar is not None:
            due = ticks.between(calendar, ticks.clock(self.task.pipeline, log, Cut()), None)
            asked = ticks.questions(calendar, due, ticks.shown(calendar, log, Cut()))
        return asked, asking

    def row_features(self, shrink: Shrink) -> dict[str, pl.Series]:
        """The features of the asking rows themselves, which no time but their own can change."""
        found = rows.evaluate(self.task.pipeline.row_features, self.asked)
        return {name: shrink(found.pop(name)) for name in list(found)}

    def features(self, unit_us: int | None, sooner_us: int, shrink: Shrink) -> dict[str, pl.Series]:
        """The window features' columns by name, each as `shrink` made it from the engine's own.

        Args:
            unit_us: as of the last full multiple of this; None: as of the question itself, in its own place.
            sooner_us: how much sooner labels are known than declared.
        """
        if not self.task.features:
            return {}
        placed = self._place(sooner_us)
        time, place, back = self._times(placed, unit_us)
        own = self._own if unit_us is None else None
        chosen = sooner(self.task.pipeline, self.task.features, sooner_us)
        found: dict[str, pl.Series] = {}
        for series in dict.fromkeys(map(_series, self.task.features)):
            mine = [number for number, each in enumerate(self.task.features) if _series(each) == series]
            part = Task(self.task.pipeline, self.task.scales, tuple(_called(chosen[n], n) for n in mine))
            entity = self._entities[series]
            asked = Questions(time, place, [entity if back is None else entity[back[0]]], own)
            answers = history.answer(part.plan, placed.events, asked, threads=self._threads)
            made = decode.columns(part, answers, self._numberings)
            del answers, asked
            for number in mine:
                theirs = _called(chosen[number], number).columns
                for name, column in zip(self.task.features[number].columns, theirs, strict=True):
                    small = shrink(made.pop(column))
                    found[name] = (small if back is None else small.gather(back[1])).alias(name)
            give_back()
        return found

    def questions(self, which: Int64, asked: pl.DataFrame) -> pl.DataFrame:
        """Some questions as `questions.some` takes them; `asked` holds the columns that name them all, and `as_of`."""
        standing = self._ticks if self._asking is None else self._standing[self.task.asker]
        assert standing is not None
        places = {LOAD: standing.load[which], POSITION: standing.known[which]}
        found = asked[which].with_columns(pl.Series(name, values) for name, values in places.items())
        return found.with_columns(pl.col(AS_OF).alias(self.task.pipeline.asker.time)) if self._ticks is None else found

    def late(self) -> Int64:
        """How long after it was asked each question was known; nothing for a calendar, whose questions come from nobody."""
        return self.time[:0] if self._asking is None else self._standing[self.task.asker].known - self.time

    def content(self) -> Iterator[Int64]:
        """Every array that the answers depend on, in an order of its own."""
        for name in sorted(self._standing):
            yield from (self._standing[name].load, self._standing[name].known)
        for name in sorted(self._events):
            events = self._events[name]
            yield events.time
            yield from (events.entities[key] for key in sorted(events.entities))
            for column in sorted(events.columns):
                yield events.columns[column].values
                valid = events.columns[column].valid
                yield np.empty(0, np.int64) if valid is None else np.flatnonzero(valid)

    def _times(self, placed: Placed, unit_us: int | None) -> tuple[Int64, Int64, tuple[Int64, Int64] | None]:
        """Each question's time and place; where places do not ascend, the order in which they do and the way back."""
        if unit_us is None:
            return self.time, placed.own, None
        time = self.time - self.time % unit_us
        place = np.minimum(_first_known(placed, time, unit_us), placed.own)
        if (place[1:] >= place[:-1]).all():
            return time, place, None
        ascending = np.argsort(place, kind="stable")
        back = np.empty_like(ascending)
        back[ascending] = np.arange(ascending.size)
        return time[ascending], place[ascending], (ascending, back)

    def _declared(self, own: Int64) -> Placed:
        tops = self._clock.tops({})
        clocks = {name: self._clock.at(tops, self._standing[name]) for name in self._events}
        return Placed(self._events, clocks, own)

    def _place(self, sooner_us: int) -> Placed:
        if self._placed is not None and self._placed[0] == sooner_us:
            return self._placed[1]
        self._placed = None  # two at once are not held
        label = self.task.pipeline.label
        name = "" if label is None else label.source.name
        if sooner_us == 0 or name not in self._events or name == self.task.asker:
            made = self._declared(self._places(self._standing)[1])
        else:
            made = self._moved(name, sooner_us)
        self._placed = sooner_us, made
        return made

    def _moved(self, name: str, sooner_us: int) -> Placed:
        """The log in which a source's events are known so much sooner."""
        moved = _known_sooner(self._clock, self._standing[name], self._events[name].time, sooner_us)
        by = _order(moved)
        standing = {**self._standing, name: moved if by is None else Standing(moved.load[by], moved.known[by])}
        tops = self._clock.tops({name: self._clock.latest(standing[name])})
        places, own = self._places(standing)
        events = self._events if by is None else {**self._events, name: _permuted(self._events[name], by)}
        events = {each: replace(found, position=places[each]) for each, found in events.items()}
        return Placed(events, {each: self._clock.at(tops, standing[each]) for each in events}, own)

    def _places(self, standing: Mapping[str, Standing]) -> tuple[dict[str, Int64], Int64]:
        """The dense positions of all events, and of the questions."""
        names = list(self._standing)
        parts = [standing[name] for name in names]
        parts = parts if self._ticks is None else [self._ticks, *parts]
        found = order.merge(order.stamps([(part.load, part.known) for part in parts]))
        asking = found.pop(0) if self._ticks is not None else None
        places = dict(zip(names, found, strict=True))
        return places, places[self.task.asker] if asking is None else asking


def sooner(pipeline: Pipeline, features: Sequence[WindowFeature], sooner_us: int) -> tuple[WindowFeature, ...]:
    """The features with shorter analytic delays where these wait for labels.

    They do over the label's own source; where that is also the one that asks, only those that read what the label reads.
    """
    label = pipeline.label
    if not sooner_us or label is None:
        return tuple(features)
    waiting = set(reads(label))
    asks = label.source.name == pipeline.asker.name
    found = []
    for feature in features:
        waits = feature.source.name == label.source.name and (not asks or feature.aggregate.column in waiting)
        base = feature.baseline
        windows = (_less(feature.window, sooner_us), None if base is None else _less(base, sooner_us))
        found.append(replace(feature, window=windows[0], baseline=windows[1]) if waits else feature)
    return tuple(found)


def _less(window: Window, sooner_us: int) -> Window:
    return replace(window, delay=f"{max(0, window.delay_us - sooner_us)}us") if window.delay_us else window


def _called(feature: WindowFeature, number: int) -> WindowFeature:
    """By its number: two that differ by their delays alone could be called the same when these are shorter."""
    return replace(feature, given_name=f"f{number}")


def _series(feature: WindowFeature) -> Series:
    return Series(feature.source.name, feature.keys)


def _unasked(task: Task, reading: Reading) -> list[str]:
    """The columns that only events need, not the questions that they ask."""
    return [name for name in reading.columns if name not in {*task.asked_columns(), reading.source.time}]


def _standing(frame: pl.DataFrame) -> Standing:
    load = frame[LOAD]
    low, high = load.min(), load.max()
    if isinstance(low, int) and low == high:
        return Standing(np.broadcast_to(np.int64(low), len(load)), frame[POSITION].to_numpy())
    return Standing(load.to_numpy(), frame[POSITION].to_numpy())


def _clock(pipeline: Pipeline, log: Log) -> Clock:
    found = {source.name: ticks.latest(source, log) for source in pipeline.sources}
    loads = sorted({load for each in found.values() for load in each})
    highs = {name: np.array([each.get(load, -ALL) for load in loads], np.int64) for name, each in found.items()}
    made = log.made()
    return Clock(np.array(loads, np.int64), highs, np.array([made.get(load, ALL) for load in loads], np.int64))


def _order(standing: Standing) -> Int64 | None:
    """The order in which events stand, those of one moment as they stood before; None: they are in it."""
    load, known = standing.load, standing.known
    ascends = (load[1:] > load[:-1]) | ((load[1:] == load[:-1]) & (known[1:] >= known[:-1]))
    return None if ascends.all() else np.lexsort((known, load))


def _known_sooner(clock: Clock, standing: Standing, time: Int64, sooner_us: int) -> Standing:
    """Where events stand that are known so much sooner, not before they happened: in the load that then brings them."""
    tops = clock.tops({})
    known = np.maximum(standing.known, clock.before(tops, standing.load) + 1)
    moved = np.minimum(known, np.maximum(time, known - sooner_us))
    first = np.append(clock.loads, ALL)[np.searchsorted(tops, moved)]
    inside = np.minimum(standing.known, np.maximum(time, standing.known - sooner_us))
    earlier = first < standing.load
    return Standing(np.where(earlier, first, standing.load), np.where(earlier, moved, inside))


def _first_known(placed: Placed, time: Int64, unit_us: int) -> Int64:
    """The place of the first event that the log's clock finds known at each of these times (multiples of a unit)."""
    if not time.size:
        return time
    low, high = int(time.min()) // unit_us, int(time.max()) // unit_us
    if high - low < TABLE:
        times = np.arange(low, high + 1) * unit_us
        return _first_at(placed, times)[time // unit_us - low]
    return _first_at(placed, time)


def _first_at(placed: Placed, times: Int64) -> Int64:
    found = np.full(times.size, ALL)
    for name, events in placed.events.items():
        if events.time.size:
            at = np.searchsorted(placed.clocks[name], times)
            found = np.minimum(found, np.append(events.position, ALL)[at])
    return found


def _permuted(events: Events, by: Int64) -> Events:
    return Events(
        events.time[by],
        events.position,
        {key: codes[by] for key, codes in events.entities.items()},
        {name: Values(each.values[by], _some(each.valid, by)) for name, each in events.columns.items()},
    )


def _some(valid: Mask | None, by: Int64) -> Mask | None:
    return None if valid is None else np.asarray(valid)[by]
