"""One source through the door, a chunk at a time, into a load that is not committed yet.

    read -> derive, where -> contract -> [float grid not known yet: wait on the disk] -> lake file
                                |                                                          |
                            quarantine <------ after the last chunk: repeated keys --------'

Each record is counted at every station, and `finish` proves that none is missing before anything can be committed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.connectors.contract import Chunk
from dayshift.definition.settings import SourceSettings
from dayshift.definition.source import Source
from dayshift.diagnostics import Bug
from dayshift.lake import Lake, Load
from dayshift.lifecycle.contract import KEY_HASH, Contract
from dayshift.lifecycle.door.drift import Drift
from dayshift.lifecycle.door.duplicates import Judge, Verdict, once
from dayshift.lifecycle.door.held import Held
from dayshift.lifecycle.door.judging import judged, torn
from dayshift.lifecycle.door.keys import hash_column
from dayshift.lifecycle.door.spill import Spill
from dayshift.semantics.fixed_point import measure_bits


@dataclass(frozen=True)
class Numbers:
    """The record numbers of a file's rows: from `first` to `last` without `gaps`; `listed` where most are gaps."""

    first: int
    last: int
    gaps: NDArray[np.int64]
    listed: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, numbers: pl.Series) -> "Numbers":
        """The numbers of a chunk, ascending.

        >>> Numbers.of(pl.Series([5, 6, 8])).at([2]), Numbers.of(pl.Series([5, 10**12])).at([1])
        ([8], [1000000000000])
        """
        first, last = int(numbers[0]), int(numbers[-1])
        absent = last - first + 1 - len(numbers)
        if absent > len(numbers):
            return cls(first, last, np.empty(0, np.int64), numbers.to_numpy().astype(np.int64))
        gaps: Any = []
        if absent:
            gaps = np.setdiff1d(np.arange(first, last + 1), numbers.to_numpy(), assume_unique=True)
        return cls(first, last, np.asarray(gaps, np.int64))

    def only(self, kept: pl.Series) -> "Numbers":
        """Of the rows that are kept."""
        return Numbers.of(pl.Series(self.at(kept.arg_true().to_numpy())))

    def at(self, rows: object) -> list[int]:
        """The numbers of these rows of the file."""
        every = self.listed
        if every is None:
            every = np.setdiff1d(np.arange(self.first, self.last + 1), self.gaps, assume_unique=True)
        return [int(number) for number in every[np.asarray(rows, np.int64)]]


@dataclass(frozen=True)
class Counts:
    """What became of the records of one source: `read` is the sum of the others."""

    read: int
    loaded: int
    quarantined: int
    duplicates: int
    filtered: int
    reasons: dict[str, int]


class Intake:
    """Takes the chunks of one source.

    Args:
        source, settings: whose rows, and how its section of dayshift.toml treats them.
        lake, load: what is known, and where the rows go.
        folder: for what has to wait on the disk; the caller deletes it.
    """

    def __init__(self, source: Source, settings: SourceSettings, lake: Lake, load: Load, folder: Path) -> None:
        self._source, self._settings, self._lake, self._load = source, settings, lake, load
        self._contract = Contract(source, settings.timezone, lake.bits(source.name))
        self.drift = Drift(source, settings)
        self._keys = Spill(folder, "key")
        self._unique = {name: Spill(folder, f"unique-{n}") for n, name in enumerate(self._unique_columns())}
        self._held = Held(folder, source.name)
        self._folder = folder
        self._files: list[tuple[str, Numbers]] = []
        self._waiting: list[tuple[Path, str, Numbers]] = []
        self._greatest: dict[str, float] = {}
        self.read = self.filtered = self.accepted = self._twice = 0
        self.newest_us: int | None = None

    def _unique_columns(self) -> list[str]:
        alone = self._source.key_columns if len(self._source.key_columns) == 1 else ()
        return [name for name, column in self._source.columns.items() if column.unique and name not in alone]

    def take(self, chunk: Chunk) -> None:
        """Judges the rows of a chunk and writes those that pass."""
        self.read += chunk.read
        self._held.add(chunk.origin, torn(chunk))
        if not chunk.frame.height:
            return
        found = judged(chunk, self._contract, self.drift, self._settings)
        self.filtered += len(found.filtered)
        self._held.add(chunk.origin, found.held)
        if found.good.height:
            self._let_in(found.good, chunk.origin, Numbers.of(found.numbers))

    def _let_in(self, good: pl.DataFrame, origin: str, numbers: Numbers) -> None:
        self.accepted += good.height
        newest = int(good[self._source.time].dt.epoch("us").max())  # type: ignore[arg-type]
        self.newest_us = newest if self.newest_us is None else max(newest, self.newest_us)
        if not self._contract.unmeasured:
            self._write(good, origin, numbers)
            return
        for name in self._contract.unmeasured:
            greatest = good[name].abs().max() or 0.0
            self._greatest[name] = max(self._greatest.get(name, 0.0), float(greatest))  # type: ignore[arg-type]
        file = self._folder / f"waiting-{len(self._waiting):06d}.arrow"
        good.write_ipc(file)
        self._waiting.append((file, origin, numbers))

    def _write(self, good: pl.DataFrame, origin: str, numbers: Numbers) -> None:
        placed = self._contract.place(good)
        kept = once(placed)
        if kept is not None:
            self._twice += placed.height - int(kept.sum())
            good, placed, numbers = good.filter(kept), placed.filter(kept), numbers.only(kept)
        file = self._load.append(self._source.name, placed)
        self._files += [("", Numbers(0, -1, np.empty(0, np.int64)))] * (file + 1 - len(self._files))
        self._files[file] = (origin, numbers)
        self._keys.add(placed[KEY_HASH].to_numpy().view(np.uint64), file)
        for name, spill in self._unique.items():
            there = good[name].is_not_null()
            spill.add(hash_column(good[name].filter(there)), file, there.arg_true().to_numpy())

    def finish(self) -> Counts:
        """Everything that can be said only after the last chunk: the grid of floats, repeated keys, the balance.

        Raises:
            Bug: DS390, the counts do not add up.
        """
        self._write_waiting()
        verdict = self._repeated()
        for (file,), rows in verdict.gone().group_by("file"):
            self._load.discard(self._source.name, int(file), rows["row"])
        conflicts = verdict.conflicting()
        self._hold_conflicts(conflicts)
        known, fresh = self._held.split_known(self._lake)
        reasons: dict[str, int] = {}
        for frame in fresh:
            self._load.quarantine(frame)
            for code, count in frame["code"].value_counts().iter_rows():
                reasons[code] = reasons.get(code, 0) + count
        counts = Counts(
            self.read,
            self.accepted - self._twice - verdict.duplicate_count - conflicts.height,
            self._held.count - known,
            self._twice + verdict.duplicate_count + known,
            self.filtered,
            dict(sorted(reasons.items())),
        )
        self._prove(counts)
        return counts

    @property
    def coarse(self) -> dict[str, int]:
        """By float column, how many values the grid moved by more than a millionth of themselves."""
        return dict(self._contract.coarse)

    def held_rows(self) -> Iterator[pl.DataFrame]:
        """The rows that would be held, for a report when the load is refused."""
        return self._held.frames()

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        bits = {name: measure_bits(self._greatest[name]) for name in self._contract.unmeasured}
        self._load.set_bits(self._source.name, bits)
        coarse = self._contract.coarse
        self._contract = Contract(self._source, self._settings.timezone, {**self._contract.bits, **bits})
        self._contract.coarse.update(coarse)
        for file, origin, numbers in self._waiting:
            self._write(self._contract.on_grid(pl.read_ipc(file)), origin, numbers)
            file.unlink()

    def _repeated(self) -> Verdict:
        verdict, judge = Verdict(), Judge(self._source, self._lake, self._load, self._folder)
        judge.keys(self._keys, verdict)
        for name, spill in self._unique.items():
            judge.unique(name, spill, verdict)
        return verdict

    def _hold_conflicts(self, conflicts: pl.DataFrame) -> None:
        for (file,), rows in conflicts.group_by("file", maintain_order=True):
            origin, numbers = self._files[int(file)]
            self._held.add(
                origin, rows.with_columns(pl.Series("row", numbers.at(rows["row"].to_numpy()), dtype=pl.Int64))
            )

    def _prove(self, counts: Counts) -> None:
        if counts.read != counts.loaded + counts.quarantined + counts.duplicates + counts.filtered:
            raise Bug(
                "DS390",
                f"the rows of source '{self._source.name}' do not add up",
                facts=(str(counts), "nothing was loaded"),
            )
