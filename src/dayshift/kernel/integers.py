"""Integers to dense numbers, in the order of first appearance: a hash table in arrays.

A place of the table is two words, an integer and its number plus one (0: the place is free). An integer stands at the place
that its hash names or, where that was taken, at the next free one behind it. At most half of the places are taken, and the
places of later rows are on their way while earlier ones are looked at, so a row costs what reading one line of memory does.
"""

from typing import Any

import numpy as np

from dayshift.kernel.arrays import Int64
from dayshift.kernel.flat import flat
from dayshift.kernel.jit import bare, inner, prefetch

AHEAD = 16
"""So many rows before their turn places are fetched."""
FIRST = 10
"""The first table has room for two to this power."""


class Integers:
    """Integers and their numbers.

    >>> known = Integers()
    >>> known.learn(np.array([7, -3, 7])).tolist(), known.codes(np.array([-3, 8])).tolist(), known.values.tolist()
    ([0, 1, 0], [1, -1], [7, -3])
    """

    def __init__(self) -> None:
        self.size = 0
        self._room: Int64 = np.empty(0, np.int64)
        self._widen(FIRST)

    @property
    def values(self) -> Int64:
        """The integer of each number."""
        return self._room[: self.size]

    def learn(self, values: Int64) -> Int64:
        """The number of each, new ones among them."""
        given, codes = flat(values), np.empty(len(values), np.int64)
        done, self.size = _enter(self._places, self._bits, self._room, self.size, given, 0, codes)
        while done < given.size:
            self._widen(self._bits)
            done, self.size = _enter(self._places, self._bits, self._room, self.size, given, done, codes)
        return codes

    def codes(self, values: Int64) -> Int64:
        """The number of each, -1 where it is unknown."""
        given, codes = flat(values), np.empty(len(values), np.int64)
        _find(self._places, self._bits, given, codes)
        return codes

    def _widen(self, bits: int) -> None:
        """Make room for two to this power of integers, and enter those that are known anew."""
        known, self._room = self.values, np.empty(1 << bits, np.int64)
        self._bits, self._places = bits + 1, np.zeros(4 << bits, np.int64)
        _enter(self._places, self._bits, self._room, 0, known, 0, np.empty(known.size, np.int64))


@inner
def _place(value: Any, bits: Any) -> Any:
    """The first word of the place that an integer's hash names."""
    word = np.uint64(value)
    word = (word ^ (word >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return (word >> (np.uint64(64) - np.uint64(bits))) << np.uint64(1)


@inner
def _look(places: Any, bits: Any, value: Any) -> Any:
    """The place where an integer stands, or would."""
    at, mask = _place(value, bits), np.uint64(places.size - 1)
    while places[at + np.uint64(1)] != 0 and places[at] != value:
        at = (at + np.uint64(2)) & mask
    return at


@inner
def _fetch(places: Any, bits: Any, values: Any, row: Any) -> Any:
    if row < values.size:
        prefetch(places, _place(values[row], bits))


@bare
def _find(places: Any, bits: Any, values: Any, codes: Any) -> None:
    """`codes[i]` becomes the number of `values[i]`, or -1."""
    for i in range(AHEAD):
        _fetch(places, bits, values, i)
    for i in range(values.size):
        _fetch(places, bits, values, i + AHEAD)
        codes[i] = places[_look(places, bits, values[i]) + np.uint64(1)] - 1


@bare
def _enter(places: Any, bits: Any, room: Any, size: Any, values: Any, begin: Any, codes: Any) -> Any:
    """`codes[i]` becomes the number of `values[i]`, `room[number]` the value of a new one.

    Returns:
        The first row for which there was no room, and how many integers are known then.
    """
    for i in range(begin, begin + AHEAD):
        _fetch(places, bits, values, i)
    for i in range(begin, values.size):
        _fetch(places, bits, values, i + AHEAD)
        at = _look(places, bits, values[i])
        number = places[at + np.uint64(1)] - 1
        if number < 0:
            if size == room.size:
                return i, size
            number, size = size, size + 1
            room[number] = places[at] = values[i]
            places[at + np.uint64(1)] = size
        codes[i] = number
    return values.size, size
