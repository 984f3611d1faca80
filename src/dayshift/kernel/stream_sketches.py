"""Distinct counts and quantiles of one window of a ring, by looking at its entries.

A ring is shared by all spans of a lane, so it holds no multisets of its own (`sketches.py` slides one over history); an
answer costs what the window holds. Values are gathered in the free words behind the used memory, of which there must be
`scratch_words`. `where` as in `asks.py`; the rules are those of `sketches.py`.
"""

from typing import Any

import numpy as np

from dayshift.kernel import layout as lay
from dayshift.kernel.bounds import bisect
from dayshift.kernel.jit import bare
from dayshift.kernel.sketches import RANKS, REGISTERS, estimate, register_of, splitmix


@bare
def scratch_words(where: Any, bound: Any) -> Any:
    """How many free words `distinct` (exact up to `bound`) or `quantile` (bound 0) may write to."""
    return where[6] - where[5] + 1 + 2 * _room(where[6] - where[5] + 1, bound) + REGISTERS + RANKS


@bare
def _room(values: Any, bound: Any) -> Any:
    room = 16
    while room < 2 * min(values, bound + 1):
        room *= 2
    return room


@bare
def gather(memory: Any, where: Any, word: Any, own: Any) -> Any:
    """Copy a word of all entries of the window, and the asking event's where it counts; returns how many there are."""
    _, ring, size, stride, _, lo, hi, _, with_own, _, _ = where
    at = memory[lay.NEXT]
    for i in range(lo, hi):
        memory[at + i - lo] = memory[ring + (i & (size - 1)) * stride + word]
    if with_own:
        memory[at + hi - lo] = own
    return hi - lo + with_own


@bare
def distinct(memory: Any, real: Any, where: Any, slot: Any, word: Any, own: Any) -> Any:
    """The number of different values of a window: exact up to the slot's bound, estimated above it."""
    n, bound = gather(memory, where, word, own), memory[slot + lay.K_COUNT]
    values = memory[lay.NEXT]
    if not memory[slot + lay.K_MODE]:
        for i in range(values, values + n):
            memory[i] = splitmix(memory[i])
    room = _room(n, bound)
    seen, there = values + n, values + n + room
    memory[there : there + room] = 0
    number = 0
    for i in range(values, values + n):
        hashed = memory[i]
        at = (hashed ^ (hashed >> 29)) & (room - 1)
        while memory[there + at] and memory[seen + at] != hashed:
            at = (at + 1) & (room - 1)
        if not memory[there + at]:
            memory[there + at], memory[seen + at] = 1, hashed
            number += 1
            if number > bound:
                linear = memory[slot + lay.K_REAL] + 1
                return _estimated(memory, values, n, real[linear : linear + REGISTERS + 1])
    return number


@bare
def _estimated(memory: Any, values: Any, n: Any, linear: Any) -> Any:
    held, histogram = values + n, values + n + REGISTERS
    memory[held : histogram + RANKS] = 0
    for i in range(values, values + n):
        cell = register_of(memory[i])
        register = cell // RANKS
        memory[held + register] = max(memory[held + register], cell - register * RANKS)
    for register in range(REGISTERS):
        memory[histogram + memory[held + register]] += 1
    return estimate(memory[histogram : histogram + RANKS], linear)


@bare
def select(memory: Any, first: Any, last: Any, wanted: Any) -> Any:
    """The word that stands at `wanted` when [first, last] is sorted (Hoare's quickselect); moves words about."""
    while first < last:
        pivot = memory[(first + last) >> 1]
        i, j = first, last
        while i <= j:
            while memory[i] < pivot:
                i += 1
            while memory[j] > pivot:
                j -= 1
            if i <= j:
                memory[i], memory[j] = memory[j], memory[i]
                i += 1
                j -= 1
        if wanted <= j:
            last = j
        elif wanted >= i:
            first = i
        else:
            break
    return memory[wanted]


@bare
def quantile(memory: Any, real: Any, where: Any, slot: Any, word: Any, own: Any) -> Any:
    """(quantile of a window, whether there is one). Buckets keep the order of values, so one value's bucket is looked up.

    The slot's doubles: factor, scale, q, then as many bucket bounds as `K_COUNT` says, then as many bucket values.
    """
    n, values = gather(memory, where, word, own), memory[lay.NEXT]
    if n == 0:
        return 0.0, False
    at = memory[slot + lay.K_REAL]
    rank = np.int64(np.floor(real[at + 2] * float(n - 1)))
    value = select(memory, values, values + n - 1, values + rank)
    if value == 0:
        return 0.0, True
    first, size = at + 3, memory[slot + lay.K_COUNT]
    bucket = bisect(real, first, first + size, abs(float(value) / real[at + 1]))
    found = real[bucket + size]
    return (found if value > 0 else -found), True
