"""All questions at once.

Each lane's events are sorted by entity (`sorting.py`), and with them go prefix sums, trees and codes, made once for all
spans and aggregates that need them. Then each thread takes a block of questions, sorts it by entity too, and answers it in
chunks: the ends of each span's windows (`bounds.py`), and from them every slot (`folds.py`, `sketches.py`). Blocks fill
disjoint rows, so threads cannot change an answer. Entities with late events are answered apart, by `late.py`.

Time is linear in events and questions times slots (times the logarithm of a window for extremes, of the buckets for
quantiles, of an entity's events for late ones); memory is a few arrays of the lane's length at a time.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from dayshift.kernel.arrays import Answer, Events, Questions
from dayshift.kernel.finish import finish
from dayshift.kernel.lanes import Asked, PreparedLane, prepare
from dayshift.kernel.plan import Lane, Plan, Slot
from dayshift.kernel.slots import Output, answer_chunk, answer_late

CHUNK = 32_768
"""Questions a chunk: its windows' ends stay in the processor's cache."""
TOGETHER = 2
"""Lanes held at a time: another would cost its memory, and gain little."""
_Task = tuple[Lane, PreparedLane]


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
        Refused: DS501, a sum of integers is no int64; DS502, a window's sum of squares may pass 128 bits.
    """
    lanes = plan.lanes_where(lambda series, slot: _has_nulls(events[series.source], slot))
    outputs = [Output.empty(slot, questions.time.size) for slot in plan.slots]
    workers = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        run: Any = map if workers == 1 else pool.map
        together = TOGETHER if workers > 1 else 1
        for at in range(0, len(lanes), together):
            group = lanes[at : at + together]
            tasks = list(
                zip(group, run(lambda lane: prepare(plan, lane, events, questions, hindsight), group), strict=True)
            )
            list(run(partial(_answer_late, plan, outputs), tasks))
            list(run(partial(_work, plan, outputs), _turns(tasks, workers)))
            del tasks
    for slot, output in zip(plan.slots, outputs, strict=True):
        output.settle(slot)
    return finish(plan, [output.answers() for output in outputs])


def _has_nulls(events: Events, slot: Slot) -> bool:
    column = events.columns[str(slot.reads)]
    return column.valid is not None and not bool(column.valid.all())


def _turns(tasks: list[_Task], workers: int) -> list[list[_Task]]:
    """In which order each worker goes through the lanes: each begins with another."""
    return [tasks[worker % len(tasks) :] + tasks[: worker % len(tasks)] for worker in range(workers)]


def _answer_late(plan: Plan, outputs: Sequence[Output], task: _Task) -> None:
    if task[1].asked_late.row.size:
        answer_late(plan, *task, outputs)


def _work(plan: Plan, outputs: Sequence[Output], tasks: Sequence[_Task]) -> None:
    """Take blocks of questions, of one lane after the other, and answer them, until there are none."""
    for lane, made in tasks:
        room = Asked.empty(made.walk.block, made.walk.kind)
        while (asked := made.walk.take(room)) is not None:
            for at in range(0, asked.row.size, CHUNK):
                answer_chunk(plan, lane, made, outputs, asked.part(slice(at, at + CHUNK)))
