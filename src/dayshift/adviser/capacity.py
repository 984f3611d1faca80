"""What this machine can do for this very pipeline, measured for a few seconds on the newest stretch of its own history.

- A night: the local engine over the stretch (reading from memory, encoding, the kernel, the table), and the model's scores
  in bulk. What it takes to read and check new rows at the door is not in it.
- Live: the kernel's state takes the stretch in micro-batches, then the last events one at a time; the model scores
  one row at a time. What a network and a server take is not in it: it is the most that one process could answer.

Rates are events a second of one processor: CPU time, one thread. That is what an idle core of this machine does, and other
programs that run meanwhile do not spoil it. Each is drawn several times; the first draw, which loads compiled code, does not
count. The state's size is what it holds after the stretch, over the entities that the stretch showed; where windows
reach further back than the stretch, it is scaled by the events an entity that they would hold.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from dayshift.adviser.evidence import Capacity
from dayshift.definition import Pipeline, Source
from dayshift.engines.contract import FrameLog, Log
from dayshift.engines.local.cuts import Cut, read
from dayshift.engines.local.encode import encode
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.order import order_columns
from dayshift.engines.local.questions import read_steps, steps
from dayshift.engines.local.task import Task
from dayshift.kernel.arrays import Events, Int64, Questions, Values
from dayshift.kernel.stream import State
from dayshift.learners.estimator import Model, predict

Rate = tuple[float, float, float]
EVENTS = 100_000
"""The newest events on which it is measured, at most."""
MICRO_BATCH = 1_000
"""Events in a micro-batch."""
ONE_BY_ONE = 200
"""Events, or rows, in a draw of one at a time."""
LEAST_DRAWS, MOST_DRAWS = 3, 7
UNKNOWN: Rate = (0.0, 0.0, 0.0)
EVERYTHING = 2**62
CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class Budget:
    """How long may be measured, and how work is timed: `cpu` gives the seconds that count, `wall` those that pass."""

    seconds: float = 3.0
    cpu: Callable[[], float] = time.process_time
    wall: Callable[[], float] = time.perf_counter

    def draws(self, work: Callable[[int], int], share: float) -> Rate:
        """The rate of work whose n-th call says how much it did (0: there is no more); a call to warm up comes first."""
        until, rates = self.wall() + self.seconds * share, []
        for number in range(MOST_DRAWS + 1):
            if number > LEAST_DRAWS and self.wall() > until:
                break
            began = self.cpu()
            done = work(number)
            took = self.cpu() - began
            if not done:
                break
            if number:
                rates.append(done / max(took, 1e-9))
        return rate(rates)


def rate(draws: Iterable[float]) -> Rate:
    """The median of draws, the smallest and the largest; zeros when there are none.

    >>> rate([3.0, 1.0, 2.0])
    (2.0, 1.0, 3.0)
    """
    found = sorted(draws)
    return (float(np.median(found)), found[0], found[-1]) if found else UNKNOWN


def together(first: Rate, second: Rate, times: float = 1.0) -> Rate:
    """The rate of doing both for each event, the second `times` for each; the other one where one was not measured.

    >>> together((100.0, 50.0, 200.0), (100.0, 50.0, 200.0))
    (50.0, 25.0, 100.0)
    """
    if not all(first) or not all(second) or not times:
        return first if all(first) else second
    low, middle, high = (1 / (1 / a + times / b) for a, b in sorted(zip(first, second, strict=True)))
    return middle, low, high


def capacity(pipeline: Pipeline, log: Log, model: Model | None = None, budget: Budget | None = None) -> Capacity:
    """Measure this machine on the newest events of a log.

    Args:
        pipeline: whose features are computed.
        log: its history.
        model: a fitted model of this pipeline's features; None: scoring is not measured.
        budget: three seconds, when absent.
    """
    budget = budget or Budget()
    task = Task.of(pipeline, log)
    stretch, events = newest(task, log, EVENTS)
    nightly, table = _night(pipeline, stretch, events, budget)
    asked = table.height / events if events else 0.0
    bulk, single = _scores(model, table, budget)
    batches, one_by_one, size = _live(task, stretch, budget) if task.features else (UNKNOWN, UNKNOWN, None)
    entities, seen = _entities(task, log), _entities(task, stretch)
    return Capacity(
        nightly_events_s=together(nightly, bulk, asked),
        live_events_s=together(one_by_one, single, asked),
        score_events_s=single,
        bytes_per_entity=size / seen * _longer(task, log, events, seen / entities) if size and seen else None,
        entities=entities,
        memory_bytes=memory_bytes(),
        cores=cores(),
        micro_batch_events_s=batches if all(batches) else None,
        bulk_score_events_s=bulk if all(bulk) else None,
    )


def newest(task: Task, log: Log, most: int) -> tuple[FrameLog, int]:
    """The newest events of the pipeline's sources in memory, about `most` of those that the task reads; how many they are."""
    counted = [_times(log, reading.source) for reading in task.readings.values()]
    every = np.concatenate(counted)
    since = int(np.partition(every, every.size - most)[every.size - most]) if every.size > most else None
    frames: dict[str, pl.DataFrame | pl.LazyFrame] = {}
    events = 0
    for source in task.pipeline.sources:
        read_here = task.readings.get(source.name)
        rows = read(log, source, order_columns(source) if read_here is None else read_here.columns)
        if since is not None:
            rows = rows.filter(pl.col(source.time).to_physical() >= since)
        frames[source.name] = found = rows.collect(engine="streaming")
        events += found.height if read_here is not None else 0
    return FrameLog(frames, {name: log.bits(name) for name in task.readings}), events


def _times(log: Log, source: Source) -> Int64:
    return read(log, source, [source.time]).select(pl.col(source.time).to_physical()).collect().to_series().to_numpy()


def _night(pipeline: Pipeline, stretch: FrameLog, events: int, budget: Budget) -> tuple[Rate, pl.DataFrame]:
    """How many events a second the engine turns into features, and the features."""
    engine, kept = LocalEngine(threads=1), [pl.DataFrame()]

    def work(_: int) -> int:
        parts = list(engine.features(pipeline, stretch))
        kept[0] = pl.concat(parts) if parts else pl.DataFrame()
        return events

    return budget.draws(work, 0.35), kept[0]


def _scores(model: Model | None, table: pl.DataFrame, budget: Budget) -> tuple[Rate, Rate]:
    """Rows a second in bulk, and one row at a time."""
    if model is None or not table.height:
        return UNKNOWN, UNKNOWN
    rows = table.select(model.columns)

    def one_by_one(number: int) -> int:
        chosen = [(number * ONE_BY_ONE + step) % rows.height for step in range(ONE_BY_ONE if number else 5)]
        for row in chosen:
            predict(model, rows[row : row + 1])
        return len(chosen)

    return budget.draws(lambda _: len(predict(model, rows)), 0.15), budget.draws(one_by_one, 0.2)


def _live(task: Task, stretch: FrameLog, budget: Budget) -> tuple[Rate, Rate, int | None]:
    """Events a second in micro-batches and one by one through the kernel's state, and the bytes it then holds."""
    tape = Tape.of(task, stretch)
    if tape is None:
        return UNKNOWN, UNKNOWN, None
    state = State(task.plan)
    empty = state.bytes_used
    single = min(ONE_BY_ONE * (MOST_DRAWS + 1), tape.length // 2)
    bulk = tape.length - single
    each = max(bulk // (MOST_DRAWS + 1), 1)

    reached = 0

    def take(low: int, high: int) -> int:
        for at in range(low, high, MICRO_BATCH):
            state.advance(*tape.part(at, min(at + MICRO_BATCH, high)))
        return high - low

    def batches(_: int) -> int:
        nonlocal reached
        low, reached = reached, min(reached + each, bulk)
        return take(low, reached)

    def one_by_one(number: int) -> int:
        low = bulk + min(number * ONE_BY_ONE, single)
        high = min(low + ONE_BY_ONE, tape.length)
        for part in [tape.part(at, at + 1) for at in range(low, high)]:
            state.advance(*part)
        return high - low

    several = budget.draws(batches, 0.15)
    take(reached, bulk)  # else what the state holds would depend on how many draws there was time for
    return several, budget.draws(one_by_one, 0.15), state.bytes_used - empty


@dataclass(frozen=True)
class Tape:
    """A stretch as the kernel takes it, to be cut anywhere in the log's order: events by source, and the questions."""

    events: Mapping[str, Events]
    questions: Questions
    asker: str
    length: int

    @staticmethod
    def of(task: Task, stretch: FrameLog) -> Tape | None:
        """All of a stretch; None when it asks nothing."""
        found = steps(task, stretch, Cut(), None, EVERYTHING)
        read_whole = next(iter(read_steps(task, stretch, found, None, hindsight=False)), None)
        if read_whole is None or not read_whole.asked.height:
            return None
        events, questions = encode(task, read_whole, Numberings())
        lasts = [each.position[-1] for each in events.values() if each.position.size]
        length = int(max([*lasts, questions.position[-1]])) + 1
        return Tape(events, questions, task.asker, length)

    def part(self, low: int, high: int) -> tuple[dict[str, Events], Questions]:
        """What stands at the places from `low` to before `high`."""
        events, skipped = {}, 0
        for name, whole in self.events.items():
            rows = slice(*np.searchsorted(whole.position, (low, high)).tolist())
            skipped = rows.start if name == self.asker else skipped
            entities = {key: codes[rows] for key, codes in whole.entities.items()}
            columns = {
                column: Values(values.values[rows], None if values.valid is None else values.valid[rows])
                for column, values in whole.columns.items()
            }
            events[name] = Events(whole.time[rows], whole.position[rows], entities, columns)
        asked = self.questions
        rows = slice(*np.searchsorted(asked.position, (low, high)).tolist())
        own = None if asked.own is None else asked.own[rows] - skipped
        return events, Questions(asked.time[rows], asked.position[rows], [each[rows] for each in asked.entities], own)


def _entities(task: Task, log: Log) -> int:
    """How many different entities the windows are kept for: all keys of all series."""
    keys = {(series.source, series.columns) for series in task.plan.series}
    return sum(_different(log, task.readings[source].source, columns) for source, columns in keys)


def _different(log: Log, source: Source, columns: tuple[str, ...]) -> int:
    if not columns:
        return 1
    rows = read(log, source, columns).select(columns).drop_nulls()
    return int(rows.unique().select(pl.len()).collect(engine="streaming").item())


def _longer(task: Task, log: Log, events: int, share: float) -> float:
    """How many times more events an entity has in what the windows reach than in the stretch; 1 at least.

    `share`: of all entities, those that the stretch shows.
    """
    held = 0.0
    for reading in task.readings.values():
        times = _times(log, reading.source)
        if times.size and reading.is_counted:
            span = max(int(times.max() - times.min()), 1)
            held += times.size * min(1.0, (span if reading.back_us is None else reading.back_us) / span)
    return max(1.0, held * share / events) if events else 1.0


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes(limits: tuple[str, ...] = CGROUPS) -> int:
    """The machine's memory, or the smaller limit that its container sets."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in limits:
        text = Path(limit).read_text("ascii").strip() if Path(limit).is_file() else ""
        found += [int(text)] if text.isdigit() else []
    return min(found)
