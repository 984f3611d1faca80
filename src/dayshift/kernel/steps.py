"""The stream's steps: one row of the tape after the other, the question first, then its event.

While a row is worked on, memory that later rows need is on its way (`ahead.py`).
"""

from typing import Any

import numpy as np

from dayshift.kernel import asks, rings
from dayshift.kernel import layout as lay
from dayshift.kernel.ahead import FAR, NEAR, NEXT, hint
from dayshift.kernel.jit import bare, inner, peek


@inner
def step(memory: Any, real: Any) -> Any:
    """Answer and enter the row at hand; returns whether it was done: there may not be memory, or a sum may pass its bits.

    Where there is no memory, `NEED` says how many words it takes, and the row can be taken again; where a sum passed its bits,
    `FAULT` is its slot.
    """
    row = peek(memory, lay.ROW)
    source, first, last = peek(memory, row), peek(memory, lay.LANES), peek(memory, lay.LANES_END)
    need = 0
    for lane in range(first, last, lay.LANE_ROW):
        entity = peek(memory, row + peek(memory, lane + lay.L_ENTITY))
        if source == peek(memory, lane + lay.L_SOURCE) and entity >= 0:
            need += rings.words_needed(memory, lane, entity)
    memory[lay.NEED] = need
    if peek(memory, lay.NEXT) + need > memory.size:
        return False
    if peek(memory, row + lay.T_ROW) >= 0:
        memory[lay.CLOCK] = max(peek(memory, lay.CLOCK), peek(memory, row + lay.T_AS_OF))
        for lane in range(first, last, lay.LANE_ROW):
            entity = peek(memory, row + peek(memory, lane + lay.L_ASKED))
            fault = asks.ask(memory, real, lane, entity) if entity >= 0 else 0
            if fault != 0:
                memory[lay.FAULT] = max(fault, 0)
                return False
    for lane in range(first, last, lay.LANE_ROW):
        entity, mask = peek(memory, row + peek(memory, lane + lay.L_ENTITY)), peek(memory, lane + lay.L_FILTER)
        if source == peek(memory, lane + lay.L_SOURCE) and entity >= 0 and (mask < 0 or peek(memory, row + mask) > 0):
            head = rings.find_head(memory, peek(memory, lane + lay.L_RECORD), entity)
            if head == 0:
                head = rings.make_head(memory, lane, entity)
            rings.insert(memory, lane, head, row)
        rings.sweep(memory, lane)
    return True


@bare
def run(memory: Any, real: Any, tape: Any, begin: Any, out: Any) -> Any:
    """Take the rows of the tape from `begin` on; returns the first that was not done (see `step`).

    `out[question]`: values by output line, whether each is valid, whether an evicted event is missed, words of variances.
    """
    row, found, width, rows = memory[lay.ROW], memory[lay.ANSWER], memory[lay.WIDTH], tape.shape[0]
    for r in range(begin, min(begin + FAR, rows)):
        hint(memory, tape, r, FAR)
    for r in range(begin, min(begin + NEAR, rows)):
        hint(memory, tape, r, NEAR)
    for r in range(begin, min(begin + NEXT, rows)):
        hint(memory, tape, r, NEXT)
    for r in range(begin, rows):
        if r + FAR < rows:
            hint(memory, tape, r + FAR, FAR)
        if r + NEAR < rows:
            hint(memory, tape, r + NEAR, NEAR)
        if r + NEXT < rows:
            hint(memory, tape, r + NEXT, NEXT)
        _take(tape, r, memory, row)
        q = memory[row + lay.T_ROW]
        if q >= 0:
            memory[found : found + width] = 0
        if not step(memory, real):
            return r
        if q >= 0:
            _give(memory, found, out, q)
    return rows


@inner
def _take(tape: Any, r: Any, memory: Any, row: Any) -> None:
    at, to = np.uint64(r), np.uint64(row)
    for w in range(np.uint64(tape.shape[1])):
        memory[to + w] = tape[at, w]


@inner
def _give(memory: Any, found: Any, out: Any, q: Any) -> None:
    at, to = np.uint64(found), np.uint64(q)
    for w in range(np.uint64(out.shape[1])):
        out[to, w] = memory[at + w]
