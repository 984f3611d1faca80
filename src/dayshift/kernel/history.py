"""All questions at once.

Each lane's events are sorted by entity (`sorting.py`), and with them go prefix sums, trees and codes, made once for all
spans and aggregates that need them. Then the questions, sorted by entity too, are answered in chunks: the ends of each
span's windows (`bounds.py`), and from them every slot (`folds.py`, `sketches.py`). Chunks fill disjoint rows, so threads
need no locks and cannot change an answer. Entities with late events are answered once more, by `late.py`.

Time is linear in events and questions times slots (times the logarithm of a window for extremes, of the buckets for
quantiles, of an entity's events for late ones); memory is a few arrays of the lane's length at a time.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dayshift.kernel.arrays import Answer, Events, Questions
from dayshift.kernel.finish import finish
from dayshift.kernel.lanes import PreparedLane, prepare
from dayshift.kernel.plan import Lane, Plan, Series, Slot
from dayshift.kernel.slots import Output, answer_late, answer_rows

CHUNK = 65_536
"""Questions a chunk: its windows' ends stay in the processor's cache."""


def answer(
    plan: Plan,
    events: Mapping[str, Events],
    questions: Questions,
    *,
    hindsight: bool = False,
    threads: int | None = None,
) -> list[Answer]:
    """The plan's columns for all questions.

    Args:
        plan: from `compile_plan`.
        events: by source; those that could count for these questions, in log order.
        questions: in log order.
        hindsight: whether events count that arrived after the question.
        threads: how many to use; None: as many as there are processors. The answers are the same for any number.

    Raises:
        Refused: DS501, a window's sum passes 64 bits; DS502, its sum of squares passes 128.
    """
    lanes = plan.lanes_where(lambda series, slot: _has_nulls(events[series.source], slot))
    outputs = [Output.empty(slot, questions.time.size) for slot in plan.slots]
    workers = threads or os.cpu_count() or 1
    if workers == 1:
        for lane in lanes:
            _answer_lane(plan, lane, events, questions, outputs, hindsight, None)
    else:
        with ThreadPoolExecutor(workers) as pool:
            for lane in lanes:
                _answer_lane(plan, lane, events, questions, outputs, hindsight, pool)
    return finish(plan, [output.answers() for output in outputs])


def _has_nulls(events: Events, slot: Slot) -> bool:
    column = events.columns[str(slot.reads)]
    return column.valid is not None and not bool(column.valid.all())


def _answer_lane(
    plan: Plan,
    lane: Lane,
    events: Mapping[str, Events],
    questions: Questions,
    outputs: Sequence[Output],
    hindsight: bool,
    pool: ThreadPoolExecutor | None,
) -> None:
    series: Series = plan.series[lane.series]
    prepared: PreparedLane = prepare(plan, lane, events[series.source], questions, hindsight)
    rows = prepared.rows
    chunks = [rows[at : at + CHUNK] for at in range(0, rows.size, CHUNK)]

    def run(chunk: Any) -> None:
        answer_rows(plan, lane, prepared, outputs, chunk)

    for _ in pool.map(run, chunks) if pool else map(run, chunks):
        pass
    if prepared.late_rows.size:
        answer_late(plan, lane, prepared, outputs)
    for slot in lane.slots:
        outputs[slot].settle(plan.slots[slot])
