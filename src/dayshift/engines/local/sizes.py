"""How much of the log to take at a time, so that it fits into a stated amount of memory.

A stretch costs its questions, their events, and the events that its windows reach back to. Every stretch pays for the
latter again, so it should be as long as they are; it is shorter only when memory would not do.
"""

from __future__ import annotations

import polars as pl

from dayshift.engines.contract import Log
from dayshift.engines.local import cuts
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.task import Reading, Task

MEMORY = 1 << 30
"""What the arrays of one stretch may take, in bytes. A stretch has half as many questions as look-back even where they do not fit."""
LONG = 2_000_000
"""Questions that a stretch has at least when memory allows."""
LEAST = 250_000


def stretch(task: Task, log: Log, cut: Cut) -> int:
    """How many questions a stretch of this cut should have."""
    event, question = _bytes(task)
    back = sum(_reached(log, reading, cut) for reading in task.readings.values() if reading.back_us)
    room = (MEMORY - back * event) // (question + event)
    return int(max(min(max(back, LONG), room), back // 2, LEAST))


def _bytes(task: Task) -> tuple[int, int]:
    """About what an event and a question take: the arrays handed to the kernel, its own, and the table of answers."""
    plan = task.plan
    lanes, answers = len(plan.series), len(plan.columns)
    values = sum(len(reading.values) for reading in task.readings.values())
    return 16 + 32 * lanes + 32 * values, 16 + 48 * min(lanes, 2) + 18 * answers


def _reached(log: Log, reading: Reading, cut: Cut) -> int:
    """About how many events of a source the windows of one moment reach."""
    assert reading.back_us is not None
    rows = cuts.read(log, reading.source, [reading.source.time]).filter(cut.before_high())
    time = pl.col(reading.source.time).to_physical()
    ends = rows.select(pl.len().alias("rows"), time.min().alias("low"), time.max().alias("high"))
    count, low, high = ends.collect(engine="streaming").row(0)
    return int(count * min(1.0, reading.back_us / max(high - low, 1))) if count else 0
