"""The aggregates over the windows of a chunk: for entities whose events came in order of time.

Counts and sums are differences of prefix sums; extremes come from a bottom-up segment tree over all sorted values
(entities need no tree of their own: a window never leaves its entity); picks are places. Each kernel takes
`rows` (the rows of `out` that its questions fill), `window` = (lo, hi, skip, extra) of `bounds.py`, and the sorted
`values`.
"""

from typing import Any

import numpy as np

from dayshift.kernel.jit import kernel
from dayshift.kernel.numbers import (
    add,
    divide,
    divide_total,
    fits,
    magnitude,
    multiply,
    subtract,
    variance,
    widen,
)

SUM_INT, SUM_FLOAT, MEAN = 0, 1, 2
SAMPLE, ROOT = 1, 2


@kernel
def counts(rows: Any, window: Any, out: Any) -> None:
    """The number of events of each window."""
    lo, hi, skip, extra = window
    for j in range(rows.size):
        out[rows[j]] = hi[j] - lo[j] - (skip[j] >= 0) + (extra[j] >= 0)


@kernel
def sums(rows: Any, window: Any, prefix: Any, mode: Any, scale: Any, out: Any) -> None:
    """Sums or means from prefix sums; `out` = (int64, float64 of the same memory, valid)."""
    lo, hi, skip, extra = window
    odd, factor = scale
    whole, real, valid = out
    for j in range(rows.size):
        n = hi[j] - lo[j]
        total = prefix[hi[j]] - prefix[lo[j]]
        if skip[j] >= 0:
            n -= 1
            total -= prefix[skip[j] + 1] - prefix[skip[j]]
        if extra[j] >= 0:
            n += 1
            total += prefix[extra[j] + 1] - prefix[extra[j]]
        r = rows[j]
        if n == 0:
            valid[r] = False
            continue
        valid[r] = True
        if mode == SUM_INT:
            whole[r] = total
        elif mode == SUM_FLOAT:
            real[r] = divide(total, 1, odd, factor)
        else:
            real[r] = divide(total, n, odd, factor)


@kernel
def wide_total(prefix: Any, high: Any, ends: Any) -> Any:
    """A window's sum in 128 bits; `high` are the prefix sums' upper words, `ends` those of one window."""
    lo, hi, skip, extra = ends
    h, l = subtract(high[hi], np.uint64(prefix[hi]), high[lo], np.uint64(prefix[lo]))
    if skip >= 0:
        vh, vl = widen(prefix[skip + 1] - prefix[skip])
        h, l = subtract(h, l, vh, vl)
    if extra >= 0:
        vh, vl = widen(prefix[extra + 1] - prefix[extra])
        h, l = add(h, l, vh, vl)
    return h, l


@kernel
def wide_sums(rows: Any, window: Any, columns: Any, mode: Any, scale: Any, out: Any) -> Any:
    """Sums or means that may pass 64 bits; `columns` = (prefix, its upper words).

    Returns the first question whose answer would have to be such an integer, or -1.
    """
    lo, hi, skip, extra = window
    prefix, high = columns
    for j in range(rows.size):
        n = hi[j] - lo[j] - (skip[j] >= 0) + (extra[j] >= 0)
        h, l = wide_total(prefix, high, (lo[j], hi[j], skip[j], extra[j]))
        if not _put_sum(rows[j], (n, h, l), mode, scale, out):
            return rows[j]
    return -1


@kernel
def _put_sum(r: Any, total: Any, mode: Any, scale: Any, out: Any) -> Any:
    """Write a sum of n values in 128 bits, or their mean; returns whether it could be written."""
    n, high, low = total
    whole, real, valid = out
    valid[r] = n > 0
    if n > 0 and mode == SUM_INT:
        whole[r] = np.int64(low)
        return fits(high, low)
    if n > 0:
        real[r] = divide_total(high, low, n if mode == MEAN else 1, scale[0], scale[1])
    return True


@kernel
def deviation(n: Any, total: Any, square: Any, mode: Any, scale: Any) -> Any:
    """(value, state) of a variance or its root; state 0: null, 1: there, 2: needs `exact_variance`.

    `total` and `square` have two words each.
    """
    sample = (mode & SAMPLE) != 0
    if n == 0 or (sample and n == 1):
        return 0.0, 0
    value, done = 0.0, fits(total[0], total[1])
    if done:
        value, done = variance(n, np.int64(total[1]), square, scale, sample)
    if not done:
        return 0.0, 2
    return (np.sqrt(value) if (mode & ROOT) != 0 else value), 1


@kernel
def words(columns: Any, ends: Any) -> Any:
    """Count, sum (two words) and sum of squares (two words) of one window; `columns` as in `deviations`."""
    prefix, values, high, low, above = columns
    lo, hi, skip, extra = ends
    n = hi - lo
    total = prefix[hi] - prefix[lo]
    h, l = subtract(high[hi], low[hi], high[lo], low[lo])
    if skip >= 0:
        n -= 1
        total -= values[skip]
        a = magnitude(values[skip])
        sh, sl = multiply(a, a)
        h, l = subtract(h, l, sh, sl)
    if extra >= 0:
        n += 1
        total += values[extra]
        a = magnitude(values[extra])
        sh, sl = multiply(a, a)
        h, l = add(h, l, sh, sl)
    th, tl = widen(total)
    if above.size:
        th, tl = wide_total(prefix, above, ends)
    return n, th, tl, h, l


@kernel
def deviations(rows: Any, window: Any, columns: Any, mode: Any, scale: Any, out: Any) -> Any:
    """Variances. `columns` = (prefix, values, high and low prefix of squares, above); `out` = (real, state).

    `above`: the upper words of the prefix sums where a sum may pass 64 bits, else empty. Returns how many states are 2.
    """
    lo, hi, skip, extra = window
    real, state = out
    undone = 0
    for j in range(rows.size):
        n, th, tl, h, l = words(columns, (lo[j], hi[j], skip[j], extra[j]))
        real[rows[j]], state[rows[j]] = deviation(n, (th, tl), (h, l), mode, scale)
        undone += state[rows[j]] == 2
    return undone


@kernel
def parts(rows: Any, window: Any, columns: Any, out: Any) -> None:
    """The words (count, sum, squares) of each window, as `late.late_parts` gives them; `columns` as in `deviations`."""
    lo, hi, skip, extra = window
    for j in range(rows.size):
        n, th, tl, h, l = words(columns, (lo[j], hi[j], skip[j], extra[j]))
        out[j, 0], out[j, 1], out[j, 2], out[j, 3], out[j, 4] = np.uint64(n), th, tl, h, l


@kernel
def sums_from_parts(rows: Any, words: Any, mode: Any, scale: Any, out: Any) -> Any:
    """Sums or means from the words of each window; `out` as in `sums`, the result as of `wide_sums`."""
    for j in range(rows.size):
        total = np.int64(words[j, 0]), words[j, 1], words[j, 2]
        if not _put_sum(rows[j], total, mode, scale, out):
            return rows[j]
    return -1


@kernel
def deviations_from_parts(rows: Any, words: Any, mode: Any, scale: Any, out: Any) -> Any:
    """Variances from the words of each window; returns how many states are 2."""
    real, state = out
    undone = 0
    for j in range(rows.size):
        n, total = np.int64(words[j, 0]), (words[j, 1], words[j, 2])
        square = (words[j, 3], words[j, 4])
        real[rows[j]], state[rows[j]] = deviation(n, total, square, mode, scale)
        undone += state[rows[j]] == 2
    return undone


@kernel
def build_tree(values: Any, sign: Any, tree: Any) -> None:
    """`tree[n + i]` is `sign * values[i]`, `tree[k]` the smaller of its two children; `tree` has 2 n entries.

    The complement `~v` stands for a negative sign: it reverses the order and cannot overflow.
    """
    n = values.size
    for i in range(n):
        tree[n + i] = values[i] if sign > 0 else ~values[i]
    for k in range(n - 1, 0, -1):
        tree[k] = min(tree[2 * k], tree[2 * k + 1])


@kernel
def smallest(tree: Any, begin: Any, end: Any, found: Any) -> Any:
    """The smallest of `found` and the tree's leaves [begin, end)."""
    n = tree.size >> 1
    a, b = begin + n, end + n
    while a < b:
        if a & 1:
            found = min(found, tree[a])
            a += 1
        if b & 1:
            b -= 1
            found = min(found, tree[b])
        a >>= 1
        b >>= 1
    return found


@kernel
def extremes(rows: Any, window: Any, tree: Any, values: Any, sign: Any, out: Any) -> None:
    """The smallest (sign 1) or largest (-1) value of each window. `out` = (int64, valid)."""
    lo, hi, skip, extra = window
    whole, valid = out
    none = np.int64(2**63 - 1)
    for j in range(rows.size):
        found = none
        some = hi[j] - lo[j] - (skip[j] >= 0) + (extra[j] >= 0) > 0
        if skip[j] >= 0:
            found = smallest(tree, lo[j], skip[j], found)
            found = smallest(tree, skip[j] + 1, hi[j], found)
        else:
            found = smallest(tree, lo[j], hi[j], found)
        if extra[j] >= 0:
            v = values[extra[j]]
            found = min(found, v if sign > 0 else ~v)
        valid[rows[j]] = some
        if some:
            whole[rows[j]] = found if sign > 0 else ~found


@kernel
def picks(rows: Any, window: Any, values: Any, nth: Any, out: Any) -> None:
    """The value of the first event (nth -1), or of the nth from the last (0: the last). `out` = (int64, valid)."""
    lo, hi, skip, extra = window
    whole, valid = out
    for j in range(rows.size):
        n = hi[j] - lo[j] - (skip[j] >= 0)
        back = nth - (extra[j] >= 0)
        r = rows[j]
        if nth < 0 and n > 0:
            valid[r] = True
            whole[r] = values[lo[j] + 1 if skip[j] == lo[j] else lo[j]]
        elif extra[j] >= 0 and (nth == 0 or (nth < 0 and n == 0)):
            valid[r] = True
            whole[r] = values[extra[j]]
        elif nth >= 0 and 0 <= back < n:
            p = hi[j] - 1 - back
            if skip[j] >= 0 and p <= skip[j]:
                p -= 1
            valid[r] = True
            whole[r] = values[p]
        else:
            valid[r] = False
