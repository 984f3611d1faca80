"""Sums past 64 bits in the stream.

Prefix sums in rings have 64 bits, and that is enough for almost every window: the largest magnitude times the number of
events proves it. Where it does not, the head of the entity gets a block that remembers, for each span and column, a stretch
of places and its sum in 128 bits. The stretch moves with the window, so a question costs what the window changed by; a
late event that is put inside it is added to it, an evicted one is taken from it. Single values are differences of
neighbouring prefix sums, which are right modulo 2**64.

`memory`, `where`, `lane`, `column` as in `asks.py`.
"""

from typing import Any

import numpy as np

from dayshift.kernel import layout as lay
from dayshift.kernel.jit import bare, inner, peek
from dayshift.kernel.numbers import add, subtract, widen


@inner
def before(memory: Any, where: Any, place: Any, at: Any, total: Any) -> Any:
    """The sum of what stands before a place: the word `at` of its entry; at the ring's end, what stands at `total`."""
    if place == where[4]:
        return peek(memory, total)
    return peek(memory, where[1] + (place & (where[2] - 1)) * where[3] + at)


@bare
def block_words(memory: Any, lane: Any) -> Any:
    """The size of a wide block."""
    spans = (memory[lane + lay.L_SPANS] - memory[lane + lay.L_SPAN]) // lay.SPAN_WORDS
    columns = (memory[lane + lay.L_COLUMNS] - memory[lane + lay.L_COLUMN]) // lay.COLUMN_WORDS
    return spans * columns * lay.WIDE_WORDS


@bare
def have_block(memory: Any, where: Any) -> Any:
    """Give the window's head a wide block if it has none; returns False, and says so in `NEED`, where there is no room."""
    head, lane = where[0], where[9]
    if head == 0 or memory[head + lay.WIDE] > 0:
        return True
    free, words = memory[lane + lay.L_RECORD] + lay.FREE_WIDE, block_words(memory, lane)
    block = memory[free]
    if block > 0:
        memory[free] = memory[block]
    elif memory[lay.NEXT] + words > memory.size:
        memory[lay.NEED] = words
        return False
    else:
        block = memory[lay.NEXT]
        memory[lay.NEXT] = block + words
    memory[block : block + words] = 0
    memory[head + lay.WIDE] = block
    return True


@bare
def give_block(memory: Any, lane: Any, head: Any) -> None:
    """Keep the block of a head that is forgotten for another."""
    block, free = memory[head + lay.WIDE], memory[lane + lay.L_RECORD] + lay.FREE_WIDE
    if block > 0:
        memory[block] = memory[free]
        memory[free] = block


@bare
def _change(memory: Any, at: Any, value: Any, by: Any) -> None:
    high, low = np.uint64(memory[at + lay.W_SUM_HIGH]), np.uint64(memory[at + lay.W_SUM])
    vh, vl = widen(value)
    high, low = add(high, low, vh, vl) if by > 0 else subtract(high, low, vh, vl)
    memory[at + lay.W_SUM_HIGH], memory[at + lay.W_SUM] = np.int64(high), np.int64(low)


@bare
def _value(memory: Any, where: Any, column: Any, place: Any) -> Any:
    prefix, total = memory[column + lay.C_PREFIX], where[0] + memory[column + lay.C_BASE] + lay.TOTAL
    return before(memory, where, place + 1, prefix, total) - before(memory, where, place, prefix, total)


@bare
def wide_total(memory: Any, where: Any, column: Any, own: Any) -> Any:
    """The sum of a window's values in 128 bits; the head has a block."""
    head, _, _, _, _, lo, hi, whole, with_own, lane, span = where
    high, low = np.uint64(0), np.uint64(0)
    if head > 0:
        at = memory[head + lay.WIDE] + _offset(memory, lane, span, column)
        first, last = memory[at + lay.W_LOW], memory[at + lay.W_HIGH]
        if first < memory[head + lay.START] or last <= lo or first >= hi:
            first = last = lo
            memory[at + lay.W_SUM_HIGH] = memory[at + lay.W_SUM] = 0
        while last < hi:
            _change(memory, at, _value(memory, where, column, last), 1)
            last += 1
        while first > lo:
            first -= 1
            _change(memory, at, _value(memory, where, column, first), 1)
        while last > hi:
            last -= 1
            _change(memory, at, _value(memory, where, column, last), -1)
        while first < lo:
            _change(memory, at, _value(memory, where, column, first), -1)
            first += 1
        memory[at + lay.W_LOW], memory[at + lay.W_HIGH] = first, last
        high, low = np.uint64(memory[at + lay.W_SUM_HIGH]), np.uint64(memory[at + lay.W_SUM])
    if whole and head > 0:
        base = head + memory[column + lay.C_BASE]
        high, low = add(high, low, np.uint64(memory[base + lay.BASE_SUM_HIGH]), np.uint64(memory[base + lay.BASE_SUM]))
    if with_own:
        vh, vl = widen(own)
        high, low = add(high, low, vh, vl)
    return high, low


@bare
def _offset(memory: Any, lane: Any, span: Any, column: Any) -> Any:
    columns = (memory[lane + lay.L_COLUMNS] - memory[lane + lay.L_COLUMN]) // lay.COLUMN_WORDS
    number = (column - memory[lane + lay.L_COLUMN]) // lay.COLUMN_WORDS
    return (span * columns + number) * lay.WIDE_WORDS


@bare
def entered(memory: Any, lane: Any, head: Any, place: Any, row: Any) -> None:
    """Let the stretches of a head follow an event, a row of the tape, that was put in at a place."""
    columns = (memory[lane + lay.L_COLUMNS] - memory[lane + lay.L_COLUMN]) // lay.COLUMN_WORDS
    block = memory[head + lay.WIDE]
    for number in range(block_words(memory, lane) // lay.WIDE_WORDS):
        at = block + number * lay.WIDE_WORDS
        if place <= memory[at + lay.W_LOW]:
            memory[at + lay.W_LOW] += 1
            memory[at + lay.W_HIGH] += 1
        elif place < memory[at + lay.W_HIGH]:
            memory[at + lay.W_HIGH] += 1
            column = memory[lane + lay.L_COLUMN] + (number % columns) * lay.COLUMN_WORDS
            _change(memory, at, memory[row + memory[column + lay.C_TAPE]], 1)


@bare
def left(memory: Any, lane: Any, head: Any, number: Any, place: Any, value: Any) -> None:
    """Take the first entry's value of a column, by its number, from the stretches that begin with it."""
    columns = (memory[lane + lay.L_COLUMNS] - memory[lane + lay.L_COLUMN]) // lay.COLUMN_WORDS
    block = memory[head + lay.WIDE]
    for each in range(number, block_words(memory, lane) // lay.WIDE_WORDS, columns):
        at = block + each * lay.WIDE_WORDS
        if memory[at + lay.W_LOW] == place < memory[at + lay.W_HIGH]:
            _change(memory, at, value, -1)
            memory[at + lay.W_LOW] += 1
