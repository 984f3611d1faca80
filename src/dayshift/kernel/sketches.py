"""Distinct counts and quantiles: multisets that a window slides over.

Both need to know which values a window holds, so one walk serves them: two places move to each question's ends, adding
and removing what they pass, which costs what the window changed by. A multiset is a count for each code: for distinct
counts a code numbers the different 64-bit hashes; for quantiles it is the DDSketch bucket, and counts stand in a
Fenwick tree, so that the bucket at a rank is found in O(log buckets).

A HyperLogLog register is the largest rank of its hashes, which removal could not undo; so the number of different
values at each (register, rank) is kept, and how many registers hold each rank, from which the estimate is a sum of 54
terms. Rules and constants: `semantics/aggregates/distinct_count.py` and `quantile.py`.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from dayshift.kernel.jit import kernel
from dayshift.semantics.aggregates.distinct_count import ALPHA_MM, LINEAR_UP_TO, linear_counts
from dayshift.semantics.aggregates.quantile import bounds, gamma

REGISTERS = 4096
RANKS = 54
_LOW = np.uint64(2**52 - 1)
_52 = np.uint64(52)


@lru_cache(maxsize=1)
def linear_table() -> Any:
    """Linear counting's answers by the number of empty registers."""
    return np.array(linear_counts(), np.int64)


@lru_cache(maxsize=16)
def bucket_bounds(accuracy: float) -> Any:
    """The upper bounds of DDSketch's positive buckets."""
    return np.array(bounds(accuracy))


@lru_cache(maxsize=16)
def bucket_values(accuracy: float) -> Any:
    """What each bucket code stands for: negative buckets mirrored, zero in the middle, positive buckets."""
    positive = 2.0 * bucket_bounds(accuracy) / (gamma(accuracy) + 1.0)
    return np.concatenate((-positive[::-1], [0.0], positive))


def bucket_codes(values: Any, scale: int, accuracy: float) -> Any:
    """The bucket code of each fixed-point value."""
    upper = bucket_bounds(accuracy)
    real = values / float(scale)
    index = np.searchsorted(upper, np.abs(real), side="left") + 1
    return (upper.size + np.sign(values) * np.where(values == 0, 0, index)).astype(np.int32)


def mix(codes: Any) -> Any:
    """The hashes: the finaliser of splitmix64 (Steele, Lea, Flood 2014) of each int64 code."""
    out = np.empty(codes.size, np.int64)
    _mix(codes, out)
    return out


@kernel
def splitmix(code: Any) -> Any:
    """The hash of one int64 code, as int64."""
    z = np.uint64(code)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64(z ^ (z >> np.uint64(31)))


@kernel
def _mix(codes: Any, out: Any) -> None:
    for i in range(codes.size):
        out[i] = splitmix(codes[i])


@kernel
def register_of(hashed: Any) -> Any:
    """`register * 54 + rank` of a 64-bit hash."""
    h = np.uint64(hashed)
    rest = h & _LOW
    rank = 53
    while rest != np.uint64(0):
        rest = rest >> np.uint64(1)
        rank -= 1
    return np.int64(h >> _52) * RANKS + rank


def cells(hashes: Any) -> Any:
    """`register_of` for each hash."""
    out = np.empty(hashes.size, np.int64)
    _fill_cells(hashes, out)
    return out


@kernel
def _fill_cells(hashes: Any, out: Any) -> None:
    for i in range(hashes.size):
        out[i] = register_of(hashes[i])


@kernel
def _change_register(cell: Any, by: Any, state: Any) -> None:
    """A different value comes to (by 1) or leaves (by -1) a (register, rank)."""
    _, ranks, held, histogram, _ = state
    ranks[cell] += by
    register = cell // RANKS
    rank, largest = cell - register * RANKS, held[register]
    now = largest
    if by > 0 and rank > largest:
        now = rank
    elif by < 0 and rank == largest:
        while now > 0 and ranks[register * RANKS + now] == 0:
            now -= 1
    if now != largest:
        histogram[largest] -= 1
        histogram[now] += 1
        held[register] = now


@kernel
def change(code: Any, by: Any, cells: Any, state: Any) -> None:
    """Add (by 1) or remove (by -1) one event. `cells` is empty for quantiles, else the (register, rank) by code.

    `state` = (counts, ranks, held, histogram, number): counts by code (a Fenwick tree from 1 for quantiles),
    HyperLogLog's arrays, and `number[0]`, how many different values (quantiles: how many events) there are.
    """
    counts, number = state[0], state[4]
    if cells.size == 0:
        number[0] += by
        k = code + 1
        while k < counts.size:
            counts[k] += by
            k += k & -k
        return
    before = counts[code]
    counts[code] = before + by
    if before + by == 0 or (before == 0 and by > 0):
        number[0] += by
        _change_register(cells[code], by, state)


@kernel
def estimate(histogram: Any, linear: Any) -> Any:
    """HyperLogLog's estimate from how many registers hold each rank."""
    s = float(histogram[RANKS - 1])
    for k in range(RANKS - 2, -1, -1):
        s = s * 0.5 + histogram[k]
    raw = ALPHA_MM / s
    if raw <= LINEAR_UP_TO and histogram[0] > 0:
        return np.int64(linear[histogram[0]])
    return np.int64(np.rint(raw))


@kernel
def bucket_at(counts: Any, rank: Any) -> Any:
    """The first code whose cumulative count exceeds the rank."""
    step = 1
    while step * 2 < counts.size:
        step *= 2
    at = 0
    while step > 0:
        if at + step < counts.size and counts[at + step] <= rank:
            at += step
            rank -= counts[at]
        step >>= 1
    return at


@kernel
def walk(rows: Any, window: Any, lane: Any, codes: Any, state: Any, rule: Any, out: Any) -> None:
    """Answer all questions in `rows` by sliding one multiset.

    Args:
        rows, window: as in `folds.py`.
        lane: (entity of each question, moved, arrival, seen); `moved` and `arrival` are empty where no entity
            of the rows has late events.
        codes: (by place, cells).
        state: as in `change`, all empty.
        rule: (bound, linear table, q, values by code): the first two for distinct counts, the others for quantiles.
        out: (int64, float64 of the same memory, valid).
    """
    lo, hi, skip, extra = window
    entity, moved, arrival, seen = lane
    placed, cells = codes
    current, left, right, cursor = -1, 0, 0, 0
    late = moved.size > 0
    for j in range(rows.size + 1):
        if j == rows.size or entity[j] != current:
            for p in range(left, right):
                if not late or arrival[p] < cursor:
                    change(placed[p], -1, cells, state)
            if j == rows.size:
                break
            current = entity[j]
            left = right = lo[j]
            cursor = seen[j]
        while late and cursor < seen[j]:
            if left <= moved[cursor] < right:
                change(placed[moved[cursor]], 1, cells, state)
            cursor += 1
        while right < hi[j]:
            if not late or arrival[right] < cursor:
                change(placed[right], 1, cells, state)
            right += 1
        while left > lo[j]:
            left -= 1
            if not late or arrival[left] < cursor:
                change(placed[left], 1, cells, state)
        while right > hi[j]:
            right -= 1
            if not late or arrival[right] < cursor:
                change(placed[right], -1, cells, state)
        while left < lo[j]:
            if not late or arrival[left] < cursor:
                change(placed[left], -1, cells, state)
            left += 1
        if skip[j] >= 0:
            change(placed[skip[j]], -1, cells, state)
        if extra[j] >= 0:
            change(placed[extra[j]], 1, cells, state)
        _read(rows[j], cells, state, rule, out)
        if skip[j] >= 0:
            change(placed[skip[j]], 1, cells, state)
        if extra[j] >= 0:
            change(placed[extra[j]], -1, cells, state)


@kernel
def _read(row: Any, cells: Any, state: Any, rule: Any, out: Any) -> None:
    whole, real, valid = out
    bound, linear, q, values = rule
    counts, _, _, histogram, number = state
    if cells.size > 0:
        valid[row] = True
        whole[row] = number[0] if number[0] <= bound else estimate(histogram, linear)
    else:
        valid[row] = number[0] > 0
        if number[0] > 0:
            real[row] = values[bucket_at(counts, np.int64(np.floor(q * float(number[0] - 1))))]


def empty_state(codes: int, distinct: bool) -> tuple[Any, ...]:
    """A multiset of nothing, for codes 0 to `codes` - 1."""
    histogram = np.zeros(RANKS if distinct else 0, np.int64)
    if distinct:
        histogram[0] = REGISTERS
    held = np.zeros(REGISTERS if distinct else 0, np.int64)
    ranks = np.zeros(REGISTERS * RANKS if distinct else 0, np.int64)
    return np.zeros(codes + (not distinct), np.int64), ranks, held, histogram, np.zeros(1, np.int64)
