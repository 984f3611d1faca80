"""Tables to the kernel's arrays: dense positions, dense entities, integer values.

What is already so is only looked at: a frame in the log's order is not sorted, close integers are not hashed, the
questions' entities are not numbered again where the same rows have asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from dayshift.definition import Column
from dayshift.engines.contract import AS_OF, LOAD, POSITION
from dayshift.engines.local import order
from dayshift.engines.local.numbering import Numberings, stack
from dayshift.engines.local.task import Reading, Task
from dayshift.kernel.arrays import Events, Int64, Questions, Values
from dayshift.kernel.plan import Series

NOTHING = np.empty(0, np.int64)
_INTEGERS = (pl.Int64, pl.Boolean)
_MICROSECONDS = np.dtype("datetime64[us]")


@dataclass(frozen=True)
class Stretch:
    """A stretch of the log in memory.

    `frames` holds each source's events in the log's order. `asked` holds the questions in the log's order with
    `_load`, `_position` and `as_of`; `own` the row of the asking event in its source's frame, None for a calendar.
    `follows`: the events before it are those that the stretch before it kept. `keep`: by source, from which event time on
    the events are kept for the next stretch; none of a source that is absent.
    """

    frames: Mapping[str, pl.DataFrame]
    asked: pl.DataFrame
    own: Int64 | None = None
    follows: bool = False
    keep: Mapping[str, int] = field(default_factory=dict)


def encode(
    task: Task, stretch: Stretch, numberings: Numberings, first: int = 0, past: Mapping[str, Events] | None = None
) -> tuple[dict[str, Events], Questions]:
    """The stretch as the kernel takes it; positions count from `first`. `past`: events to stand before its own."""
    standing, ticks = places(task, stretch, first)
    before = past or {}
    events = {
        name: encode_events(task, reading, stretch.frames[name], standing[name], numberings, before.get(name))
        for name, reading in task.readings.items()
        if reading.is_counted
    }
    own, asker = stretch.own, task.asker
    rows = own if own is None or asker not in before else own + before[asker].time.size
    questions = Questions(
        microseconds(stretch.asked[AS_OF]),
        ticks if own is None else _take(standing[asker], own),
        [entities_asked(task, series, stretch.asked, rows, events, numberings) for series in task.plan.series],
        rows if asker in events else None,
    )
    return events, questions


def microseconds(column: pl.Series) -> Int64:
    """A column of times as microseconds."""
    found = column.to_numpy()
    return found.view(np.int64) if found.dtype == _MICROSECONDS else column.to_physical().to_numpy()


def _take(values: Int64, rows: Int64) -> Int64:
    if not len(rows):
        return values[:0]
    low, high = int(rows[0]), int(rows[-1]) + 1
    return values[low:high] if high - low == len(rows) else values[rows]


def places(task: Task, stretch: Stretch, first: int = 0) -> tuple[dict[str, Int64], Int64]:
    """The dense positions of each source's events, and those of the questions when a calendar asks."""
    frames = [stretch.frames[name] for name in task.readings]
    if stretch.own is None:
        frames = [stretch.asked, *frames]
    if len(frames) == 1:
        found = [np.arange(first, first + frames[0].height)]
    else:
        pairs = [(frame[LOAD].to_numpy(), frame[POSITION].to_numpy()) for frame in frames]
        found = order.merge(order.stamps(pairs), first)
    ticks = found.pop(0) if stretch.own is None else found[0][:0]
    return dict(zip(task.readings, found, strict=True)), ticks


def encode_events(
    task: Task,
    reading: Reading,
    frame: pl.DataFrame,
    places: Int64,
    numberings: Numberings,
    past: Events | None = None,
) -> Events:
    """One source's events as the kernel takes them; `past`: events to stand before them."""
    name = reading.source.name
    entities = {}
    for key in task.keys[name]:
        known = NOTHING if past is None else past.entities[key]
        entities[key] = numberings.extend((name, *key), stack(frame, key), known)
    columns: dict[str, Values] = {}
    for read in task.reads[name]:
        column = read.removeprefix("hash:")
        defined = reading.source.columns[column]
        if defined.type == "str":
            made = _words((name, column), stack(frame, [column]), numberings, hashed=read != column)
        else:
            made = integers(frame[column], defined, task.scales[name, column])
        columns[read] = made if past is None else _follow(past.columns[read], made)
    time = microseconds(frame[reading.source.time])
    if past is None:
        return Events(time, places, entities, columns)
    return Events(np.concatenate([past.time, time]), np.concatenate([past.position, places]), entities, columns)


def _follow(past: Values, new: Values) -> Values:
    values = np.concatenate([past.values, new.values])
    if past.valid is None and new.valid is None:
        return Values(values)
    masks = [np.ones(len(each.values), np.bool_) if each.valid is None else each.valid for each in (past, new)]
    return Values(values, np.concatenate(masks))


def entities_asked(
    task: Task,
    series: Series,
    asked: pl.DataFrame,
    rows: Int64 | None,
    events: Mapping[str, Events],
    numberings: Numberings,
) -> Int64:
    """The number of each question's entity in a series; `rows` are the asking events among those of their source."""
    theirs = [name for _, name in series.keys]
    if rows is not None and series.source == task.asker and list(series.columns) == theirs:
        return _take(events[series.source].entities[series.columns], rows)
    return numberings.codes((series.source, *series.columns), stack(asked, theirs))


def _words(name: tuple[str, ...], frame: pl.DataFrame, numberings: Numberings, *, hashed: bool) -> Values:
    codes = numberings.learn(name, frame)
    known = codes >= 0
    values = _gather(numberings.words(name).hashes(), codes) if hashed else codes
    return Values(values, None if known.all() else known)


def _gather(hashes: Int64, codes: Int64) -> Int64:
    return hashes[codes] if len(hashes) else np.zeros(len(codes), np.int64)


def integers(column: pl.Series, defined: Column, scale: int) -> Values:
    """A column's values as integers: `round-half-even(value * scale)`, days and microseconds as they are.

    >>> integers(pl.Series([1.25, None, 0.1]), Column("decimal", digits=2), 100).values.tolist()
    [125, 0, 10]
    """
    valid = None if not column.null_count() else column.is_not_null().to_numpy()
    if valid is not None:
        column = column.to_physical().fill_null(0) if column.dtype != pl.Boolean else column.fill_null(False)
    if defined.type in ("float", "decimal"):
        return Values(np.rint(column.to_numpy() * scale).astype(np.int64), valid)
    if column.dtype in _INTEGERS:
        return Values(column.to_numpy().astype(np.int64, copy=False), valid)
    return Values(column.to_physical().cast(pl.Int64).to_numpy(), valid)
