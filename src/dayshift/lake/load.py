"""A load: events of several sources, rows for quarantine, and one commit after which all of it is there.

    append, append, ...   data files on the disk; no log knows them            killed here: the next load deletes them
    commit 1..n           each table's log knows the files; no reader counts   killed here: the next load removes them
                          them, for table `loads` has no such load
    commit of `loads`     everything is visible at once                        killed here: the load is done

A file of a load carries the load's number and the attempt's token in its name, and is read only if table `loads` has
that number with that token. So what a killed attempt or a losing writer left behind is never counted, even before it
is cleared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import polars as pl

from dayshift.diagnostics import Bug, NotReady
from dayshift.lake import quarantine
from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import guarding
from dayshift.lake.files import PENDING, DataFile, Writer, file_name, new_token
from dayshift.lake.loads import ATTEMPTS, LOAD, Claim
from dayshift.lake.place import Place
from dayshift.lake.record import LoadRecord, Stamp, bits_of, columns_of, rows_of
from dayshift.lake.schema import fit


@dataclass
class _Part:
    """What the load has written so far for one table. `gone` marks the rows of a file that were discarded."""

    place: Place
    name: str
    schema: dict[str, pl.DataType]
    files: dict[int, DataFile] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)
    gone: dict[int, pl.Series] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files.values())


class Load:
    """A load that has begun and is not committed; use it as a context manager, then leaving without `commit` undoes it.

    Made by `Lake.begin_load`. `number` is the number that its events carry in `_load`.
    """

    def __init__(
        self, claim: Claim, at: dt.datetime, places: Callable[[str], Place], release: Callable[[], None]
    ) -> None:
        self.number = claim.number
        self.at = at
        self._claim = claim
        self._places = places
        self._release = release
        self._token = new_token()
        self._writer = Writer()
        self._events: dict[str, _Part] = {}
        self._held: dict[str, _Part] = {}
        self._quarantined: dict[str, int] = {}
        self._bits: dict[str, dict[str, int]] = {}
        self._state = "open"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def open(self) -> bool:
        """Whether it can still be appended to."""
        return self._state == "open"

    def append(self, source: str, frame: pl.DataFrame) -> int:
        """Write a chunk of a source's events as one file.

        Args:
            source: the source's name.
            frame: the events; `_load` is added when absent. An empty frame tells the columns.

        Returns:
            The number of the file, counted from 0 for each source; `discard` wants it.

        Raises:
            Refused: DS407, a column has another type than the stored one.
            NotReady: DS404 or DS405, there is no room or no right to write.
        """
        self._check_open()
        part = self._events.get(source)
        if part is None:
            stored = columns_of(self._claim.rows, source)
            part = self._events[source] = _Part(self._places(f"events/{source}"), f"events/{source}", stored)
        return self._write(part, frame)

    def discard(self, source: str, file: int, rows: Iterable[int] | pl.Series) -> None:
        """Take rows back out of a file of this load; only that file is written anew.

        Args:
            source: the source's name.
            file: what `append` returned.
            rows: the rows' numbers, from 0, in the frame as it was appended.
        """
        self._check_open()
        part = self._events.get(source)
        if part is None or file not in part.written:
            raise Bug("DS412", f"load {self.number} has no file {file} of source '{source}'")
        given = pl.Series(rows if isinstance(rows, pl.Series) else list(rows), dtype=pl.Int64)
        if not given.is_between(0, part.written[file] - 1).all():
            raise Bug("DS412", f"file {file} of source '{source}' has {part.written[file]} rows")
        if len(given):
            self._rewrite(part, file, given)

    def read(self, source: str, file: int) -> pl.DataFrame:
        """The rows of a file of this load, as `append` wrote them, without those that were discarded."""
        part = self._events[source]
        return _content(part, part.files[file]) if file in part.files else pl.DataFrame(schema=part.schema)

    def quarantine(self, frame: pl.DataFrame) -> None:
        """Hold rows that broke their contract; columns as in `Lake.quarantine`, of which `_load`, `state`, `id` may be
        absent."""
        self._check_open()
        part = self._part_of_quarantine(quarantine.ROWS, quarantine.SCHEMA)
        before = sum(self._quarantined.values())
        for source, count in frame["source"].value_counts().iter_rows():
            self._quarantined[source] = self._quarantined.get(source, 0) + count
        self._write(part, quarantine.complete(frame, self.number, before))

    def settle_quarantine(self, ids: Iterable[str], state: str) -> None:
        """Say with this load's commit what became of rows held earlier: "readmitted" or "dropped"."""
        self._check_open()
        part = self._part_of_quarantine(quarantine.SETTLED, quarantine.SETTLED_SCHEMA)
        self._write(part, quarantine.settlement(ids, state, self.number))

    def set_bits(self, source: str, bits: Mapping[str, int]) -> None:
        """Keep the measured power of two of float columns; what an earlier load measured stays.

        Raises:
            Bug: DS412, a column was measured before with another result.
        """
        self._check_open()
        known = {**bits_of(self._claim.rows, source), **self._bits.get(source, {})}
        for column, value in bits.items():
            if known.get(column, value) != value:
                raise Bug("DS412", f"bits of '{source}.{column}' are {known[column]} already, not {value}")
        self._bits.setdefault(source, {}).update(bits)

    def commit(self, *records: LoadRecord) -> None:
        """Make the load visible, all of it at once, and end it.

        Args:
            records: one for each source that was read.

        Raises:
            Bug: DS406, the records do not add up to what was written.
            NotReady: DS402, another load has begun since; DS404 or DS405, the storage failed. Nothing is visible.
        """
        self._check_open()
        self._check_balance(records)
        try:
            self._writer.wait()
            self._claim.check()
            self._state = "committing"
            for part in [*self._events.values(), *self._held.values()]:
                self._announce(part)
            columns = {source: part.schema for source, part in self._events.items()}
            self._claim.commit(rows_of(records, Stamp(self.number, self.at, self._token, columns, self._bits)))
            self._state = "committed"
        finally:
            self.close()

    def close(self) -> None:
        """End the load; without a `commit` before, its files are deleted and nothing has happened."""
        if self._state == "closed":
            return
        self._writer.close()
        if self._state == "open":
            for part in [*self._events.values(), *self._held.values()]:
                for file in part.files.values():
                    _delete(part.place, file)
        self._state = "closed"
        self._release()

    def _write(self, part: _Part, frame: pl.DataFrame) -> int:
        if "_load" not in frame.columns:
            frame = frame.with_columns(pl.lit(self.number, pl.Int64).alias("_load"))
        frame = fit(frame, part.schema, f"'{part.name}'")
        part.schema.update({name: dtype for name, dtype in frame.schema.items() if name not in part.schema})
        index = len(part.written)
        part.written[index] = frame.height
        if frame.height:
            written = self._writer.write(part.place, file_name(self.number, index, self._token, PENDING), frame)
            if (written.low, written.high) != (self.number, self.number):
                _delete(part.place, written)
                raise Bug("DS412", f"rows of load {written.low} came in load {self.number}")
            part.files[index] = written
        return index

    def _rewrite(self, part: _Part, file: int, rows: pl.Series) -> None:
        before = part.gone.get(file, pl.repeat(False, part.written[file], dtype=pl.Boolean, eager=True))
        after = before.clone().scatter(rows, True)
        if after.sum() == before.sum():
            return
        old = part.files[file]
        kept = pl.DataFrame() if after.all() else _content(part, old).filter(~after.filter(~before))
        if kept.height:
            part.files[file] = self._writer.write(part.place, old.name, kept)
        else:
            _delete(part.place, part.files.pop(file))
        part.gone[file] = after

    def _part_of_quarantine(self, name: str, schema: Mapping[str, pl.DataType]) -> _Part:
        if name not in self._held:
            self._held[name] = _Part(self._places(name), name, dict(schema))
        return self._held[name]

    def _announce(self, part: _Part) -> None:
        """The table's own commit. A compaction elsewhere may come between: then again, on the newest version."""
        note = {"dayshift.load": str(self.number), "dayshift.token": self._token}
        change = Commit(list(part.files.values()), apps={LOAD: self.number}, note=note)
        for attempt in range(ATTEMPTS):
            table = Delta.open(part.place, part.name)
            if table.exists and not part.files and set(part.schema) <= set(table.schema):
                return
            try:
                table.commit(_agreed(part, table), change)
            except NotReady as error:
                if error.problems[0].code != "DS402" or attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def _check_open(self) -> None:
        if not self.open:
            raise Bug("DS412", f"load {self.number} is {self._state}: nothing can be added to it")

    def _check_balance(self, records: tuple[LoadRecord, ...]) -> None:
        faults = [] if records else ["no source says what it read"]
        told = {record.source: record for record in records}
        if len(told) != len(records):
            faults.append("a source has two records")
        for record in records:
            if not record.balanced:
                faults.append(f"'{record.source}': {replace(record, origins=())}")
        for source in sorted({*told, *self._events, *self._quarantined}):
            wanted = told.get(source, LoadRecord(source, 0, 0))
            rows = self._events[source].rows if source in self._events else 0
            if (rows, self._quarantined.get(source, 0)) != (wanted.loaded, wanted.quarantined):
                faults.append(
                    f"'{source}': {rows} rows written and {self._quarantined.get(source, 0)} held, "
                    f"the record says {wanted.loaded} and {wanted.quarantined}"
                )
        if faults:
            raise Bug("DS406", f"load {self.number} does not add up, it is not committed", facts=faults)


def _agreed(part: _Part, table: Delta) -> dict[str, pl.DataType]:
    """The part's columns, in the types that the table's log has; a column that only a killed load announced may differ."""
    stored = table.schema
    for name, dtype in part.schema.items():
        if name in stored and stored[name] != dtype:
            raise NotReady(
                "DS407",
                f"column '{name}' of '{part.name}' was announced as {stored[name]} by a load that never finished",
                facts=(f"now it comes as {dtype}",),
                hint="give the column another name",
            )
    return part.schema


def _content(part: _Part, file: DataFile) -> pl.DataFrame:
    with guarding(f"reading {part.place}", f"file '{file.name}'"):
        return pl.read_parquet(f"{part.place}/{file.name}", glob=False, storage_options=part.place.storage_options)


def _delete(place: Place, file: DataFile) -> None:
    if place.path is not None:
        (place.path / file.name).unlink(missing_ok=True)
