"""The hashes that a source has shown so far, so that a live run need not ask the lake of every row.

A table of sorted pieces (`kernel/hashes.py`), each of which grows by itself, at another time than the others: no micro-batch
waits for all of them. 10 to 12 bytes a hash. A hash that is there only says that a row must be looked at: keys are compared,
not hashes.
"""

from __future__ import annotations

import secrets

import numpy as np

from dayshift.kernel import hashes as table
from dayshift.lifecycle.door.keys import U64

_PLACES, _BEHIND = 32, 16
_FEW = 1_024
_MANY = 100_000
"""So many hashes, if they are no small part of the set, are sorted, and each piece is written anew once."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


class KnownHashes:
    """A growing set of hashes; one thread at a time.

    >>> known = KnownHashes()
    >>> known.add(np.array([5, 3], np.uint64))
    >>> known.seen(np.array([3, 4], np.uint64)).tolist(), len(known)
    ([True, False], 2)
    """

    def __init__(self) -> None:
        block = np.full((table.PIECES, _PLACES + _BEHIND), table.GAP, np.int64)
        self._words = list(block)
        self._pieces = np.empty((table.PIECES, 5), np.int64)
        self._pieces[:] = 0, block.shape[1], _PLACES, 0, _most(_PLACES)
        self._pieces[:, table.AT] = block.ctypes.data + np.arange(table.PIECES) * block[0].nbytes
        self._odd = np.uint64(secrets.randbits(64) | 1)

    def __len__(self) -> int:
        return int(self._pieces[:, table.HELD].sum())

    def add(self, hashes: U64) -> None:
        """Adds hashes; those that are there already do no harm."""
        spread, done = self._spread(hashes), 0
        if spread.size >= _MANY and spread.size >= len(self) // 8:
            self._add_many(spread)
            return
        while (done := table.enter(self._pieces, spread, done)) < spread.size:
            self._enlarge(int(spread[done]) >> table.BITS & (table.PIECES - 1), spread[:0])

    def _add_many(self, spread: np.ndarray) -> None:
        """The same for many hashes."""
        fresh = np.sort(spread.view(np.uint64))
        found = np.empty(fresh.size, np.bool_)
        table.find(self._pieces, fresh.view(np.int64), found)
        found[1:] |= fresh[1:] == fresh[:-1]
        fresh = fresh[~found]
        tops = np.arange(table.PIECES, dtype=np.uint64) << np.uint64(table.BITS)
        for number, part in enumerate(np.split(fresh.view(np.int64), np.searchsorted(fresh, tops[1:]))):
            if part.size:
                self._enlarge(number, part)

    def seen(self, hashes: U64) -> np.ndarray:
        """Which of these were added before."""
        found = np.empty(hashes.size, np.bool_)
        table.find(self._pieces, self._spread(hashes), found)
        return found

    def _spread(self, hashes: U64) -> np.ndarray:
        """Other hashes, as many: those of a set that lie together lie apart, and nobody can tell where."""
        return (hashes * self._odd).view(np.int64)

    def _enlarge(self, number: int, fresh: np.ndarray) -> None:
        """Puts fresh hashes into a piece and gives it more places, or, where it has some left, more room behind the last."""
        _, size, places, held, _ = self._pieces[number].tolist()
        behind, held = size - places, held + fresh.size
        if held >= _most(places):
            places = _more(held, number)
        else:
            behind *= 2
        words = np.empty(places + behind, np.int64)
        while not table.merge(self._words[number], fresh, places, words):
            behind *= 2
            words = np.empty(places + behind, np.int64)
        self._words[number] = words
        self._pieces[number] = words.ctypes.data, words.size, places, held, _most(places)


def _more(held: int, number: int) -> int:
    """The places of a piece that holds so many: a fifth to two fifths more than there must be, so that the pieces grow at
    different times; twice as many while they are few."""
    least = held * 8 // 7 + 1
    return 2 * least if least < _FEW else least + least * (table.PIECES + number) // (5 * table.PIECES)


def _most(places: int) -> int:
    return places * 7 // 8


def repeated(hashes: U64) -> np.ndarray:
    """Which of these stand among them more than once.

    >>> repeated(np.array([7, 8, 7], np.uint64)).tolist()
    [True, False, True]
    """
    found = np.zeros(hashes.size, np.bool_)
    if hashes.size > 1:
        scratch = np.zeros(1 << (2 * hashes.size - 1).bit_length(), np.int32)
        table.repeat((hashes * _ODD).view(np.int64), scratch, found)
    return found
