"""Of rows with one key the first is the event. Those that say the same again are duplicates, and are dropped; those
that say something else contradict it, and go to quarantine: nobody here can know which one is right.

The first is the one the lake holds, else the first in the order of reading; a contradiction that comes twice is held
once. "The same" is every column but the lake's own, null equal to null. Candidates come by equal hashes, so a collision
of two different keys is looked at, and kept.

Deliveries repeat rows mostly side by side. Such rows are dropped from their chunk before it is written (`once`); a file
of the load is written anew only for repetitions that lie further apart.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dayshift.definition.source import Source
from dayshift.lake import Lake, Load
from dayshift.lifecycle.contract import KEY_HASH
from dayshift.lifecycle.door.keys import U64, hash_column
from dayshift.lifecycle.door.shelf import Shelf
from dayshift.lifecycle.door.spill import Candidates, Spill

AT_ONCE = 250_000
_FILE, _ROW, _NUMBER, _FIRST = "_file", "_row", "_number", "_first"
_PLACE: dict[str, Any] = {"file": pl.UInt32, "row": pl.UInt32}
CONFLICTS = {**_PLACE, "code": pl.String, "reason": pl.String, "raw": pl.String}


@dataclass
class Verdict:
    """What has to leave the load again: duplicates and conflicts by file and row; conflicts with reason and content."""

    duplicates: list[pl.DataFrame] = field(default_factory=list)
    conflicts: list[pl.DataFrame] = field(default_factory=list)

    @property
    def duplicate_count(self) -> int:
        """How many rows say again what is known."""
        return sum(frame.height for frame in self.duplicates)

    def gone(self) -> pl.DataFrame:
        """Every row that leaves, by `file` and `row`."""
        places = [frame.select("file", "row") for frame in (*self.duplicates, *self.conflicts)]
        return pl.concat(places) if places else pl.DataFrame(schema=_PLACE)

    def conflicting(self) -> pl.DataFrame:
        """The rows for quarantine."""
        return pl.concat(self.conflicts) if self.conflicts else pl.DataFrame(schema=CONFLICTS)


def once(placed: pl.DataFrame) -> pl.Series | None:
    """Which rows of a chunk do not say again what a row before them says; None: all of them.

    >>> once(pl.DataFrame({"id": ["a", "a", "a"], "v": [1, 1, 2], "_key_hash": [7, 7, 7]})).to_list()
    [True, False, True]
    """
    twice = placed[KEY_HASH].is_duplicated()
    if not twice.any():
        return None
    again = ~_firsts(placed.filter(twice))
    if not again.any():
        return None
    return pl.repeat(True, placed.height, dtype=pl.Boolean, eager=True).scatter(twice.arg_true().filter(again), False)


def _firsts(frame: pl.DataFrame) -> pl.Series:
    return frame.select(pl.struct(pl.all()).is_first_distinct()).to_series()


@dataclass(frozen=True)
class Judge:
    """Looks at candidates of one source's part of a load."""

    source: Source
    lake: Lake
    load: Load
    folder: Path

    def keys(self, spill: Spill, verdict: Verdict) -> None:
        """Adds the rows whose key is known to the verdict."""
        for group in spill.candidates(self._stored_keys):
            for rows in self._shelved(group):
                judge_keys(self.source, rows, verdict)

    def _shelved(self, group: Candidates) -> Iterator[pl.DataFrame]:
        """The candidates' rows behind the lake's, rows of equal hash together, some at a time; one pass over both."""
        if not len(group):
            return
        if len(group) <= AT_ONCE:
            mine = pl.Series(group.hash.view(np.int64)).unique()
            yield self._rows(group, self._events().filter(pl.col(KEY_HASH).is_in(mine.implode())))
            return
        upper = np.array([part.hash[-1] for part in group.parts(AT_ONCE)], np.uint64)
        shelf = Shelf(self.folder, KEY_HASH, upper)
        for frame in self._events().collect_batches():
            hashes = frame[KEY_HASH].to_numpy().view(np.uint64)
            at = np.minimum(np.searchsorted(group.hash, hashes), len(group) - 1)
            known = frame.filter(pl.Series(group.hash[at] == hashes))
            if known.height:
                shelf.put(known.with_columns(pl.lit(-1, pl.Int64).alias(_FILE), pl.lit(-1, pl.Int64).alias(_ROW)))
        for file in np.unique(group.file):
            shelf.put(self._of_file(group, int(file)))
        yield from shelf.take()

    def _of_file(self, part: Candidates, file: int) -> pl.DataFrame:
        wanted = np.sort(part.row[part.file == file]).astype(np.int64)
        frame = self.load.read(self.source.name, file)[wanted]
        return frame.with_columns(pl.lit(file, pl.Int64).alias(_FILE), pl.Series(_ROW, wanted))

    def unique(self, name: str, spill: Spill, verdict: Verdict) -> None:
        """Adds the rows whose value of a unique column another event has to the verdict."""
        for part in _parts(spill.candidates(lambda: self._stored_values(name))):
            mine = self._rows(part, None, gone=verdict.gone())
            events = self._events()
            known = (
                events.filter(pl.col(name).is_in(mine[name].unique().implode()))
                if name in events.collect_schema()
                else None
            )
            judge_unique(self.source, name, self._rows(part, known, gone=verdict.gone()), verdict)

    def _rows(self, part: Candidates, stored: pl.LazyFrame | None, gone: pl.DataFrame | None = None) -> pl.DataFrame:
        """The candidates' rows behind the lake's, in the order in which they were learned of, numbered."""
        frames = []
        if stored is not None:
            frames.append(
                stored.collect().with_columns(pl.lit(-1, pl.Int64).alias(_FILE), pl.lit(-1, pl.Int64).alias(_ROW))
            )
        frames += [self._of_file(part, int(file)) for file in np.unique(part.file)]
        rows = pl.concat(frames, how="diagonal_relaxed")
        if gone is not None and gone.height:
            gone = gone.cast(pl.Int64)
            rows = rows.join(gone, left_on=[_FILE, _ROW], right_on=["file", "row"], how="anti", maintain_order="left")
        return rows.with_columns(pl.int_range(pl.len()).alias(_NUMBER))

    def _events(self) -> pl.LazyFrame:
        return (
            self.lake.events(self.source.name)
            if self.lake.has_events(self.source.name)
            else pl.LazyFrame(schema={KEY_HASH: pl.Int64})
        )

    def _stored_keys(self) -> Iterator[U64]:
        for frame in self._events().select(KEY_HASH).collect_batches():
            yield frame[KEY_HASH].to_numpy().view(np.uint64)

    def _stored_values(self, name: str) -> Iterator[U64]:
        events = self._events()
        if name in events.collect_schema():
            for frame in events.select(name).drop_nulls().collect_batches():
                yield hash_column(frame[name])


def judge_keys(source: Source, rows: pl.DataFrame, verdict: Verdict) -> None:
    """Adds the rows whose key stands in an earlier row to the verdict.

    `rows` are in the order in which they were learned of: known ones with `_file` -1, then new ones with theirs and `_row`.
    """
    rows, keys = rows.with_columns(pl.int_range(pl.len()).alias(_NUMBER)), list(source.key_columns)
    first = pl.col(_NUMBER).first().over(keys)
    later = rows.with_columns(first.alias(_FIRST)).filter((pl.col(_NUMBER) != first) & (pl.col(_FILE) >= 0))
    if not later.height:
        return
    owners = _owners(rows, later)
    content = [name for name in rows.columns if not name.startswith("_")]
    equal = pl.DataFrame({name: later[name].eq_missing(owners[name]) for name in content})
    same = equal.select(pl.all_horizontal(pl.all())).to_series() | ~_firsts(later.select(content))
    places = later.filter(same).select(pl.col(_FILE).alias("file"), pl.col(_ROW).alias("row"))
    verdict.duplicates.append(places.cast(pl.Schema(_PLACE)))
    other, owner, differs = later.filter(~same), owners.filter(~same), equal.filter(~same)
    reasons = [
        _difference(source, mine, known, [name for name in content if not flags[name]])
        for mine, known, flags in zip(other.to_dicts(), owner.to_dicts(), differs.to_dicts(), strict=True)
    ]
    _contradict(verdict, other, "DS358", reasons)


def judge_unique(source: Source, name: str, rows: pl.DataFrame, verdict: Verdict) -> None:
    """Adds the rows whose value of a unique column another event has to the verdict; `rows` as for `judge_keys`."""
    rows = rows.filter(pl.col(name).is_not_null()).with_columns(pl.int_range(pl.len()).alias(_NUMBER))
    first = pl.col(_NUMBER).first().over(name)
    later = rows.with_columns(first.alias(_FIRST)).filter((pl.col(_NUMBER) != first) & (pl.col(_FILE) >= 0))
    owners = _owners(rows, later)
    reasons = [
        f"{name} is {_shown(row[name])}, which must be unique and which event {_key(source, owner)} has"
        for row, owner in zip(later.to_dicts(), owners.to_dicts(), strict=True)
    ]
    _contradict(verdict, later, "DS359", reasons)


def _parts(groups: Iterator[Candidates]) -> Iterator[Candidates]:
    return (part for group in groups for part in group.parts(AT_ONCE))


def _owners(rows: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """For each later row the first row that it repeats."""
    return rows[later[_FIRST]]


def _contradict(verdict: Verdict, rows: pl.DataFrame, code: str, reasons: Sequence[str]) -> None:
    if not rows.height:
        return
    content = [name for name in rows.columns if not name.startswith("_")]
    verdict.conflicts.append(
        pl.DataFrame(
            {
                "file": rows[_FILE],
                "row": rows[_ROW],
                "code": [code] * rows.height,
                "reason": list(reasons),
                "raw": [as_json(row) for row in rows.select(content).to_dicts()],
            },
            schema=CONFLICTS,
        )
    )


def _difference(source: Source, mine: dict[str, Any], known: dict[str, Any], names: Sequence[str]) -> str:
    where = f"load {known['_load']}" if known[_FILE] < 0 else "this load"
    told = ", ".join(f"{name} is {_shown(mine[name])}, known is {_shown(known[name])}" for name in names[:3])
    return f"event {_key(source, mine)} is known from {where} with other content: {told}"


def _key(source: Source, row: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(row[name])}" for name in source.key_columns)


def _shown(value: Any) -> str:
    return str(value) if hasattr(value, "isoformat") else repr(value)


def as_json(row: dict[str, Any]) -> str:
    """A row as one line of JSON; times as ISO text, bytes as hexadecimal."""
    return json.dumps(row, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return value.hex() if isinstance(value, bytes) else str(value)
