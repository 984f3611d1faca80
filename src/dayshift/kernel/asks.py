"""The stream's answers to one question.

For each lane the question's entity has a head; for each span the window's ends are found from where they were last time;
each slot reads what it needs at the ends. Windows over the whole past add what was folded. A window that reaches below
what was evicted flags its question: its values are then worth nothing, and the caller answers it from the log.

`memory` is the state (`layout.py`), `real` the same memory as doubles; `lane`, `span`, `slot`, `column` are offsets into
it. No function here owns memory, so Numba need not count references (`_nrt=False`), which took half the time. `where` =
(head, ring, capacity, stride, end, lo, hi, whole past, with own event, lane, number of the span): a window of one entity.
"""

from typing import Any

import numpy as np

from dayshift.kernel import layout as lay
from dayshift.kernel import rings, wide
from dayshift.kernel.folds import SUM_FLOAT, SUM_INT, deviation
from dayshift.kernel.jit import bare, inner, peek
from dayshift.kernel.numbers import add, divide, divide_total, fits, magnitude, multiply, subtract, widen
from dayshift.kernel.stream_sketches import distinct, quantile, scratch_words
from dayshift.kernel.wide import before

STEPS = 16
MISSED, PASSED_SUM, PASSED_SQUARES, NO_ROOM = 1, 2, 3, 4
NO_MEMORY, FLAGGED = -1, -2


@inner
def seek(memory: Any, shape: Any, begin: Any, end: Any, guess: Any, bound: Any) -> Any:
    """The first place in [begin, end) of a ring, `shape` = (ring, mask, stride), whose time is >= bound, or end."""
    ring, mask, stride = shape
    first = place = min(max(guess, begin), end)
    stop = min(end, place + STEPS)
    while place < stop and peek(memory, ring + (place & mask) * stride) < bound:
        place += 1
    if place > first:
        return place if place < stop or place == end else _bisect(memory, shape, place, end, bound)
    stop = max(begin, place - STEPS)
    while place > stop and peek(memory, ring + ((place - 1) & mask) * stride) >= bound:
        place -= 1
    return place if place > stop or place == begin else _bisect(memory, shape, begin, place, bound)


@bare
def _bisect(memory: Any, shape: Any, begin: Any, end: Any, bound: Any) -> Any:
    ring, mask, stride = shape
    while begin < end:
        middle = (begin + end) >> 1
        if peek(memory, ring + (middle & mask) * stride) < bound:
            begin = middle + 1
        else:
            end = middle
    return begin


@inner
def total(memory: Any, where: Any, column: Any, own: Any) -> Any:
    """(number, sum, whether the sum is proved to fit) of a window's values; see `wide.wide_total` for when not."""
    head, _, _, _, _, lo, hi, whole, with_own, _, _ = where
    base, prefix = head + peek(memory, column + lay.C_BASE), peek(memory, column + lay.C_PREFIX)
    n, value, most = hi - lo, 0, peek(memory, peek(memory, column + lay.C_LARGEST))
    if n > 0:
        value = before(memory, where, hi, prefix, base + lay.TOTAL)
        value -= before(memory, where, lo, prefix, base + lay.TOTAL)
    if whole and head > 0:
        n += peek(memory, head + lay.FOLDED)
        value += peek(memory, base + lay.BASE_SUM)
    if with_own:
        n, value, most = n + 1, value + own, max(most, abs(own))
    return n, value, float(most) * float(n) < 9.2e18


@bare
def squares(memory: Any, where: Any, column: Any, own: Any) -> Any:
    """The sum of the squares of a window's values as (high, low)."""
    head, _, _, _, _, lo, hi, whole, with_own, _, _ = where
    base, word = head + memory[column + lay.C_BASE], memory[column + lay.C_SQUARE]
    high, low = np.uint64(0), np.uint64(0)
    if hi > lo:
        origin = base + lay.TOTAL_SQUARE
        high, low = subtract(
            np.uint64(before(memory, where, hi, word, origin)),
            np.uint64(before(memory, where, hi, word + 1, origin + 1)),
            np.uint64(before(memory, where, lo, word, origin)),
            np.uint64(before(memory, where, lo, word + 1, origin + 1)),
        )
    if whole and head > 0:
        at = base + lay.BASE_SQUARE
        high, low = add(high, low, np.uint64(memory[at]), np.uint64(memory[at + 1]))
    if with_own:
        a = magnitude(own)
        qh, ql = multiply(a, a)
        high, low = add(high, low, qh, ql)
    return high, low


@bare
def _better(found: Any, some: Any, value: Any, sign: Any) -> Any:
    if not some:
        return value
    return min(found, value) if sign > 0 else max(found, value)


@bare
def extreme(memory: Any, where: Any, column: Any, own: Any, sign: Any) -> Any:
    """(value, whether there is one): the smallest (sign 1) or largest (-1) of a window's values."""
    head, ring, size, stride, _, lo, hi, whole, with_own, _, _ = where
    word = memory[column + lay.C_VALUE]
    tree = ring + size * (stride + memory[column + (lay.C_MIN if sign > 0 else lay.C_MAX)])
    found, some = np.int64(own), with_own > 0
    if whole and head > 0 and memory[head + lay.FOLDED] > 0:
        side = lay.BASE_MIN if sign > 0 else lay.BASE_MAX
        found = _better(found, some, memory[head + memory[column + lay.C_BASE] + side], sign)
        some = True
    first, last = lo & (size - 1), (lo & (size - 1)) + hi - lo
    for part in range(2):
        a = size + (first if part == 0 else 0)
        b = min(last, size) + size if part == 0 else last
        while a < b:
            if a & 1:
                value = memory[ring + (a - size) * stride + word] if a >= size else memory[tree + a]
                found, some = _better(found, some, value, sign), True
                a += 1
            if b & 1:
                b -= 1
                value = memory[ring + (b - size) * stride + word] if b >= size else memory[tree + b]
                found, some = _better(found, some, value, sign), True
            a, b = a >> 1, b >> 1
    return found, some


@bare
def put(memory: Any, real: Any, slot: Any, nth: Any, value: Any) -> None:
    """Write a picked value into the answer: as it is, or as a fixed-point number."""
    at = memory[lay.ANSWER] + memory[slot + lay.K_OUT] + nth
    memory[at + memory[lay.OUTPUTS]] = 1
    if memory[slot + lay.K_MODE]:
        real[at] = float(value) / float(memory[slot + lay.K_ODD]) * real[memory[slot + lay.K_REAL]]
    else:
        memory[at] = value


@bare
def pick(memory: Any, real: Any, where: Any, slot: Any, column: Any, own: Any) -> Any:
    """First and last values; returns whether an evicted event is missed."""
    head, ring, size, stride, _, lo, hi, whole, with_own, _, _ = where
    word = memory[column + lay.C_VALUE]
    folded = memory[head + lay.FOLDED] if whole and head > 0 else 0
    if memory[slot + lay.K_CODE] == lay.FIRST:
        if folded > 0:
            put(memory, real, slot, 0, memory[head + memory[column + lay.C_BASE] + lay.BASE_FIRST])
        elif hi > lo:
            put(memory, real, slot, 0, memory[ring + (lo & (size - 1)) * stride + word])
        elif with_own:
            put(memory, real, slot, 0, own)
        return 0
    for nth in range(memory[slot + lay.K_OUTPUTS]):
        place = hi - 1 - (nth - with_own)
        if with_own and nth == 0:
            put(memory, real, slot, 0, own)
        elif place >= lo:
            put(memory, real, slot, nth, memory[ring + (place & (size - 1)) * stride + word])
        elif folded > 0:
            return MISSED
    return 0


@bare
def since(memory: Any, real: Any, where: Any, slot: Any) -> Any:
    """The time since the last event; returns whether an evicted event is missed."""
    head, ring, size, stride, _, lo, hi, whole, with_own, _, _ = where
    if with_own:
        put(memory, real, slot, 0, 0)
    elif hi > lo:
        as_of = memory[memory[lay.ROW] + lay.T_AS_OF]
        put(memory, real, slot, 0, as_of - memory[ring + ((hi - 1) & (size - 1)) * stride])
    elif whole and head > 0 and memory[head + lay.FOLDED] > 0:
        return MISSED
    return 0


@inner
def sums(memory: Any, real: Any, where: Any, slot: Any) -> Any:
    """Sums and means; returns what passed its bits, or 0."""
    column = peek(memory, slot + lay.K_COLUMN)
    own = peek(memory, peek(memory, lay.ROW) + peek(memory, column + lay.C_TAPE))
    n, value, proved = total(memory, where, column, own)
    if not proved:
        return _wide_sums(memory, real, where, slot, own)
    if n > 0:
        at, mode = peek(memory, lay.ANSWER) + peek(memory, slot + lay.K_OUT), peek(memory, slot + lay.K_MODE)
        memory[at + peek(memory, lay.OUTPUTS)] = 1
        if mode == SUM_INT:
            memory[at] = value
        else:
            number, factor = 1 if mode == SUM_FLOAT else n, real[peek(memory, slot + lay.K_REAL)]
            real[at] = divide(value, number, peek(memory, slot + lay.K_ODD), factor)
    return 0


@bare
def _wide_sums(memory: Any, real: Any, where: Any, slot: Any, own: Any) -> Any:
    """The same in 128 bits."""
    at, column = memory[lay.ANSWER] + memory[slot + lay.K_OUT], memory[slot + lay.K_COLUMN]
    mode = memory[slot + lay.K_MODE]
    if not wide.have_block(memory, where):
        return NO_ROOM
    n, _, _ = total(memory, where, column, own)
    high, low = wide.wide_total(memory, where, column, own)
    if n == 0:
        return 0
    memory[at + memory[lay.OUTPUTS]] = 1
    if mode != SUM_INT:
        odd, factor = memory[slot + lay.K_ODD], real[memory[slot + lay.K_REAL]]
        real[at] = divide_total(high, low, 1 if mode == SUM_FLOAT else n, odd, factor)
    elif fits(high, low):
        memory[at] = np.int64(low)
    else:
        return PASSED_SUM
    return 0


@bare
def deviate(memory: Any, real: Any, where: Any, slot: Any, column: Any, own: Any) -> Any:
    """Variances and their roots; returns what passed its bits, or 0."""
    at = memory[lay.ANSWER] + memory[slot + lay.K_OUT]
    check = at + memory[lay.OUTPUTS]
    n, value, proved = total(memory, where, column, own)
    high, low = widen(value)
    if not proved:
        if not wide.have_block(memory, where):
            return NO_ROOM
        high, low = wide.wide_total(memory, where, column, own)
    most = float(max(memory[memory[column + lay.C_LARGEST]], abs(own) if where[8] else 0))
    if float(n) * most * most >= 1.7e38:
        return PASSED_SQUARES
    square, scale = squares(memory, where, column, own), (memory[slot + lay.K_ODD], real[memory[slot + lay.K_REAL]])
    real[at], memory[check] = deviation(n, (high, low), square, memory[slot + lay.K_MODE], scale)
    if memory[check] == 2:
        part = memory[lay.ANSWER] + memory[slot + lay.K_PARTS]
        memory[part], memory[part + 1], memory[part + 2] = n, np.int64(high), np.int64(low)
        memory[part + 3], memory[part + 4] = np.int64(square[0]), np.int64(square[1])
    return 0


@bare
def reduce(memory: Any, real: Any, where: Any, slot: Any) -> Any:
    """One slot of one question, other than counts and sums; returns 0, or why there is no answer."""
    code, column = memory[slot + lay.K_CODE], memory[slot + lay.K_COLUMN]
    at = memory[lay.ANSWER] + memory[slot + lay.K_OUT]
    if code == lay.SINCE:
        return since(memory, real, where, slot)
    own = memory[memory[lay.ROW] + memory[column + lay.C_TAPE]]
    if code == lay.DEVIATION:
        return deviate(memory, real, where, slot, column, own)
    if code in (lay.MINIMUM, lay.MAXIMUM):
        value, some = extreme(memory, where, column, own, 1 if code == lay.MINIMUM else -1)
        if some:
            put(memory, real, slot, 0, value)
        return 0
    if code in (lay.DISTINCT, lay.QUANTILE):
        memory[lay.NEED] = scratch_words(where, memory[slot + lay.K_COUNT] if code == lay.DISTINCT else 0)
        if memory[lay.NEXT] + memory[lay.NEED] > memory.size:
            return NO_ROOM
    if code == lay.DISTINCT:
        memory[at] = distinct(memory, real, where, slot, memory[column + lay.C_VALUE], own)
        return 0
    if code == lay.QUANTILE:
        found, some = quantile(memory, real, where, slot, memory[column + lay.C_VALUE], own)
        if some:
            real[at], memory[at + memory[lay.OUTPUTS]] = found, 1
        return 0
    return pick(memory, real, where, slot, column, own)


@inner
def ask(memory: Any, real: Any, lane: Any, entity: Any) -> Any:
    """Answer one lane's slots of the row's question; returns 0, the slot that has no answer for
    its bits, or -1 where there is no room to work one out."""
    row, as_of = peek(memory, lay.ROW), peek(memory, peek(memory, lay.ROW) + lay.T_AS_OF)
    record, stride, missed = peek(memory, lane + lay.L_RECORD), peek(memory, lane + lay.L_STRIDE), False
    head = rings.find_head(memory, record, entity)
    ring, size, start, end, evicted = 0, 1, 0, 0, peek(memory, record + lay.FLOOR)
    if head > 0:
        ring, size, start = peek(memory, head + lay.RING), peek(memory, head + lay.SIZE), peek(memory, head + lay.START)
        end, evicted = peek(memory, head + lay.END), peek(memory, head + lay.EVICTED)
    mask = peek(memory, lane + lay.L_FILTER)
    asks = peek(memory, row + lay.T_OWN) > 0 and peek(memory, row) == peek(memory, lane + lay.L_SOURCE)
    asks = asks and (mask < 0 or peek(memory, row + mask) > 0)
    hi = end
    for span in range(peek(memory, lane + lay.L_SPAN), peek(memory, lane + lay.L_SPANS), lay.SPAN_WORDS):
        width = peek(memory, span + lay.S_WIDTH)
        upper = as_of - peek(memory, span + lay.S_DELAY) + peek(memory, span + lay.S_RIGHT)
        lo = start
        if end > start:
            if peek(memory, span + lay.S_UPPER) > 0:
                guess = head + peek(memory, span + lay.S_UPPER)
                hi = seek(memory, (ring, size - 1, stride), start, end, peek(memory, guess), upper)
                memory[guess] = hi
            if width >= 0:
                guess = head + peek(memory, span + lay.S_LOWER)
                lo = seek(memory, (ring, size - 1, stride), start, hi, peek(memory, guess), upper - width)
                memory[guess] = lo
        if evicted != lay.NEVER and evicted >= (upper - width if width >= 0 else upper):
            missed = True
            continue
        own = asks and peek(memory, span + lay.S_SELF) > 0
        number = (span - peek(memory, lane + lay.L_SPAN)) // lay.SPAN_WORDS
        where = (head, ring, size, stride, end, lo, hi, np.int64(width < 0), np.int64(own), lane, number)
        fault = answer(memory, real, where, span)
        if fault > 0 or fault == NO_MEMORY:
            return fault
        missed = missed or fault == FLAGGED
    if missed:
        memory[peek(memory, lay.ANSWER) + 2 * peek(memory, lay.OUTPUTS)] = 1
    return 0


@inner
def answer(memory: Any, real: Any, where: Any, span: Any) -> Any:
    """All slots of a span; returns 0, the slot that has no answer for its bits, `NO_MEMORY` or `FLAGGED`."""
    head, _, _, _, _, lo, hi, whole, with_own, _, _ = where
    count = hi - lo + with_own
    if whole and head > 0:
        count += peek(memory, head + lay.FOLDED)
    found = 0
    for slot in range(peek(memory, span + lay.S_SLOT), peek(memory, span + lay.S_SLOTS), lay.SLOT_WORDS):
        code = peek(memory, slot + lay.K_CODE)
        if code == lay.COUNT:
            memory[peek(memory, lay.ANSWER) + peek(memory, slot + lay.K_OUT)] = count
            continue
        why = sums(memory, real, where, slot) if code == lay.SUMS else reduce(memory, real, where, slot)
        if why == NO_ROOM:
            return NO_MEMORY
        if why > MISSED:
            memory[lay.NEED] = why
            return slot
        if why == MISSED:
            found = FLAGGED
    return found
