"""What the next rows of the tape will read, fetched while earlier ones are worked on.

A state outgrows the processor's near caches, and a row reads a dozen lines of it, each found through another: directory,
head, ring. Waiting for them took two thirds of a row's time. So the directory's line of a row's entities is asked for
`FAR` rows ahead, their heads `NEAR` rows ahead, and their rings, where windows began and ended last time, `NEXT` rows
ahead. A row that stands alone asks for all of them before it reads any. So does the sweeping hand, whose way is known.

These are hints: they read what is there now, which may have changed when the row's turn comes, and change no answer.
"""

from typing import Any

from dayshift.kernel import layout as lay
from dayshift.kernel.jit import inner, peek, prefetch
from dayshift.kernel.rings import find_head

FAR, NEAR, NEXT = 16, 10, 5
LINE = 8
"""Words of a cache line."""


@inner
def hint(memory: Any, tape: Any, row: Any, stage: Any) -> None:
    """Ask for what a row will read; `stage` is one of `FAR`, `NEAR`, `NEXT`."""
    for lane in range(peek(memory, lay.LANES), peek(memory, lay.LANES_END), lay.LANE_ROW):
        asked, entered = tape[row, peek(memory, lane + lay.L_ASKED)], tape[row, peek(memory, lane + lay.L_ENTITY)]
        _of_entity(memory, lane, asked, stage)
        if entered != asked:
            _of_entity(memory, lane, entered, stage)
        record = peek(memory, lane + lay.L_RECORD)
        swept = peek(memory, record + lay.HAND) + stage
        if stage != FAR and swept < peek(memory, record + lay.DIRECTORY_SIZE):
            head = peek(memory, peek(memory, record + lay.DIRECTORY) + swept)
            if head > 0:
                prefetch(memory, _first(memory, lane, head) if stage == NEXT else head)


@inner
def _first(memory: Any, lane: Any, head: Any) -> Any:
    mask = peek(memory, head + lay.SIZE) - 1
    return peek(memory, head + lay.RING) + (peek(memory, head + lay.START) & mask) * peek(memory, lane + lay.L_STRIDE)


@inner
def _of_entity(memory: Any, lane: Any, entity: Any, stage: Any) -> None:
    record = peek(memory, lane + lay.L_RECORD)
    if entity < 0 or entity >= peek(memory, record + lay.DIRECTORY_SIZE):
        return
    if stage == FAR:
        prefetch(memory, peek(memory, record + lay.DIRECTORY) + entity)
        return
    head = find_head(memory, record, entity)
    if head == 0:
        return
    if stage == NEAR:
        prefetch(memory, head)
        prefetch(memory, head + LINE)
        prefetch(memory, head + peek(memory, lane + lay.L_HEAD) - 1)
        return
    ring, stride = peek(memory, head + lay.RING), peek(memory, lane + lay.L_STRIDE)
    mask = peek(memory, head + lay.SIZE) - 1
    prefetch(memory, ring + (peek(memory, head + lay.END) & mask) * stride)
    for guess in range(head + lay.GUESSES, head + peek(memory, lane + lay.L_GUESSED)):
        prefetch(memory, ring + (peek(memory, guess) & mask) * stride)
