"""What is asked in a stretch of the log, and the events that can answer it.

Two kinds of questions: one an event of a source, asked at its event time from its own place; or one an entity at each
tick of a calendar. Either way a stretch comes out: every source's events in the log's order, and the questions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from dayshift.engines.contract import AS_OF, Log
from dayshift.engines.local import cuts, ticks
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.encode import Stretch, microseconds
from dayshift.engines.local.order import order_columns, sort_log
from dayshift.engines.local.task import Reading, Task
from dayshift.kernel.arrays import Int64

Between = tuple[int, int] | None


def stretches(
    task: Task, log: Log, cut: Cut, between: Between, *, most: int, hindsight: bool = False
) -> Iterator[Stretch]:
    """The questions of a cut in stretches of about `most`, with all events that their windows can reach."""
    if task.calendar is None:
        for part in cuts.split(log, [task.pipeline.asker], cut, most):
            yield from _by_events(task, log, part, between, hindsight)
    else:
        yield from _by_calendar(task, log, cut, between, most, hindsight)


def _by_events(task: Task, log: Log, cut: Cut, between: Between, hindsight: bool) -> Iterator[Stretch]:
    asker = task.readings[task.asker]
    if between is None and cut == Cut():
        frames = {name: collect(log, reading) for name, reading in task.readings.items()}
        yield Stretch(frames, ask(frames[task.asker], asker), np.arange(frames[task.asker].height))
        return
    chosen = cut.inside & _asked_between(asker, between)
    reach = _reach(log, asker, chosen)
    if reach is None:
        return
    frames = {}
    for name, reading in task.readings.items():
        wanted = _in_reach(reading, reach, cut, hindsight)
        frames[name] = collect(log, reading, wanted | chosen if reading is asker else wanted)
    asked, own = pick(frames[task.asker], chosen, asker)
    yield Stretch(frames, asked, own)


def _asked_between(asker: Reading, between: Between) -> pl.Expr:
    if between is None:
        return pl.lit(True)
    return pl.col(asker.source.time).to_physical().is_between(*between, closed="left")


def _reach(log: Log, asker: Reading, chosen: pl.Expr) -> tuple[int, int] | None:
    time = pl.col(asker.source.time).to_physical()
    rows = cuts.read(log, asker.source, [asker.source.time]).filter(chosen)
    low, high = rows.select(time.min().alias("low"), time.max().alias("high")).collect(engine="streaming").row(0)
    return None if low is None else (low, high)


def _in_reach(reading: Reading, reach: tuple[int, int], cut: Cut, hindsight: bool) -> pl.Expr:
    if not reading.is_counted:
        return pl.lit(False)
    low, high = reach
    time = pl.col(reading.source.time).to_physical()
    wanted = time <= high - reading.ahead_us
    wanted = wanted if hindsight else wanted & cut.before_high
    return wanted if reading.back_us is None else wanted & (time >= low - reading.back_us)


def collect(log: Log, reading: Reading, wanted: pl.Expr | None = None) -> pl.DataFrame:
    """Some rows of one source, in the log's order."""
    rows = cuts.read(log, reading.source, reading.columns)
    rows = rows if wanted is None else rows.filter(wanted)
    return sort_log(rows.collect(engine="streaming"), reading.source)


def ask(frame: pl.DataFrame, asker: Reading) -> pl.DataFrame:
    """The questions that all these events ask."""
    return frame if asker.source.time == AS_OF else frame.with_columns(pl.col(asker.source.time).alias(AS_OF))


def pick(frame: pl.DataFrame, chosen: pl.Expr, asker: Reading) -> tuple[pl.DataFrame, Int64]:
    """The questions that some of a source's events ask, and the rows of those events."""
    mask = frame.select(pl.repeat(True, pl.len()) & chosen).to_series()
    return ask(frame.filter(mask), asker), np.flatnonzero(mask.to_numpy())


def _by_calendar(task: Task, log: Log, cut: Cut, between: Between, most: int, hindsight: bool) -> Iterator[Stretch]:
    calendar = task.calendar
    assert calendar is not None
    everything = Cut(None, cut.high)
    entities = ticks.shown(calendar, log, everything)
    spans = ticks.clock(task.pipeline, log, everything)
    due = [
        (load, tick)
        for load, tick in ticks.between(calendar, spans, None)
        if cut.holds((load, tick)) and (between is None or between[0] <= tick < between[1])
    ]
    step = max(most // max(entities.height, 1), 1)
    for start in range(0, len(due), step):
        group = due[start : start + step]
        asked = ticks.questions(calendar, group, entities)
        if asked.height:
            times = microseconds(asked[AS_OF])
            part = Cut(None, group[-1])
            reach = (int(times.min()), int(times.max()))
            frames = {
                name: collect(log, reading, _in_reach(reading, reach, part, hindsight))
                for name, reading in task.readings.items()
            }
            yield Stretch(frames, asked)


def some(task: Task, log: Log, cut: Cut, asked: pl.DataFrame) -> Stretch:
    """A stretch that answers just these questions of a cut, with all events that their windows can reach."""
    times = microseconds(asked[AS_OF])
    reach = (int(times.min()), int(times.max()))
    frames = {}
    for name, reading in task.readings.items():
        wanted = _in_reach(reading, reach, cut, hindsight=False)
        asks = task.calendar is None and name == task.asker
        frames[name] = collect(log, reading, wanted | cut.inside if asks else wanted)
    if task.calendar is not None:
        return Stretch(frames, asked)
    places = order_columns(task.readings[task.asker].source)
    numbered = frames[task.asker].with_row_index("#").join(asked, on=places, how="semi", nulls_equal=True)
    return Stretch(frames, asked, numbered["#"].sort().cast(pl.Int64).to_numpy())
