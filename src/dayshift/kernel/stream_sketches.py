"""Distinct counts and quantiles of one window of a ring, by looking at its entries.

A ring is shared by all spans of a lane, so it holds no multisets of its own (`sketches.py` slides one over history); an
answer costs what the window holds. `where` as in `asks.py`; the rules are those of `sketches.py`.
"""

from typing import Any

import numpy as np
from numba import njit

from dayshift.kernel import layout as lay
from dayshift.kernel.bounds import bisect
from dayshift.kernel.sketches import RANKS, REGISTERS, estimate, register_of, splitmix


@njit(cache=True, nogil=True)
def gather(memory: Any, where: Any, word: Any, own: Any) -> Any:
    """A word of all entries of the window, and the asking event's where it counts."""
    _, ring, size, stride, _, lo, hi, _, with_own = where
    found = np.empty(hi - lo + with_own, np.int64)
    for i in range(lo, hi):
        found[i - lo] = memory[ring + (i & (size - 1)) * stride + word]
    if with_own:
        found[hi - lo] = own
    return found


@njit(cache=True, nogil=True)
def distinct(memory: Any, where: Any, slot: Any, word: Any, reals: Any, own: Any) -> Any:
    """The number of different values of a window: exact up to the slot's bound, estimated above it."""
    values = gather(memory, where, word, own)
    bound = slot[lay.K_COUNT]
    if not slot[lay.K_MODE]:
        for i in range(values.size):
            values[i] = splitmix(values[i])
    room = 16
    while room < 2 * min(values.size, bound + 1):
        room *= 2
    seen, there = np.zeros(room, np.int64), np.zeros(room, np.bool_)
    number = 0
    for i in range(values.size):
        at = (values[i] ^ (values[i] >> 29)) & (room - 1)
        while there[at] and seen[at] != values[i]:
            at = (at + 1) & (room - 1)
        if not there[at]:
            there[at], seen[at] = True, values[i]
            number += 1
            if number > bound:
                return _estimated(values, reals[slot[lay.K_REAL] + 1 :])
    return number


@njit(cache=True, nogil=True)
def _estimated(hashes: Any, linear: Any) -> Any:
    held, histogram = np.zeros(REGISTERS, np.int64), np.zeros(RANKS, np.int64)
    for i in range(hashes.size):
        cell = register_of(hashes[i])
        register = cell // RANKS
        held[register] = max(held[register], cell - register * RANKS)
    for register in range(REGISTERS):
        histogram[held[register]] += 1
    return estimate(histogram, linear)


@njit(cache=True, nogil=True)
def quantile(memory: Any, where: Any, slot: Any, word: Any, reals: Any, own: Any) -> Any:
    """(quantile of a window, whether there is one). Buckets keep the order of values, so one value's bucket is looked up.

    The slot's `reals`: factor, scale, q, then as many bucket bounds as `K_COUNT` says, then as many bucket values.
    """
    values = gather(memory, where, word, own)
    if values.size == 0:
        return 0.0, False
    at = slot[lay.K_REAL]
    rank = np.int64(np.floor(reals[at + 2] * float(values.size - 1)))
    value = np.partition(values, rank)[rank]
    if value == 0:
        return 0.0, True
    first, size = at + 3, slot[lay.K_COUNT]
    bucket = bisect(reals, first, first + size, abs(float(value) / reals[at + 1]))
    found = reals[bucket + size]
    return (found if value > 0 else -found), True
