"""The hashes that a source has shown so far, so that a live run need not ask the lake of every row.

Sorted runs of 64-bit hashes, the newest small, each older one at least twice as long (as in a log-structured merge tree,
O'Neil et al. 1996): a look-up is a binary search in a few runs, an addition merges the small ones. 8 bytes a hash. A hash
that is there only says that a row must be looked at: keys are compared, not hashes.
"""

from __future__ import annotations

import numpy as np

from dayshift.lifecycle.door.keys import U64


class KnownHashes:
    """A growing set of hashes.

    >>> known = KnownHashes()
    >>> known.add(np.array([5, 3], np.uint64))
    >>> known.seen(np.array([3, 4], np.uint64)).tolist(), len(known)
    ([True, False], 2)
    """

    def __init__(self) -> None:
        self._runs: list[U64] = []

    def __len__(self) -> int:
        return sum(run.size for run in self._runs)

    def add(self, hashes: U64) -> None:
        """Adds hashes; those that are there already do no harm."""
        if not hashes.size:
            return
        run = np.sort(hashes)
        while self._runs and self._runs[-1].size < 2 * run.size:
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")  # of two sorted parts: timsort merges them
        self._runs.append(run)

    def seen(self, hashes: U64) -> np.ndarray:
        """Which of these were added before."""
        found = np.zeros(hashes.size, np.bool_)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, hashes), run.size - 1)
            found |= run[at] == hashes
        return found


def repeated(hashes: U64) -> np.ndarray:
    """Which of these stand among them more than once.

    >>> repeated(np.array([7, 8, 7], np.uint64)).tolist()
    [True, False, True]
    """
    found = np.zeros(hashes.size, np.bool_)
    if hashes.size < 2:
        return found
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    found[order[1:]] |= same
    found[order[:-1]] |= same
    return found
