"""The stream's memory: heads and rings of entities, insertion in order of time, eviction.

An event mostly arrives last and is appended. A late one moves the entries after it by one place, so it costs what it is
late by. What is older than any window a future question can have (the clock, less the slack, less the lane's longest
reach) is evicted: folded into the head where some window looks at the whole past, dropped where none does. A late
event older than that is folded at once. Rings double when full and halve when three quarters empty; a hand sweeps over
the entities, a step a row, so that those that fell silent are evicted too. `memory` and `tables`: see `layout.py`.
"""

from typing import Any

import numpy as np
from numba import njit

from dayshift.kernel.layout import (
    BASE_FIRST,
    BASE_FIRST_TIME,
    BASE_MAX,
    BASE_MIN,
    BASE_SQUARE,
    BASE_SUM,
    BASE_SUM_HIGH,
    C_BASE,
    C_LARGEST,
    C_MIN,
    C_PREFIX,
    C_SQUARE,
    C_TAPE,
    C_VALUE,
    CLOCK,
    DIRECTORY,
    DIRECTORY_SIZE,
    END,
    EVICTED,
    FLOOR,
    FOLDED,
    FREE_HEAD,
    FREE_RING,
    HAND,
    HELD,
    L_COLUMN,
    L_COLUMNS,
    L_HEAD,
    L_HORIZON,
    L_KEEP,
    L_RECORD,
    L_STRIDE,
    L_TREES,
    L_UNBOUNDED,
    NEED,
    NEVER,
    NEXT,
    ORIGIN,
    ORIGIN_SQUARE,
    RING,
    SIZE,
    SLACK,
    START,
    T_TIME,
)
from dayshift.kernel.numbers import add, magnitude, multiply

SMALLEST_RING = 4
FIRST_DIRECTORY = 64


@njit(cache=True, nogil=True)
def words_needed(memory: Any, lanes: Any, lane: Any, entity: Any) -> Any:
    """How many free words an insertion may take."""
    record = lanes[lane, L_RECORD]
    unit = lanes[lane, L_STRIDE] + lanes[lane, L_TREES]
    new = lanes[lane, L_HEAD] + SMALLEST_RING * unit
    if entity >= memory[record + DIRECTORY_SIZE]:
        return 2 * (entity + FIRST_DIRECTORY) + new
    head = memory[memory[record + DIRECTORY] + entity]
    if head == 0:
        return new
    full = memory[head + END] - memory[head + START] >= memory[head + SIZE]
    return 2 * memory[head + SIZE] * unit if full else 0


@njit(cache=True, nogil=True)
def find_head(memory: Any, record: Any, entity: Any) -> Any:
    """Where an entity's head is; 0 where there is none."""
    if entity >= memory[record + DIRECTORY_SIZE]:
        return 0
    return memory[memory[record + DIRECTORY] + entity]


@njit(cache=True, nogil=True)
def make_head(memory: Any, lanes: Any, lane: Any, entity: Any) -> Any:
    """A head, with an empty ring, for an entity that has none."""
    record = lanes[lane, L_RECORD]
    size = memory[record + DIRECTORY_SIZE]
    if entity >= size:
        wider = max(size, FIRST_DIRECTORY)
        while wider <= entity:
            wider *= 2
        at, old = memory[NEXT], memory[record + DIRECTORY]
        memory[at : at + wider] = 0
        for i in range(size):
            memory[at + i] = memory[old + i]
        memory[NEXT] = at + wider
        memory[record + DIRECTORY], memory[record + DIRECTORY_SIZE] = at, wider
    head, words = memory[record + FREE_HEAD], lanes[lane, L_HEAD]
    if head != 0:
        memory[record + FREE_HEAD] = memory[head]
    else:
        head = memory[NEXT]
        memory[NEXT] = head + words
    memory[head : head + words] = 0
    memory[memory[record + DIRECTORY] + entity] = head
    memory[head + EVICTED] = memory[record + FLOOR]
    memory[head + RING] = _take_ring(memory, lanes, lane, SMALLEST_RING)
    memory[head + SIZE] = SMALLEST_RING
    return head


@njit(cache=True, nogil=True)
def _class(size: Any) -> Any:
    power = 0
    while (1 << power) < size:
        power += 1
    return power


@njit(cache=True, nogil=True)
def _take_ring(memory: Any, lanes: Any, lane: Any, size: Any) -> Any:
    free = lanes[lane, L_RECORD] + FREE_RING + _class(size)
    ring = memory[free]
    if ring != 0:
        memory[free] = memory[ring]
        return ring
    ring = memory[NEXT]
    memory[NEXT] = ring + size * (lanes[lane, L_STRIDE] + lanes[lane, L_TREES])
    return ring


@njit(cache=True, nogil=True)
def _give_ring(memory: Any, lanes: Any, lane: Any, ring: Any, size: Any) -> None:
    free = lanes[lane, L_RECORD] + FREE_RING + _class(size)
    memory[ring] = memory[free]
    memory[free] = ring


@njit(cache=True, nogil=True)
def _resize(memory: Any, lanes: Any, columns: Any, lane: Any, head: Any, size: Any) -> None:
    """Move a ring's entries into one of another size."""
    old, old_size, stride = memory[head + RING], memory[head + SIZE], lanes[lane, L_STRIDE]
    ring = _take_ring(memory, lanes, lane, size)
    for i in range(memory[head + START], memory[head + END]):
        source, target = old + (i & (old_size - 1)) * stride, ring + (i & (size - 1)) * stride
        for w in range(stride):
            memory[target + w] = memory[source + w]
    memory[head + RING], memory[head + SIZE] = ring, size
    _give_ring(memory, lanes, lane, old, old_size)
    if lanes[lane, L_TREES] > 0:
        for i in range(memory[head + START], memory[head + END]):
            touch_trees(memory, lanes, columns, lane, head, i)


@njit(cache=True, nogil=True)
def touch_trees(memory: Any, lanes: Any, columns: Any, lane: Any, head: Any, place: Any) -> None:
    """Carry a changed value up the segment trees of its columns."""
    ring, size, stride = memory[head + RING], memory[head + SIZE], lanes[lane, L_STRIDE]
    for c in range(lanes[lane, L_COLUMN], lanes[lane, L_COLUMNS]):
        value = columns[c, C_VALUE]
        for side in range(2):
            number = columns[c, C_MIN + side]
            if number < 0:
                continue
            tree = ring + size * (stride + number)
            node = ((place & (size - 1)) + size) >> 1
            while node >= 1:
                left, right = 2 * node, 2 * node + 1
                if left >= size:
                    a = memory[ring + (left - size) * stride + value]
                    b = memory[ring + (right - size) * stride + value]
                else:
                    a, b = memory[tree + left], memory[tree + right]
                memory[tree + node] = min(a, b) if side == 0 else max(a, b)
                node >>= 1


@njit(cache=True, nogil=True)
def fold(memory: Any, column: Any, base: Any, fresh: Any, time: Any, value: Any) -> None:
    """Add an event's value to what a head keeps of the evicted ones; `fresh`: it is the first."""
    v = np.uint64(value)
    sign = np.uint64(0) - (v >> np.uint64(63))
    high, low = add(np.uint64(memory[base + BASE_SUM_HIGH]), np.uint64(memory[base + BASE_SUM]), sign, v)
    memory[base + BASE_SUM_HIGH], memory[base + BASE_SUM] = np.int64(high), np.int64(low)
    if column[C_SQUARE] >= 0:
        a = magnitude(value)
        qh, ql = multiply(a, a)
        at = base + BASE_SQUARE
        qh, ql = add(np.uint64(memory[at]), np.uint64(memory[at + 1]), qh, ql)
        memory[at], memory[at + 1] = np.int64(qh), np.int64(ql)
    memory[base + BASE_MIN] = value if fresh else min(memory[base + BASE_MIN], value)
    memory[base + BASE_MAX] = value if fresh else max(memory[base + BASE_MAX], value)
    if fresh or time < memory[base + BASE_FIRST_TIME]:
        memory[base + BASE_FIRST_TIME], memory[base + BASE_FIRST] = time, value


@njit(cache=True, nogil=True)
def evict(memory: Any, lanes: Any, columns: Any, lane: Any, head: Any) -> None:
    """Drop or fold what no future question can see, and halve a ring that has become too wide."""
    cutoff = memory[CLOCK] - memory[SLACK] - lanes[lane, L_HORIZON]
    keep, unbounded, stride = lanes[lane, L_KEEP], lanes[lane, L_UNBOUNDED] > 0, lanes[lane, L_STRIDE]
    ring, size, end = memory[head + RING], memory[head + SIZE], memory[head + END]
    start = memory[head + START]
    first = start
    while start < end:
        if memory[ring + (start & (size - 1)) * stride] >= cutoff:
            break
        after = start + keep
        if keep > 0 and (after >= end or memory[ring + (after & (size - 1)) * stride] >= cutoff):
            break
        entry = ring + (start & (size - 1)) * stride
        for c in range(lanes[lane, L_COLUMN], lanes[lane, L_COLUMNS]):
            base, prefix = head + columns[c, C_BASE], columns[c, C_PREFIX]
            if unbounded:
                at = columns[c, C_VALUE]
                value = memory[entry + at] if at >= 0 else memory[entry + prefix] - memory[base + ORIGIN]
                fold(memory, columns[c], base, memory[head + FOLDED] == 0, memory[entry], value)
            if prefix >= 0:
                memory[base + ORIGIN] = memory[entry + prefix]
            if columns[c, C_SQUARE] >= 0:
                memory[base + ORIGIN_SQUARE] = memory[entry + columns[c, C_SQUARE]]
                memory[base + ORIGIN_SQUARE + 1] = memory[entry + columns[c, C_SQUARE] + 1]
        memory[head + EVICTED] = max(memory[head + EVICTED], memory[entry])
        memory[head + FOLDED] += unbounded
        start += 1
    memory[head + START] = start
    memory[lanes[lane, L_RECORD] + HELD] -= start - first
    if start > first and size > SMALLEST_RING and (end - start) * 4 <= size:
        unit = stride + lanes[lane, L_TREES]
        if memory[NEXT] + (size >> 1) * unit + memory[NEED] <= memory.size:
            _resize(memory, lanes, columns, lane, head, size >> 1)


@njit(cache=True, nogil=True)
def sweep(memory: Any, lanes: Any, columns: Any, lane: Any) -> None:
    """Evict from the next entity of the lane's directory, and forget it when nothing is left to know."""
    record = lanes[lane, L_RECORD]
    size = memory[record + DIRECTORY_SIZE]
    if size == 0:
        return
    hand = memory[record + HAND]
    hand = hand + 1 if hand + 1 < size else 0
    memory[record + HAND] = hand
    at = memory[record + DIRECTORY] + hand
    head = memory[at]
    if head == 0:
        return
    evict(memory, lanes, columns, lane, head)
    if lanes[lane, L_UNBOUNDED] == 0 and memory[head + START] == memory[head + END]:
        memory[record + FLOOR] = max(memory[record + FLOOR], memory[head + EVICTED])
        _give_ring(memory, lanes, lane, memory[head + RING], memory[head + SIZE])
        memory[head] = memory[record + FREE_HEAD]
        memory[record + FREE_HEAD] = head
        memory[at] = 0


@njit(cache=True, nogil=True)
def insert(memory: Any, lanes: Any, columns: Any, lane: Any, head: Any, row: Any) -> None:
    """Enter an event, given as a row of the tape, into its entity's ring, after all that happened before it or with it.

    An event older than the evicted ones is folded at once; so is one that happened with the last of them, if no entry
    of the same time is left.
    """
    time, stride = row[T_TIME], lanes[lane, L_STRIDE]
    evict(memory, lanes, columns, lane, head)
    first, last = lanes[lane, L_COLUMN], lanes[lane, L_COLUMNS]
    for c in range(first, last):
        at = columns[c, C_LARGEST]
        memory[at] = max(memory[at], abs(row[columns[c, C_TAPE]]))
    start, end, evicted = memory[head + START], memory[head + END], memory[head + EVICTED]
    ring, size = memory[head + RING], memory[head + SIZE]
    if (
        evicted != NEVER
        and time <= evicted
        and (time < evicted or start == end or memory[ring + (start & (size - 1)) * stride] > evicted)
    ):
        if lanes[lane, L_UNBOUNDED] > 0:
            for c in range(first, last):
                value = row[columns[c, C_TAPE]]
                fold(memory, columns[c], head + columns[c, C_BASE], memory[head + FOLDED] == 0, time, value)
            memory[head + FOLDED] += 1
        return
    if end - start == size:
        _resize(memory, lanes, columns, lane, head, 2 * size)
        ring, size = memory[head + RING], memory[head + SIZE]
    place = end
    while place > start and memory[ring + ((place - 1) & (size - 1)) * stride] > time:
        place -= 1
    memory[head + END] = end + 1
    memory[lanes[lane, L_RECORD] + HELD] += 1
    for i in range(end, place, -1):
        source, target = ring + ((i - 1) & (size - 1)) * stride, ring + (i & (size - 1)) * stride
        for w in range(stride):
            memory[target + w] = memory[source + w]
    entry, before = ring + (place & (size - 1)) * stride, ring + ((place - 1) & (size - 1)) * stride
    memory[entry] = time
    for c in range(first, last):
        _write(memory, columns, c, (head, entry, before if place > start else 0), row[columns[c, C_TAPE]])
        for i in range(place + 1, end + 1):
            _raise(memory, columns, c, ring + (i & (size - 1)) * stride, row[columns[c, C_TAPE]])
    if lanes[lane, L_TREES] > 0:
        for i in range(place, end + 1):
            touch_trees(memory, lanes, columns, lane, head, i)


@njit(cache=True, nogil=True)
def _write(memory: Any, columns: Any, c: Any, at: Any, value: Any) -> None:
    """A column's words of a new entry; `at` = (head, entry, the entry before or 0)."""
    head, entry, before = at
    base = head + columns[c, C_BASE]
    if columns[c, C_VALUE] >= 0:
        memory[entry + columns[c, C_VALUE]] = value
    prefix, square = columns[c, C_PREFIX], columns[c, C_SQUARE]
    if prefix >= 0:
        memory[entry + prefix] = value + (memory[before + prefix] if before else memory[base + ORIGIN])
    if square >= 0:
        old = before + square if before else base + ORIGIN_SQUARE
        a = magnitude(value)
        qh, ql = multiply(a, a)
        qh, ql = add(np.uint64(memory[old]), np.uint64(memory[old + 1]), qh, ql)
        memory[entry + square], memory[entry + square + 1] = np.int64(qh), np.int64(ql)


@njit(cache=True, nogil=True)
def _raise(memory: Any, columns: Any, c: Any, entry: Any, value: Any) -> None:
    """Let the prefix sums of a later entry count one more value."""
    prefix, square = columns[c, C_PREFIX], columns[c, C_SQUARE]
    if prefix >= 0:
        memory[entry + prefix] += value
    if square >= 0:
        a = magnitude(value)
        qh, ql = multiply(a, a)
        qh, ql = add(np.uint64(memory[entry + square]), np.uint64(memory[entry + square + 1]), qh, ql)
        memory[entry + square], memory[entry + square + 1] = np.int64(qh), np.int64(ql)
