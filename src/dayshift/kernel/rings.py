"""The stream's memory: heads and rings of entities, insertion in order of time, eviction.

An event mostly arrives last and is appended. A late one moves the entries after it by one place, so it costs what it is
late by. Sums stand in an entry as they were before it, and behind the last one in the head, so that evicting changes none
of them. What is older than any window a future question can have (the clock, less the slack, less the lane's longest
reach) is evicted: folded into the head where some window looks at the whole past, dropped where none does. A late
event older than that is folded at once. A hand sweeps over
the entities, a step a row, to evict; a full ring is evicted from at once, doubles if that did not help, and halves when
three quarters empty. For `memory` see `layout.py`;
`lane`, `column` (`c`), `head`, `ring` and `row` are offsets into it.
"""

from typing import Any

import numpy as np

from dayshift.kernel import layout as lay
from dayshift.kernel import wide
from dayshift.kernel.jit import bare, inner, peek
from dayshift.kernel.numbers import add, magnitude, multiply

SMALLEST_RING = 4
FIRST_DIRECTORY = 64


@inner
def words_needed(memory: Any, lane: Any, entity: Any) -> Any:
    """How many free words an insertion may take."""
    record = peek(memory, lane + lay.L_RECORD)
    unit = peek(memory, lane + lay.L_STRIDE) + peek(memory, lane + lay.L_TREES)
    new = peek(memory, lane + lay.L_HEAD) + SMALLEST_RING * unit
    if entity >= peek(memory, record + lay.DIRECTORY_SIZE):
        return 2 * (entity + FIRST_DIRECTORY) + new
    head = peek(memory, peek(memory, record + lay.DIRECTORY) + entity)
    if head == 0:
        return new
    full = peek(memory, head + lay.END) - peek(memory, head + lay.START) >= peek(memory, head + lay.SIZE)
    return 2 * peek(memory, head + lay.SIZE) * unit if full else 0


@inner
def find_head(memory: Any, record: Any, entity: Any) -> Any:
    """Where an entity's head is; 0 where there is none."""
    if entity >= peek(memory, record + lay.DIRECTORY_SIZE):
        return 0
    return peek(memory, peek(memory, record + lay.DIRECTORY) + entity)


@bare
def make_head(memory: Any, lane: Any, entity: Any) -> Any:
    """A head, with an empty ring, for an entity that has none."""
    record = memory[lane + lay.L_RECORD]
    size = memory[record + lay.DIRECTORY_SIZE]
    if entity >= size:
        wider = max(size, FIRST_DIRECTORY)
        while wider <= entity:
            wider *= 2
        at, old = memory[lay.NEXT], memory[record + lay.DIRECTORY]
        memory[at : at + wider] = 0
        for i in range(size):
            memory[at + i] = memory[old + i]
        memory[lay.NEXT] = at + wider
        memory[record + lay.DIRECTORY], memory[record + lay.DIRECTORY_SIZE] = at, wider
    head, words = memory[record + lay.FREE_HEAD], memory[lane + lay.L_HEAD]
    if head != 0:
        memory[record + lay.FREE_HEAD] = memory[head]
    else:
        head = memory[lay.NEXT]
        memory[lay.NEXT] = head + words
    memory[head : head + words] = 0
    memory[memory[record + lay.DIRECTORY] + entity] = head
    memory[head + lay.EVICTED] = memory[record + lay.FLOOR]
    memory[head + lay.RING] = _take_ring(memory, lane, SMALLEST_RING)
    memory[head + lay.SIZE] = SMALLEST_RING
    return head


@bare
def _class(size: Any) -> Any:
    power = 0
    while (1 << power) < size:
        power += 1
    return power


@bare
def _take_ring(memory: Any, lane: Any, size: Any) -> Any:
    free = memory[lane + lay.L_RECORD] + lay.FREE_RING + _class(size)
    ring = memory[free]
    if ring != 0:
        memory[free] = memory[ring]
        return ring
    ring = memory[lay.NEXT]
    memory[lay.NEXT] = ring + size * (memory[lane + lay.L_STRIDE] + memory[lane + lay.L_TREES])
    return ring


@bare
def _give_ring(memory: Any, lane: Any, ring: Any, size: Any) -> None:
    free = memory[lane + lay.L_RECORD] + lay.FREE_RING + _class(size)
    memory[ring] = memory[free]
    memory[free] = ring


@bare
def _resize(memory: Any, lane: Any, head: Any, size: Any) -> None:
    """Move a ring's entries into one of another size."""
    old, old_size, stride = memory[head + lay.RING], memory[head + lay.SIZE], memory[lane + lay.L_STRIDE]
    ring = _take_ring(memory, lane, size)
    for i in range(memory[head + lay.START], memory[head + lay.END]):
        source, target = old + (i & (old_size - 1)) * stride, ring + (i & (size - 1)) * stride
        for w in range(stride):
            memory[target + w] = memory[source + w]
    memory[head + lay.RING], memory[head + lay.SIZE] = ring, size
    _give_ring(memory, lane, old, old_size)
    if memory[lane + lay.L_TREES] > 0:
        for i in range(memory[head + lay.START], memory[head + lay.END]):
            touch_trees(memory, lane, head, i)


@bare
def touch_trees(memory: Any, lane: Any, head: Any, place: Any) -> None:
    """Carry a changed value up the segment trees of its columns."""
    ring, size, stride = memory[head + lay.RING], memory[head + lay.SIZE], memory[lane + lay.L_STRIDE]
    for c in range(memory[lane + lay.L_COLUMN], memory[lane + lay.L_COLUMNS], lay.COLUMN_WORDS):
        value = memory[c + lay.C_VALUE]
        for side in range(2):
            number = memory[c + lay.C_MIN + side]
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


@bare
def fold(memory: Any, column: Any, base: Any, fresh: Any, time: Any, value: Any) -> None:
    """Add an event's value to what a head keeps of the evicted ones; `fresh`: it is the first."""
    v = np.uint64(value)
    sign = np.uint64(0) - (v >> np.uint64(63))
    high, low = add(np.uint64(memory[base + lay.BASE_SUM_HIGH]), np.uint64(memory[base + lay.BASE_SUM]), sign, v)
    memory[base + lay.BASE_SUM_HIGH], memory[base + lay.BASE_SUM] = np.int64(high), np.int64(low)
    if memory[column + lay.C_SQUARE] >= 0:
        a = magnitude(value)
        qh, ql = multiply(a, a)
        at = base + lay.BASE_SQUARE
        qh, ql = add(np.uint64(memory[at]), np.uint64(memory[at + 1]), qh, ql)
        memory[at], memory[at + 1] = np.int64(qh), np.int64(ql)
    memory[base + lay.BASE_MIN] = value if fresh else min(memory[base + lay.BASE_MIN], value)
    memory[base + lay.BASE_MAX] = value if fresh else max(memory[base + lay.BASE_MAX], value)
    if fresh or time < memory[base + lay.BASE_FIRST_TIME]:
        memory[base + lay.BASE_FIRST_TIME], memory[base + lay.BASE_FIRST] = time, value


@bare
def _value(memory: Any, c: Any, head: Any, stride: Any, place: Any) -> Any:
    """The value of a column in an entry: as it stands there, or by how much it raised the sums."""
    ring, mask = memory[head + lay.RING], memory[head + lay.SIZE] - 1
    entry, at, prefix = ring + (place & mask) * stride, memory[c + lay.C_VALUE], memory[c + lay.C_PREFIX]
    if at >= 0:
        return memory[entry + at]
    if place + 1 == memory[head + lay.END]:
        return memory[head + memory[c + lay.C_BASE] + lay.TOTAL] - memory[entry + prefix]
    return memory[ring + ((place + 1) & mask) * stride + prefix] - memory[entry + prefix]


@bare
def evict(memory: Any, lane: Any, head: Any) -> None:
    """Drop or fold what no future question can see, and halve a ring that has become too wide."""
    cutoff = memory[lay.CLOCK] - memory[lay.SLACK] - memory[lane + lay.L_HORIZON]
    keep, unbounded, stride = memory[lane + lay.L_KEEP], memory[lane + lay.L_UNBOUNDED] > 0, memory[lane + lay.L_STRIDE]
    ring, size, end = memory[head + lay.RING], memory[head + lay.SIZE], memory[head + lay.END]
    start = memory[head + lay.START]
    first = start
    while start < end:
        if memory[ring + (start & (size - 1)) * stride] >= cutoff:
            break
        after = start + keep
        if keep > 0 and (after >= end or memory[ring + (after & (size - 1)) * stride] >= cutoff):
            break
        entry = ring + (start & (size - 1)) * stride
        for c in range(memory[lane + lay.L_COLUMN], memory[lane + lay.L_COLUMNS], lay.COLUMN_WORDS):
            if memory[head + lay.WIDE] > 0 and memory[c + lay.C_PREFIX] >= 0:
                number = (c - memory[lane + lay.L_COLUMN]) // lay.COLUMN_WORDS
                wide.left(memory, lane, head, number, start, _value(memory, c, head, stride, start))
            if unbounded:
                value = _value(memory, c, head, stride, start)
                fold(memory, c, head + memory[c + lay.C_BASE], memory[head + lay.FOLDED] == 0, memory[entry], value)
        memory[head + lay.EVICTED] = max(memory[head + lay.EVICTED], memory[entry])
        memory[head + lay.FOLDED] += unbounded
        start += 1
    memory[head + lay.START] = start
    memory[memory[lane + lay.L_RECORD] + lay.HELD] -= start - first
    if start > first and size > SMALLEST_RING and (end - start) * 4 <= size:
        unit = stride + memory[lane + lay.L_TREES]
        if memory[lay.NEXT] + (size >> 1) * unit + memory[lay.NEED] <= memory.size:
            _resize(memory, lane, head, size >> 1)


@inner
def sweep(memory: Any, lane: Any) -> None:
    """Evict from the next entity of the lane's directory, and forget it when nothing is left to know."""
    record = peek(memory, lane + lay.L_RECORD)
    size = peek(memory, record + lay.DIRECTORY_SIZE)
    if size == 0:
        return
    hand = peek(memory, record + lay.HAND)
    hand = hand + 1 if hand + 1 < size else 0
    memory[record + lay.HAND] = hand
    at = peek(memory, record + lay.DIRECTORY) + hand
    head = peek(memory, at)
    if head == 0:
        return
    start = peek(memory, head + lay.START)
    if start < peek(memory, head + lay.END):
        place = start & (peek(memory, head + lay.SIZE) - 1)
        oldest = peek(memory, peek(memory, head + lay.RING) + place * peek(memory, lane + lay.L_STRIDE))
        if oldest >= peek(memory, lay.CLOCK) - peek(memory, lay.SLACK) - peek(memory, lane + lay.L_HORIZON):
            return
        evict(memory, lane, head)
    if peek(memory, lane + lay.L_UNBOUNDED) == 0 and peek(memory, head + lay.START) == peek(memory, head + lay.END):
        _forget(memory, lane, head)
        memory[at] = 0


@bare
def _forget(memory: Any, lane: Any, head: Any) -> None:
    """Keep what belonged to a head for others, and of itself the largest time of what was evicted."""
    record = memory[lane + lay.L_RECORD]
    memory[record + lay.FLOOR] = max(memory[record + lay.FLOOR], memory[head + lay.EVICTED])
    _give_ring(memory, lane, memory[head + lay.RING], memory[head + lay.SIZE])
    wide.give_block(memory, lane, head)
    memory[head] = memory[record + lay.FREE_HEAD]
    memory[record + lay.FREE_HEAD] = head


@inner
def insert(memory: Any, lane: Any, head: Any, row: Any) -> None:
    """Enter an event, given as a row of the tape in memory, into its entity's ring, after all that happened before it or with it.

    An event older than the evicted ones is folded at once; so is one that happened with the last of them, if no entry
    of the same time is left.
    """
    time, stride = peek(memory, row + lay.T_TIME), peek(memory, lane + lay.L_STRIDE)
    if peek(memory, head + lay.END) - peek(memory, head + lay.START) == peek(memory, head + lay.SIZE):
        evict(memory, lane, head)
    first, last = peek(memory, lane + lay.L_COLUMN), peek(memory, lane + lay.L_COLUMNS)
    for c in range(first, last, lay.COLUMN_WORDS):
        at = peek(memory, c + lay.C_LARGEST)
        memory[at] = max(peek(memory, at), abs(peek(memory, row + peek(memory, c + lay.C_TAPE))))
    start, end, evicted = peek(memory, head + lay.START), peek(memory, head + lay.END), peek(memory, head + lay.EVICTED)
    ring, mask = peek(memory, head + lay.RING), peek(memory, head + lay.SIZE) - 1
    if (
        evicted != lay.NEVER
        and time <= evicted
        and (time < evicted or start == end or peek(memory, ring + (start & mask) * stride) > evicted)
    ):
        _fold_late(memory, lane, head, row)
        return
    if end - start > mask:
        _resize(memory, lane, head, 2 * mask + 2)
        ring, mask = peek(memory, head + lay.RING), 2 * mask + 1
    memory[head + lay.END] = end + 1
    memory[peek(memory, lane + lay.L_RECORD) + lay.HELD] += 1
    if end > start and peek(memory, ring + ((end - 1) & mask) * stride) > time:
        _put_in(memory, lane, head, row)
        return
    entry = ring + (end & mask) * stride
    memory[entry] = time
    for c in range(first, last, lay.COLUMN_WORDS):
        base = head + peek(memory, c + lay.C_BASE)
        value = peek(memory, row + peek(memory, c + lay.C_TAPE))
        _write(memory, c, entry, base + lay.TOTAL, base + lay.TOTAL_SQUARE, value)
        _raise(memory, c, base + lay.TOTAL, base + lay.TOTAL_SQUARE, value)
    if peek(memory, lane + lay.L_TREES) > 0:
        touch_trees(memory, lane, head, end)


@bare
def _fold_late(memory: Any, lane: Any, head: Any, row: Any) -> None:
    """Count an event that is older than the evicted ones among them."""
    if memory[lane + lay.L_UNBOUNDED] > 0:
        time, fresh = memory[row + lay.T_TIME], memory[head + lay.FOLDED] == 0
        for c in range(memory[lane + lay.L_COLUMN], memory[lane + lay.L_COLUMNS], lay.COLUMN_WORDS):
            fold(memory, c, head + memory[c + lay.C_BASE], fresh, time, memory[row + memory[c + lay.C_TAPE]])
        memory[head + lay.FOLDED] += 1


@bare
def _put_in(memory: Any, lane: Any, head: Any, row: Any) -> None:
    """Enter an event before others, for which the ring has already grown by a place."""
    time, stride = memory[row + lay.T_TIME], memory[lane + lay.L_STRIDE]
    ring, mask = memory[head + lay.RING], memory[head + lay.SIZE] - 1
    start, last = memory[head + lay.START], memory[head + lay.END] - 1
    place = last
    while place > start and memory[ring + ((place - 1) & mask) * stride] > time:
        place -= 1
    if memory[head + lay.WIDE] > 0:
        wide.entered(memory, lane, head, place, row)
    for i in range(last, place, -1):
        source, target = ring + ((i - 1) & mask) * stride, ring + (i & mask) * stride
        for w in range(stride):
            memory[target + w] = memory[source + w]
    entry, after = ring + (place & mask) * stride, ring + ((place + 1) & mask) * stride
    memory[entry] = time
    for c in range(memory[lane + lay.L_COLUMN], memory[lane + lay.L_COLUMNS], lay.COLUMN_WORDS):
        base, value = head + memory[c + lay.C_BASE], memory[row + memory[c + lay.C_TAPE]]
        prefix, square = memory[c + lay.C_PREFIX], memory[c + lay.C_SQUARE]
        _write(memory, c, entry, after + prefix, after + square, value)
        for i in range(place + 1, last + 1):
            later = ring + (i & mask) * stride
            _raise(memory, c, later + prefix, later + square, value)
        _raise(memory, c, base + lay.TOTAL, base + lay.TOTAL_SQUARE, value)
    if memory[lane + lay.L_TREES] > 0:
        for i in range(place, last + 1):
            touch_trees(memory, lane, head, i)


@inner
def _write(memory: Any, c: Any, entry: Any, total: Any, squares: Any, value: Any) -> None:
    """A column's words of a new entry; `total` and `squares` are where the sums before it stand."""
    if peek(memory, c + lay.C_VALUE) >= 0:
        memory[entry + peek(memory, c + lay.C_VALUE)] = value
    prefix, square = peek(memory, c + lay.C_PREFIX), peek(memory, c + lay.C_SQUARE)
    if prefix >= 0:
        memory[entry + prefix] = peek(memory, total)
    if square >= 0:
        memory[entry + square], memory[entry + square + 1] = peek(memory, squares), peek(memory, squares + 1)


@inner
def _raise(memory: Any, c: Any, total: Any, squares: Any, value: Any) -> None:
    """Let the sums that stand at `total` and `squares` count one more value."""
    if peek(memory, c + lay.C_PREFIX) >= 0:
        memory[total] += value
    if peek(memory, c + lay.C_SQUARE) >= 0:
        a = magnitude(value)
        qh, ql = multiply(a, a)
        qh, ql = add(np.uint64(peek(memory, squares)), np.uint64(peek(memory, squares + 1)), qh, ql)
        memory[squares], memory[squares + 1] = np.int64(qh), np.int64(ql)
