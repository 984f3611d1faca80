"""The aggregates over the windows of entities with late events, whose windows are no prefix of anything.

The events stand sorted by (time, arrival). Walking an entity's questions in the log's order, events are entered into a
tree over their places as they arrive, so that a range of places counts exactly what had arrived: a Fenwick tree for
counts, sums and squares (Fenwick 1994) and for "the k-th that is there", a segment tree for extremes. A step costs
O(log n), however late the event.

Questions are those of late entities, an entity's together, in the log's order; `lane` is (entity of each question,
start, moved, seen): `moved[a]` is the place of the event that arrived at a.
"""

from typing import Any

import numpy as np

from dayshift.kernel.jit import kernel
from dayshift.kernel.numbers import add, magnitude, multiply, subtract

_WORDS = 5


@kernel
def _enter(tree: Any, at: Any, value: Any) -> None:
    """Count a value at a place (from 0): words are count, sum (high, low), squares (high, low)."""
    a = magnitude(value)
    qh, ql = multiply(a, a)
    v = np.uint64(value)
    sign = np.uint64(0) - (v >> np.uint64(63))
    k = at + 1
    while k < tree.shape[0]:
        tree[k, 0] += np.uint64(1)
        tree[k, 1], tree[k, 2] = add(tree[k, 1], tree[k, 2], sign, v)
        tree[k, 3], tree[k, 4] = add(tree[k, 3], tree[k, 4], qh, ql)
        k += k & -k


@kernel
def _below(tree: Any, end: Any, into: Any) -> None:
    """The words of all places below `end`."""
    into[:] = np.uint64(0)
    k = end
    while k > 0:
        into[0] += tree[k, 0]
        into[1], into[2] = add(into[1], into[2], tree[k, 1], tree[k, 2])
        into[3], into[4] = add(into[3], into[4], tree[k, 3], tree[k, 4])
        k -= k & -k


@kernel
def late_parts(window: Any, lane: Any, values: Any, out: Any) -> None:
    """Words (count, sum, squares) of each window into `out[row of rows, 5]`.
    `values` may be empty: every value is then 0, and only the count has a meaning.
    """
    lo, hi, _, extra = window
    entity, start, moved, seen = lane
    tree = np.zeros((1, _WORDS), np.uint64)
    low = np.zeros(_WORDS, np.uint64)
    current, cursor, base = -1, 0, 0
    for j in range(seen.size):
        if entity[j] != current:
            current = entity[j]
            cursor = base = start[current]
            tree = np.zeros((start[current + 1] - base + 1, _WORDS), np.uint64)
        while cursor < seen[j]:
            p = moved[cursor]
            _enter(tree, p - base, values[p] if values.size else 0)
            cursor += 1
        _below(tree, lo[j] - base, low)
        _below(tree, hi[j] - base, out[j])
        out[j, 0] -= low[0]
        out[j, 1], out[j, 2] = subtract(out[j, 1], out[j, 2], low[1], low[2])
        out[j, 3], out[j, 4] = subtract(out[j, 3], out[j, 4], low[3], low[4])
        if extra[j] >= 0:
            value = values[extra[j]] if values.size else 0
            a = magnitude(value)
            qh, ql = multiply(a, a)
            v = np.uint64(value)
            out[j, 0] += np.uint64(1)
            out[j, 1], out[j, 2] = add(out[j, 1], out[j, 2], np.uint64(0) - (v >> np.uint64(63)), v)
            out[j, 3], out[j, 4] = add(out[j, 3], out[j, 4], qh, ql)


@kernel
def late_extremes(rows: Any, window: Any, lane: Any, values: Any, sign: Any, out: Any) -> None:
    """The smallest (sign 1) or largest (-1) value of each window. `out` = (int64, valid), by question."""
    lo, hi, _, extra = window
    entity, start, moved, seen = lane
    whole, valid = out
    none = np.int64(2**63 - 1)
    tree = np.zeros(1, np.int64)
    current, cursor, base, n = -1, 0, 0, 0
    for j in range(rows.size):
        q = rows[j]
        if entity[j] != current:
            current = entity[j]
            cursor = base = start[current]
            n = start[current + 1] - base
            tree = np.full(2 * n, none)
        while cursor < seen[j]:
            k = moved[cursor] - base + n
            v = values[moved[cursor]] if sign > 0 else ~values[moved[cursor]]
            while k >= 1 and v < tree[k]:
                tree[k] = v
                k >>= 1
            cursor += 1
        found = none
        a, b = lo[j] - base + n, hi[j] - base + n
        while a < b:
            if a & 1:
                found = min(found, tree[a])
                a += 1
            if b & 1:
                b -= 1
                found = min(found, tree[b])
            a >>= 1
            b >>= 1
        if extra[j] >= 0:
            v = values[extra[j]]
            found = min(found, v if sign > 0 else ~v)
        valid[q] = found != none
        whole[q] = found if sign > 0 else ~found


@kernel
def _count_below(tree: Any, end: Any) -> Any:
    total, k = 0, end
    while k > 0:
        total += tree[k]
        k -= k & -k
    return total


@kernel
def _find(tree: Any, rank: Any) -> Any:
    """The place of the event that has `rank` events before it."""
    step = 1
    while step * 2 < tree.size:
        step *= 2
    at = 0
    while step > 0:
        if at + step < tree.size and tree[at + step] <= rank:
            at += step
            rank -= tree[at]
        step >>= 1
    return at


@kernel
def late_picks(rows: Any, window: Any, lane: Any, values: Any, nth: Any, out: Any) -> None:
    """The value of the first event (nth -1), or of the nth from the last (0: the last). `out` = (int64, valid)."""
    lo, hi, _, extra = window
    entity, start, moved, seen = lane
    whole, valid = out
    tree = np.zeros(1, np.int64)
    current, cursor, base = -1, 0, 0
    for j in range(rows.size):
        q = rows[j]
        if entity[j] != current:
            current = entity[j]
            cursor = base = start[current]
            tree = np.zeros(start[current + 1] - base + 1, np.int64)
        while cursor < seen[j]:
            k = moved[cursor] - base + 1
            while k < tree.size:
                tree[k] += 1
                k += k & -k
            cursor += 1
        before, upto = _count_below(tree, lo[j] - base), _count_below(tree, hi[j] - base)
        n = upto - before
        back = nth - (extra[j] >= 0)
        valid[q] = True
        if nth < 0 and n > 0:
            whole[q] = values[base + _find(tree, before)]
        elif extra[j] >= 0 and (nth == 0 or (nth < 0 and n == 0)):
            whole[q] = values[extra[j]]
        elif nth >= 0 and 0 <= back < n:
            whole[q] = values[base + _find(tree, upto - 1 - back)]
        else:
            valid[q] = False
