"""What is asked in a stretch of the log, and the events that can answer it.

Two kinds of questions: one an event of a source, asked at its event time from its own place; or one an entity at each
tick of a calendar. Either way a stretch comes out: every source's events in the log's order, and the questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.engines.contract import AS_OF, Log
from dayshift.engines.local import cuts, sizes, ticks
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.edges import Place
from dayshift.engines.local.encode import Stretch, microseconds
from dayshift.engines.local.order import order_columns, sort_log
from dayshift.engines.local.task import Reading, Task
from dayshift.kernel.arrays import Int64

Between = tuple[int, int] | None
NO_FLOOR = -(2**63)


@dataclass(frozen=True)
class Step:
    """One stretch before it is read: the questions in `cut`; those of a calendar at the ticks `due`."""

    cut: Cut
    due: tuple[ticks.Tick, ...] = ()


def steps(task: Task, log: Log, cut: Cut, between: Between, most: int | None) -> list[Step]:
    """The questions of a cut in stretches of about `most`, or of as many as memory allows (`sizes.py`)."""
    calendar = task.calendar
    asker = task.readings[task.asker]
    if calendar is None:
        chosen = None if between is None else _asked_between(asker, between)
        most = sizes.stretch(task, log, cut) if most is None else most
        return [Step(part) for part in cuts.split(log, [asker.source], cut, most, chosen)]
    everything = Cut(None, cut.high)
    spans = ticks.clock(task.pipeline, log, everything)
    due = [
        (load, tick)
        for load, tick in ticks.between(calendar, spans, None)
        if cut.holds((load, tick)) and (between is None or between[0] <= tick < between[1])
    ]
    most = sizes.stretch(task, log, cut) if most is None else most
    size = max(most // max(ticks.shown(calendar, log, everything).height, 1), 1)
    groups = [tuple(due[start : start + size]) for start in range(0, len(due), size)]
    return [Step(Cut(cut.low, group[-1]), group) for group in groups]


def stretches(
    task: Task, log: Log, cut: Cut, between: Between, *, most: int | None, hindsight: bool = False
) -> Iterator[Stretch]:
    """The questions of a cut in stretches of about `most`, with all events that their windows can reach."""
    return read_steps(task, log, steps(task, log, cut, between, most), between, hindsight=hindsight)


def read_steps(task: Task, log: Log, found: Sequence[Step], between: Between, *, hindsight: bool) -> Iterator[Stretch]:
    """Each step with the events that its windows can reach.

    From the second on a stretch holds only events behind the one before it, where that one kept what it needs of the past.
    In hindsight all events count, whenever they arrived, so every stretch is read by itself.
    """
    asker = task.readings[task.asker]
    if task.calendar is None and between is None and [step.cut for step in found] == [Cut()]:
        frames = {name: collect(log, reading) for name, reading in task.readings.items()}
        yield Stretch(frames, ask(frames[task.asker], asker), np.arange(frames[task.asker].height))
        return
    entities = _entities(task, log, found)
    spread = [(step, reach) for step in found if (reach := _reach(task, log, step, between, entities)) is not None]
    held: tuple[Place, int] | None = None
    for number, (step, reach) in enumerate(spread):
        past = None if held is None or reach[0] < held[1] else held
        low = reach[0] if past is None else past[1]
        frames = {}
        for name, reading in task.readings.items():
            if hindsight:
                wanted = _in_reach(reading, reach, step.cut, hindsight=True)
            else:
                wanted = _behind(reading, Cut(None if past is None else past[0], step.cut.high), low)
            if reading is asker and task.calendar is None:
                wanted = wanted | _chosen(asker, step, between)
            frames[name] = collect(log, reading, wanted)
        held = None
        if not hindsight and number + 1 < len(spread) and step.cut.high is not None:
            held = step.cut.high, max(low, spread[number + 1][1][0] - task.slack_us)
        keep = {} if held is None else _keep(task, held[1])
        if task.calendar is None:
            asked, own = pick(frames[task.asker], _chosen(asker, step, between), asker)
            yield Stretch(frames, asked, own, past is not None, keep)
        else:
            yield Stretch(frames, ticks.questions(task.calendar, step.due, entities), None, past is not None, keep)
        del frames


def _entities(task: Task, log: Log, found: Sequence[Step]) -> pl.DataFrame:
    if task.calendar is None or not found:
        return pl.DataFrame()
    return ticks.shown(task.calendar, log, Cut(None, found[-1].cut.high))


def _chosen(asker: Reading, step: Step, between: Between) -> pl.Expr:
    return step.cut.inside(asker.source) & _asked_between(asker, between)


def _asked_between(asker: Reading, between: Between) -> pl.Expr:
    if between is None:
        return pl.lit(True)
    return pl.col(asker.source.time).to_physical().is_between(*between, closed="left")


def _reach(task: Task, log: Log, step: Step, between: Between, entities: pl.DataFrame) -> tuple[int, int] | None:
    """The first and the last as_of of a step's questions; None when there are none."""
    if step.due:
        times = [tick for _, tick in step.due]
        shown = entities.filter(Cut(None, step.due[-1]).before_high())
        return (min(times), max(times)) if shown.height else None
    asker = task.readings[task.asker]
    time = pl.col(asker.source.time).to_physical()
    rows = cuts.read(log, asker.source, order_columns(asker.source)).filter(_chosen(asker, step, between))
    low, high = rows.select(time.min().alias("low"), time.max().alias("high")).collect(engine="streaming").row(0)
    return None if low is None else (low, high)


def _behind(reading: Reading, cut: Cut, low: int) -> pl.Expr:
    """The events in a cut that count for questions asked from `low` on."""
    if not reading.is_counted:
        return pl.lit(False)
    wanted = cut.inside(reading.source)
    if reading.back_us is None:
        return wanted
    return wanted & (pl.col(reading.source.time).to_physical() >= low - reading.back_us)


def _keep(task: Task, low: int) -> dict[str, int]:
    readings = {name: each.back_us for name, each in task.readings.items() if each.is_counted}
    return {name: NO_FLOOR if back is None else low - back for name, back in readings.items()}


def _in_reach(reading: Reading, reach: tuple[int, int], cut: Cut, hindsight: bool) -> pl.Expr:
    if not reading.is_counted:
        return pl.lit(False)
    low, high = reach
    time = pl.col(reading.source.time).to_physical()
    wanted = time <= high - reading.ahead_us
    wanted = wanted if hindsight else wanted & cut.before_high(reading.source)
    return wanted if reading.back_us is None else wanted & (time >= low - reading.back_us)


def collect(log: Log, reading: Reading, wanted: pl.Expr | None = None) -> pl.DataFrame:
    """Some rows of one source, in the log's order."""
    rows = cuts.read(log, reading.source, reading.columns)
    rows = rows if wanted is None else rows.filter(wanted)
    return sort_log(rows.collect(engine="streaming"), reading.source)


def ask(frame: pl.DataFrame, asker: Reading) -> pl.DataFrame:
    """The questions that all these events ask."""
    time = asker.source.time
    if AS_OF in frame.columns:
        return frame if time == AS_OF else frame.with_columns(pl.col(time).alias(AS_OF))
    return frame.hstack([frame.get_column(time).alias(AS_OF)])


def pick(frame: pl.DataFrame, chosen: pl.Expr, asker: Reading) -> tuple[pl.DataFrame, Int64]:
    """The questions that some of a source's events ask, and the rows of those events."""
    mask = frame.select(pl.repeat(True, pl.len()) & chosen).to_series()
    return ask(frame.filter(mask), asker), np.flatnonzero(mask.to_numpy())


def some(task: Task, log: Log, cut: Cut, asked: pl.DataFrame) -> Stretch:
    """A stretch that answers just these questions of a cut, with all events that their windows can reach."""
    times = microseconds(asked[AS_OF])
    reach = (int(times.min()), int(times.max()))
    frames = {}
    for name, reading in task.readings.items():
        wanted = _in_reach(reading, reach, cut, hindsight=False)
        asks = task.calendar is None and name == task.asker
        frames[name] = collect(log, reading, wanted | cut.inside(reading.source) if asks else wanted)
    if task.calendar is not None:
        return Stretch(frames, asked)
    places = order_columns(task.readings[task.asker].source)
    numbered = frames[task.asker].with_row_index("#").join(asked, on=places, how="semi", nulls_equal=True)
    return Stretch(frames, asked, numbered["#"].sort().cast(pl.Int64).to_numpy())
