"""Rows sorted into parts by their hash, on the disk: one pass over everything, then one part at a time in memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from dayshift.lifecycle.door.keys import U64


class Shelf:
    """Part n takes the rows whose hash is at most `upper[n]` and above the part's before; `upper` ascends."""

    def __init__(self, folder: Path, column: str, upper: U64) -> None:
        self._folder, self._column, self._upper = folder, column, upper
        self._files: list[list[Path]] = [[] for _ in upper]
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, frame: pl.DataFrame) -> None:
        """Adds rows; rows of one part stay in the order in which they are put."""
        part = np.searchsorted(self._upper, frame[self._column].to_numpy().view(np.uint64))
        for number in np.unique(part).tolist():
            file = self._folder / f"shelf-{number:05d}-{len(self._files[number]):05d}.arrow"
            frame.filter(pl.Series(part == number)).write_ipc(file)
            self._files[number].append(file)

    def take(self) -> Iterator[pl.DataFrame]:
        """The parts one after another; each is deleted when it was read."""
        for files in self._files:
            if files:
                yield pl.concat([pl.read_ipc(file) for file in files], how="diagonal_relaxed")
            for file in files:
                file.unlink()
