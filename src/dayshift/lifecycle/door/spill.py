"""Which rows of a load may have been seen before, in bounded memory.

Every row's 64-bit hash goes to one of 64 files on the disk, by its upper bits, together with where the row was written
(file of the load, row in it). After the last chunk a few buckets at a time are read back, sorted, and compared: with one
another, and with the hashes of what the lake holds already, which stream past. 16 bytes a row on the disk, and memory
for four million rows, however many there are.

What is found are candidates: equal hashes. `duplicates` reads the rows themselves and decides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from dayshift.lifecycle.door.keys import U64

BUCKETS = 64
AT_ONCE = 4_000_000
_SHIFT = np.uint64(64 - 6)
_ENTRY = np.dtype([("hash", "<u8"), ("file", "<u4"), ("row", "<u4")])


@dataclass(frozen=True)
class Candidates:
    """Rows of the load whose hash occurs elsewhere too: `hash[n]`, and the row's place, `file[n]` and `row[n]`."""

    hash: U64
    file: NDArray[np.uint32]
    row: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.hash)

    def parts(self, at_once: int) -> "Iterator[Candidates]":
        """About `at_once` rows at a time; rows of equal hash stay together. They are sorted by hash already."""
        start = 0
        while start < len(self):
            end = min(start + at_once, len(self))
            end = int(np.searchsorted(self.hash, self.hash[end - 1], side="right"))
            yield Candidates(self.hash[start:end], self.file[start:end], self.row[start:end])
            start = end


class Spill:
    """The hashes of one source's rows, or of one unique column, on the disk."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f"{name}-{bucket:02d}.hashes" for bucket in range(BUCKETS)]
        self._files: dict[int, BinaryIO] = {}
        self._counts = np.zeros(BUCKETS, np.int64)

    def add(self, hashes: U64, file: int, rows: NDArray[np.integer] | None = None) -> None:
        """The hashes of a file's rows: of all of them in order, or of `rows`."""
        entries = np.empty(len(hashes), _ENTRY)
        entries["hash"], entries["file"] = hashes, file
        entries["row"] = np.arange(len(hashes)) if rows is None else rows
        bucket = (hashes >> _SHIFT).astype(np.uint8)
        entries = entries[np.argsort(bucket, kind="stable")]
        counts = np.bincount(bucket, minlength=BUCKETS)
        ends = np.cumsum(counts)
        for number in np.flatnonzero(counts).tolist():
            if number not in self._files:
                self._files[number] = self._paths[number].open("wb")
            self._files[number].write(entries[ends[number] - counts[number] : ends[number]].tobytes())
        self._counts += counts

    def candidates(self, stored: Callable[[], Iterator[U64]]) -> Iterator[Candidates]:
        """The rows whose hash occurs twice in the load, or among the stored hashes; sorted by hash, some buckets at a time.

        Args:
            stored: starts over the hashes that the lake holds; called once for every four million rows of the load.
        """
        self.close()
        for group in self._groups():
            kept = self._among(group, stored)
            yield Candidates(kept["hash"].copy(), kept["file"].copy(), kept["row"].copy())

    def close(self) -> None:
        """Closes the files; they are deleted with their folder."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def _groups(self) -> Iterator[list[int]]:
        group: list[int] = []
        rows = 0
        for number in np.flatnonzero(self._counts):
            if group and rows + self._counts[number] > AT_ONCE:
                yield group
                group, rows = [], 0
            group.append(int(number))
            rows += int(self._counts[number])
        if group:
            yield group

    def _among(self, group: list[int], stored: Callable[[], Iterator[U64]]) -> NDArray[np.void]:
        entries = np.concatenate([np.fromfile(self._paths[number], _ENTRY) for number in group])
        entries = entries[np.argsort(entries["hash"], kind="stable")]
        hashes = np.ascontiguousarray(entries["hash"])
        same = hashes[1:] == hashes[:-1]
        again = np.zeros(len(hashes), bool)
        again[1:] |= same
        again[:-1] |= same
        for batch in stored():
            mine = batch[(batch >= hashes[0]) & (batch <= hashes[-1])]
            at = np.searchsorted(hashes, mine)
            hit = np.unique(at[hashes[at] == mine])
            again[hit] = True
        again = again[np.searchsorted(hashes, hashes)] if again.any() else again
        return entries[again]
