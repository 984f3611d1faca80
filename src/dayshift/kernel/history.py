"""All questions at once.

Each lane's events are sorted by entity (`sorting.py`), and with them go prefix sums, trees and codes, made once for all
spans and aggregates that need them. Then the questions, sorted by entity too, are answered in chunks: the ends of each
span's windows (`bounds.py`), and from them every slot (`folds.py`, `sketches.py`). Chunks fill disjoint rows, so threads
need no locks and cannot change an answer. Entities with late events are answered once more, by `late.py`.

Time is linear in events and questions times slots (times the logarithm of a window for extremes, of the buckets for
quantiles, of an entity's events for late ones); memory is a few arrays of the lane's length at a time.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from dayshift.kernel.arrays import Answer, Events, Questions
from dayshift.kernel.finish import finish
from dayshift.kernel.lanes import Asked, PreparedLane, prepare
from dayshift.kernel.plan import Lane, Plan, Slot
from dayshift.kernel.slots import Output, answer_chunk, answer_late

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
        Refused: DS501, a sum of integers is no int64; DS502, a window's sum of squares may pass 128 bits.
    """
    lanes = plan.lanes_where(lambda series, slot: _has_nulls(events[series.source], slot))
    outputs = [Output.empty(slot, questions.time.size) for slot in plan.slots]
    workers = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        run = map if workers == 1 else pool.map
        for at in range(0, len(lanes), workers):
            group = lanes[at : at + workers]
            made = list(run(lambda lane: prepare(plan, lane, events, questions, hindsight), group))
            list(run(lambda task: _answer(plan, task, outputs), list(_tasks(group, made))))
    for slot, output in zip(plan.slots, outputs, strict=True):
        output.settle(slot)
    return finish(plan, [output.answers() for output in outputs])


def _has_nulls(events: Events, slot: Slot) -> bool:
    column = events.columns[str(slot.reads)]
    return column.valid is not None and not bool(column.valid.all())


_Task = tuple[Lane, PreparedLane, Asked | None]


def _tasks(lanes: Sequence[Lane], prepared: Sequence[PreparedLane]) -> Iterator[_Task]:
    """Late entities first, for they take longest and are not cut into chunks."""
    for lane, made in zip(lanes, prepared, strict=True):
        if made.asked_late.row.size:
            yield lane, made, None
    for lane, made in zip(lanes, prepared, strict=True):
        for at in range(0, made.asked.row.size, CHUNK):
            yield lane, made, made.asked.part(slice(at, at + CHUNK))


def _answer(plan: Plan, task: _Task, outputs: Sequence[Output]) -> None:
    lane, made, asked = task
    if asked is None:
        answer_late(plan, lane, made, outputs)
    else:
        answer_chunk(plan, lane, made, outputs, asked)
