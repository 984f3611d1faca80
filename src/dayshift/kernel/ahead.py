"""What the next rows of the tape will read, fetched while earlier ones are worked on.

A state outgrows the processor's near caches, and a row reads a dozen lines of it, each found through another: directory,
head, ring. Waiting for them took two thirds of a row's time. So the directory's line of a row's entities is asked for
`FAR` rows ahead, their heads `NEAR` rows ahead, and their rings, where windows began and ended last time, `NEXT` rows
ahead. A row that stands alone asks for all of them before it reads any. So does the sweeping hand, whose way is known.

These are hints: they read what is there now, which may have changed when the row's turn comes, and change no answer.
"""

from typing import Any

from dayshift.kernel import layout as lay
from dayshift.kernel.jit import inner, prefetch
from dayshift.kernel.rings import find_head

FAR, NEAR, NEXT = 16, 10, 5
LINE = 8


@inner
def hint(memory: Any, tape: Any, row: Any, stage: Any) -> None:
    """Ask for what a row will read; `stage` is one of `FAR`, `NEAR`, `NEXT`."""
    for lane in range(memory[lay.LANES], memory[lay.LANES_END], lay.LANE_ROW):
        asked, entered = tape[row, memory[lane + lay.L_ASKED]], tape[row, memory[lane + lay.L_ENTITY]]
        _of_entity(memory, lane, asked, stage)
        if entered != asked:
            _of_entity(memory, lane, entered, stage)
        record = memory[lane + lay.L_RECORD]
        swept = memory[record + lay.HAND] + stage
        if stage != FAR and swept < memory[record + lay.DIRECTORY_SIZE]:
            head = memory[memory[record + lay.DIRECTORY] + swept]
            if head > 0:
                prefetch(memory, _first(memory, lane, head) if stage == NEXT else head)


@inner
def _first(memory: Any, lane: Any, head: Any) -> Any:
    mask = memory[head + lay.SIZE] - 1
    return memory[head + lay.RING] + (memory[head + lay.START] & mask) * memory[lane + lay.L_STRIDE]


@inner
def _of_entity(memory: Any, lane: Any, entity: Any, stage: Any) -> None:
    record = memory[lane + lay.L_RECORD]
    if entity < 0 or entity >= memory[record + lay.DIRECTORY_SIZE]:
        return
    if stage == FAR:
        prefetch(memory, memory[record + lay.DIRECTORY] + entity)
        return
    head = find_head(memory, record, entity)
    if head == 0:
        return
    if stage == NEAR:
        prefetch(memory, head)
        prefetch(memory, head + LINE)
        return
    ring, mask, stride = memory[head + lay.RING], memory[head + lay.SIZE] - 1, memory[lane + lay.L_STRIDE]
    prefetch(memory, ring + (memory[head + lay.END] & mask) * stride)
    for guess in range(head + lay.GUESSES, head + memory[lane + lay.L_GUESSED]):
        prefetch(memory, ring + (memory[guess] & mask) * stride)
