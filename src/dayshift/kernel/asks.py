"""The stream's answers: one row of the tape after the other, the question first, then its event.

For each lane the question's entity has a head; for each span the window's ends are found from where they were last time;
each slot reads what it needs at the ends. Windows over the whole past add what was folded. A window that reaches below
what was evicted flags its question: its values are then worth nothing, and the caller answers it from the log.

`where` = (head, ring, capacity, stride, start, lo, hi, whole past, with own event): a window of one entity.
"""

from typing import Any

import numpy as np
from numba import njit

from dayshift.kernel import layout as lay
from dayshift.kernel import rings
from dayshift.kernel.folds import SUM_FLOAT, SUM_INT, deviation
from dayshift.kernel.numbers import add, divide, magnitude, multiply, subtract
from dayshift.kernel.stream_sketches import distinct, quantile

STEPS = 16


@njit(cache=True, nogil=True)
def seek(memory: Any, ring: Any, mask: Any, stride: Any, ends: Any, guess: Any, bound: Any) -> Any:
    """The first place of a ring in [begin, end) = `ends` whose time is >= bound, or end."""
    begin, end = ends
    place = min(max(guess, begin), end)
    stop = min(end, place + STEPS)
    while place < stop and memory[ring + (place & mask) * stride] < bound:
        place += 1
    if place < stop or place == end:
        stop = max(begin, place - STEPS)
        while place > stop and memory[ring + ((place - 1) & mask) * stride] >= bound:
            place -= 1
        if place > stop or place == begin:
            return place
        end = place
    else:
        begin = place
    while begin < end:
        middle = (begin + end) >> 1
        if memory[ring + (middle & mask) * stride] < bound:
            begin = middle + 1
        else:
            end = middle
    return begin


@njit(cache=True, nogil=True)
def before(memory: Any, where: Any, place: Any, word: Any, origin: Any) -> Any:
    """A prefix's value (its `word` in an entry) before a place; `origin` is where it stands for the first place."""
    if place == where[4]:
        return memory[origin]
    return memory[where[1] + ((place - 1) & (where[2] - 1)) * where[3] + word]


@njit(cache=True, nogil=True)
def sum_fits(memory: Any, where: Any, column: Any, own: Any) -> Any:
    """Whether the sum of a window fits into int64, by adding it up in 128 bits."""
    head, ring, size, stride, _, lo, hi, whole, with_own = where
    base, prefix = head + column[lay.C_BASE], column[lay.C_PREFIX]
    top, zero = np.uint64(63), np.uint64(0)
    high, low = zero, zero
    if whole:
        high, low = np.uint64(memory[base + lay.BASE_SUM_HIGH]), np.uint64(memory[base + lay.BASE_SUM])
    previous = before(memory, where, lo, prefix, base + lay.ORIGIN) if hi > lo else 0
    for i in range(lo, hi):
        now = memory[ring + (i & (size - 1)) * stride + prefix]
        v = np.uint64(now - previous)
        high, low = add(high, low, zero - (v >> top), v)
        previous = now
    if with_own:
        v = np.uint64(own)
        high, low = add(high, low, zero - (v >> top), v)
    return high == zero - (low >> top)


@njit(cache=True, nogil=True)
def total(memory: Any, where: Any, column: Any, own: Any) -> Any:
    """(number, sum, whether it fits) of a window's values."""
    head, _, _, _, _, lo, hi, whole, with_own = where
    base, prefix = head + column[lay.C_BASE], column[lay.C_PREFIX]
    n, value = hi - lo, 0
    if n > 0:
        value = before(memory, where, hi, prefix, base + lay.ORIGIN)
        value -= before(memory, where, lo, prefix, base + lay.ORIGIN)
    if whole and head > 0:
        n += memory[head + lay.FOLDED]
        value += memory[base + lay.BASE_SUM]
    if with_own:
        n += 1
        value += own
    most = max(float(memory[column[lay.C_LARGEST]]), abs(float(own)) if with_own else 0.0)
    if most * n >= 9.2e18:
        return n, value, sum_fits(memory, where, column, own)
    return n, value, True


@njit(cache=True, nogil=True)
def squares(memory: Any, where: Any, column: Any, own: Any) -> Any:
    """The sum of the squares of a window's values as (high, low)."""
    head, _, _, _, _, lo, hi, whole, with_own = where
    base, word = head + column[lay.C_BASE], column[lay.C_SQUARE]
    high, low = np.uint64(0), np.uint64(0)
    if hi > lo:
        origin = base + lay.ORIGIN_SQUARE
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


@njit(cache=True, nogil=True)
def extreme(memory: Any, where: Any, column: Any, tree: Any, own: Any, sign: Any) -> Any:
    """(value, whether there is one): the smallest (sign 1) or largest (-1) of a window's values; `tree` is its offset."""
    head, ring, size, stride, _, lo, hi, whole, with_own = where
    word = column[lay.C_VALUE]
    found, some = np.int64(own), with_own > 0
    if whole and head > 0 and memory[head + lay.FOLDED] > 0:
        side = lay.BASE_MIN if sign > 0 else lay.BASE_MAX
        v = memory[head + column[lay.C_BASE] + side]
        found = v if not some else (min(found, v) if sign > 0 else max(found, v))
        some = True
    first, last = lo & (size - 1), (lo & (size - 1)) + hi - lo
    for part in range(2):
        a = first if part == 0 else 0
        b = min(last, size) if part == 0 else last - size
        a, b = a + size, b + size
        while a < b:
            if a & 1:
                v = memory[ring + (a - size) * stride + word] if a >= size else memory[tree + a]
                found = v if not some else (min(found, v) if sign > 0 else max(found, v))
                some, a = True, a + 1
            if b & 1:
                b -= 1
                v = memory[ring + (b - size) * stride + word] if b >= size else memory[tree + b]
                found = v if not some else (min(found, v) if sign > 0 else max(found, v))
                some = True
            a, b = a >> 1, b >> 1
    return found, some


@njit(cache=True, nogil=True)
def put(out: Any, line: Any, q: Any, value: Any, slot: Any, reals: Any) -> None:
    """Write a picked value: as it is, or as a fixed-point number."""
    whole, real, valid = out[0], out[1], out[2]
    valid[line, q] = 1
    if slot[lay.K_MODE]:
        real[line, q] = float(value) / float(slot[lay.K_ODD]) * reals[slot[lay.K_REAL]]
    else:
        whole[line, q] = value


@njit(cache=True, nogil=True)
def pick(memory: Any, where: Any, slot: Any, reals: Any, word: Any, own: Any, goal: Any) -> Any:
    """First and last values (`word` of an entry); `goal` = (out, q). Returns whether an evicted event is missed."""
    head, ring, size, stride, _, lo, hi, whole, with_own = where
    out, q = goal
    line = slot[lay.K_OUT]
    folded = memory[head + lay.FOLDED] if whole and head > 0 else 0
    if slot[lay.K_CODE] == lay.FIRST:
        if hi > lo and folded == 0:
            put(out, line, q, memory[ring + (lo & (size - 1)) * stride + word], slot, reals)
        elif with_own and folded == 0:
            put(out, line, q, own, slot, reals)
        return False
    for nth in range(slot[lay.K_OUTPUTS]):
        place = hi - 1 - (nth - (with_own > 0))
        if with_own and nth == 0:
            put(out, line, q, own, slot, reals)
        elif place >= lo:
            put(out, line + nth, q, memory[ring + (place & (size - 1)) * stride + word], slot, reals)
        elif folded > 0:
            return True
    return False


@njit(cache=True, nogil=True)
def reduce(memory: Any, where: Any, slot: Any, column: Any, reals: Any, row: Any, goal: Any) -> Any:
    """One slot of one question; returns 0, or 1 where an evicted event is missed, or 2 where a sum passes its bits."""
    out, q = goal
    line, code = slot[lay.K_OUT], slot[lay.K_CODE]
    own = row[column[lay.C_TAPE]] if slot[lay.K_COLUMN] >= 0 else 0
    head, _, _, stride, _, lo, hi, whole, with_own = where
    if code == lay.COUNT:
        out[0][line, q] = hi - lo + (memory[head + lay.FOLDED] if whole and head > 0 else 0) + (with_own > 0)
    elif code in (lay.SUMS, lay.DEVIATION):
        return _reduce_sum(memory, where, slot, column, reals, own, goal)
    elif code in (lay.MINIMUM, lay.MAXIMUM):
        sign = 1 if code == lay.MINIMUM else -1
        number = column[lay.C_MIN if sign > 0 else lay.C_MAX]
        value, some = extreme(memory, where, column, where[1] + where[2] * (stride + number), own, sign)
        if some:
            put(out, line, q, value, slot, reals)
    elif code == lay.SINCE:
        if with_own:
            put(out, line, q, 0, slot, reals)
        elif hi > lo:
            put(out, line, q, row[lay.T_AS_OF] - memory[where[1] + ((hi - 1) & (where[2] - 1)) * stride], slot, reals)
        elif whole and head > 0 and memory[head + lay.FOLDED] > 0:
            return 1
    elif code == lay.DISTINCT:
        out[0][line, q] = distinct(memory, where, slot, column[lay.C_VALUE], reals, own)
    elif code == lay.QUANTILE:
        value, some = quantile(memory, where, slot, column[lay.C_VALUE], reals, own)
        if some:
            out[1][line, q], out[2][line, q] = value, 1
    elif code == lay.FIRST and whole and head > 0 and memory[head + lay.FOLDED] > 0:
        put(out, line, q, memory[head + column[lay.C_BASE] + lay.BASE_FIRST], slot, reals)
    elif pick(memory, where, slot, reals, column[lay.C_VALUE], own, goal):
        return 1
    return 0


@njit(cache=True, nogil=True)
def _reduce_sum(memory: Any, where: Any, slot: Any, column: Any, reals: Any, own: Any, goal: Any) -> Any:
    (whole, real, valid, _, parts), q = goal
    line, odd, factor = slot[lay.K_OUT], slot[lay.K_ODD], reals[slot[lay.K_REAL]]
    n, value, fits = total(memory, where, column, own)
    if not fits:
        return 2
    if slot[lay.K_CODE] == lay.SUMS:
        valid[line, q] = n > 0
        if n > 0 and slot[lay.K_MODE] == SUM_INT:
            whole[line, q] = value
        elif n > 0:
            real[line, q] = divide(value, 1 if slot[lay.K_MODE] == SUM_FLOAT else n, odd, factor)
        return 0
    most = max(float(memory[column[lay.C_LARGEST]]), abs(float(own)) if where[8] else 0.0)
    if n * most * most >= 1.7e38:
        return 3
    square = squares(memory, where, column, own)
    result, state = deviation(n, value, square, slot[lay.K_MODE], (odd, factor))
    real[line, q], valid[line, q] = result, state
    if state == 2:
        at = slot[lay.K_PARTS]
        parts[at, q, 0], parts[at, q, 2] = np.uint64(n), np.uint64(value)
        parts[at, q, 3], parts[at, q, 4] = square
    return 0


@njit(cache=True, nogil=True)
def ask(memory: Any, tables: Any, row: Any, out: Any) -> Any:
    """Answer the question of one row of the tape; returns the slot whose sum passes its bits, or -1."""
    lanes, spans, slots, columns, reals = tables
    q, as_of = row[lay.T_ROW], row[lay.T_AS_OF]
    memory[lay.CLOCK] = max(memory[lay.CLOCK], as_of)
    for lane in range(lanes.shape[0]):
        entity = row[lanes[lane, lay.L_ASKED]]
        if entity < 0:
            continue
        record, stride = lanes[lane, lay.L_RECORD], lanes[lane, lay.L_STRIDE]
        head = rings.find_head(memory, record, entity)
        ring, size, start, end, evicted = 0, 1, 0, 0, memory[record + lay.FLOOR]
        if head > 0:
            ring, size, start = memory[head + lay.RING], memory[head + lay.SIZE], memory[head + lay.START]
            end, evicted = memory[head + lay.END], memory[head + lay.EVICTED]
        mask = lanes[lane, lay.L_FILTER]
        asks = row[lay.T_OWN] > 0 and row[lay.T_SOURCE] == lanes[lane, lay.L_SOURCE] and (mask < 0 or row[mask] > 0)
        for number in range(lanes[lane, lay.L_SPAN], lanes[lane, lay.L_SPANS]):
            width = spans[number, lay.S_WIDTH]
            upper = as_of - spans[number, lay.S_DELAY] + spans[number, lay.S_RIGHT]
            lo = hi = start
            if head > 0 and end > start:
                guess = head + lay.GUESSES + 2 * (number - lanes[lane, lay.L_SPAN])
                hi = seek(memory, ring, size - 1, stride, (start, end), memory[guess + 1], upper)
                memory[guess + 1] = hi
                if width >= 0:
                    lo = seek(memory, ring, size - 1, stride, (start, hi), memory[guess], upper - width)
                    memory[guess] = lo
            if evicted != lay.NEVER and evicted >= (upper - width if width >= 0 else upper):
                out[3][q] = 1
                continue
            own = asks and spans[number, lay.S_SELF] > 0
            where = (head, ring, size, stride, start, lo, hi, np.int64(width < 0), np.int64(own))
            for k in range(spans[number, lay.S_SLOT], spans[number, lay.S_SLOTS]):
                column = columns[max(slots[k, lay.K_COLUMN], 0)]
                missed = reduce(memory, where, slots[k], column, reals, row, (out, q))
                if missed == 1:
                    out[3][q] = 1
                elif missed > 1:
                    memory[lay.NEED] = missed
                    return k
    return -1


@njit(cache=True, nogil=True)
def run(memory: Any, tables: Any, tape: Any, begin: Any, out: Any) -> Any:
    """Answer and enter the rows of the tape from `begin` on; returns the first row that was not begun.

    It stops before a row for which there may not be memory enough (`NEED` says how many words), and where a sum
    passed its bits (`FAULT` is then the slot's number plus 1).
    """
    lanes, _, _, columns, _ = tables
    for r in range(begin, tape.shape[0]):
        row = tape[r]
        source = row[lay.T_SOURCE]
        need = 0
        for lane in range(lanes.shape[0]):
            entity = row[lanes[lane, lay.L_ENTITY]]
            if source == lanes[lane, lay.L_SOURCE] and entity >= 0:
                need += rings.words_needed(memory, lanes, lane, entity)
        memory[lay.NEED] = need
        if memory[lay.NEXT] + need > memory.size:
            return r
        if row[lay.T_ROW] >= 0:
            fault = ask(memory, tables, row, out)
            if fault >= 0:
                memory[lay.FAULT] = fault + 1
                return r
        for lane in range(lanes.shape[0]):
            entity, mask = row[lanes[lane, lay.L_ENTITY]], lanes[lane, lay.L_FILTER]
            if source == lanes[lane, lay.L_SOURCE] and entity >= 0 and (mask < 0 or row[mask] > 0):
                head = rings.find_head(memory, lanes[lane, lay.L_RECORD], entity)
                if head == 0:
                    head = rings.make_head(memory, lanes, lane, entity)
                rings.insert(memory, lanes, columns, lane, head, row)
            rings.sweep(memory, lanes, columns, lane)
    return tape.shape[0]
