"""A table that the pipeline computes: features, labels or predictions. Every write is one commit, done once.

"Once" is kept by Delta's app transactions: a write says who it is (`app`) and which of its numbered works this is
(`number`, rising). If the table has that number already, nothing happens; if two try at the same time, one commit
succeeds and the other finds the number there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import polars as pl

from dayshift.diagnostics import Bug, NotReady
from dayshift.lake.compaction import WHOLE, Extent, delete_unknown, merge_small, vacuum_table
from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import guarding
from dayshift.lake.files import DataFile, Writer, file_name, new_token
from dayshift.lake.place import Place
from dayshift.lake.scan import scan_files
from dayshift.lake.schema import fit


class Table:
    """A table of the lake; made by `Lake.table`, it need not exist yet."""

    def __init__(self, place: Place, name: str, lock: Callable[[], AbstractContextManager[None]]) -> None:
        self.name = name
        self._place = place
        self._lock = lock

    def _open(self, version: int | dt.datetime | None = None) -> Delta:
        return Delta.open(self._place, self.name, version)

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self._open().exists

    @property
    def version(self) -> int:
        """The number of the last commit, counted from 0; -1 when the table does not exist."""
        return self._open().version

    def last_number(self, app: str) -> int:
        """The number of the app's last write; 0 when there is none."""
        return self._open().number(app) or 0

    def scan(self, version: int | None = None, at: dt.datetime | None = None) -> pl.LazyFrame:
        """The rows, in the order of writing, now or as they were.

        Args:
            version: as of this version of the table.
            at: as of this time, by the storage's clock.

        Raises:
            NotReady: DS410, nothing was ever written; DS403, a file is damaged.
            UsageError: DS408, there is no such version.
        """
        table = self._open(version if at is None else at)
        if not table.exists:
            raise NotReady("DS410", f"table '{self.name}' has not been written yet", hint="dayshift run")
        return scan_files(self._place, table.files(), table.schema, f"table '{self.name}'")

    def append_once(self, frames: Iterable[pl.DataFrame] | pl.DataFrame, app: str, number: int) -> bool:
        """Add rows, unless the app wrote this number (or a later one) before.

        Args:
            frames: the rows, taken chunk by chunk; not touched when there is nothing to do.
            app: who writes.
            number: which of its works, rising from 1.

        Returns:
            Whether this call added them.

        Raises:
            NotReady: DS402, the table changed under our feet; DS404; DS405.
        """
        return self._write(frames, None, app, number) is not None

    def replace(
        self, frames: Iterable[pl.DataFrame] | pl.DataFrame, where: pl.Expr | str, app: str, number: int
    ) -> int:
        """Put rows in the place of those that fulfil a condition, in one commit.

        Args:
            frames: the new rows, taken chunk by chunk; each must fulfil `where`.
            where: a Polars expression, or an SQL condition; rows for which it is null stay.
            app: who writes.
            number: which of its works; one that was done is not done again.

        Returns:
            How many new rows were written; 0 when the work had been done before.

        Raises:
            Bug: DS413, a new row does not fulfil `where`: doing this twice would double it.
            NotReady: DS402, the table changed under our feet; DS404; DS405.
        """
        return self._write(frames, where, app, number) or 0

    def compact(self) -> int:
        """Merge small files, in the order of writing; no row changes. Returns how many files were rewritten."""
        with self._lock():
            return self.merge()

    def merge(self, extent: Extent = WHOLE) -> int:
        """As `compact`, by the only one who writes to this table now: it takes no lock."""
        return merge_small(self._open(), extent)

    def vacuum(self, hours: int) -> int:
        """Forget versions older than this and delete the files that only they need; returns how many files went.

        Nothing else may write meanwhile when `hours` is shorter than a write takes.
        """
        with self._lock():
            return vacuum_table(self._open(), hours)

    def history(self) -> pl.DataFrame:
        """The commits, the newest first: version, at, operation."""
        table = self._open()
        entries = [] if table.handle is None else table.handle.history()
        rows = [(entry["version"], entry.get("timestamp"), entry.get("operation")) for entry in entries]
        schema = {"version": pl.Int64(), "at": pl.Datetime("ms", "UTC"), "operation": pl.String()}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _write(
        self, frames: Iterable[pl.DataFrame] | pl.DataFrame, where: pl.Expr | str | None, app: str, number: int
    ) -> int | None:
        table = self._open()
        if (table.number(app) or 0) >= number:
            return None
        batch = _Batch(table)
        try:
            for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
                batch.add(_checked(frame, where, self.name))
            rows = sum(file.rows for file in batch.adds)
            if where is not None:
                batch.supersede(where)
            batch.commit(app, number)
        except BaseException as error:
            batch.undo()
            if _overtaken(error) and self.last_number(app) >= number:
                return None
            raise
        return rows


class _Batch:
    """The files of one write, and the commit that makes them count."""

    def __init__(self, table: Delta) -> None:
        self._table = table
        self._writer = Writer()
        self._token = new_token()
        self._schema: dict[str, pl.DataType] = dict(table.schema)
        self.adds: list[DataFile] = []
        self._removes: list[DataFile] = []

    def add(self, frame: pl.DataFrame) -> None:
        frame = fit(frame, self._schema, f"table '{self._table.name}'")
        self._schema.update({name: dtype for name, dtype in frame.schema.items() if name not in self._schema})
        if frame.height:
            self._put(frame, self._table.version + 1)

    def supersede(self, where: pl.Expr | str) -> None:
        """Take the rows that fulfil the condition out of the files that are there, file by file."""
        what = f"table '{self._table.name}'"
        for file in self._table.files():
            scan = scan_files(self._table.place, [file], self._table.schema, what)
            with guarding(f"reading {what}", what):
                if not _fulfilling(scan, where).head(1).collect().height:
                    continue
                kept = _others(scan, where).collect()
            self._removes.append(file)
            if kept.height:
                self._put(kept, file.order)

    def commit(self, app: str, number: int) -> None:
        self._writer.wait()
        self._writer.close()
        if self._schema:  # no frame ever told the columns: there is nothing to remember, and no table to remember it in
            self._table.commit(self._schema, Commit(self.adds, self._removes, {app: number}))

    def undo(self) -> None:
        """Delete what was written, unless the log knows it after all."""
        self._writer.close()
        delete_unknown(self._table, self.adds)

    def _put(self, frame: pl.DataFrame, order: int) -> None:
        self.adds.append(self._writer.write(self._table.place, file_name(order, len(self.adds), self._token), frame))


def _checked(frame: pl.DataFrame, where: pl.Expr | str | None, name: str) -> pl.DataFrame:
    if where is not None and frame.height:
        outside = _others(frame.lazy(), where).collect().height
        if outside:
            raise Bug(
                "DS413", f"{outside} of {frame.height} rows for '{name}' do not fulfil the condition they replace"
            )
    return frame


def _fulfilling(rows: pl.LazyFrame, where: pl.Expr | str) -> pl.LazyFrame:
    if isinstance(where, str):  # as a query, not as an expression: only there are texts compared with times
        return pl.SQLContext(rows=rows).execute(f"SELECT * FROM rows WHERE {where}", eager=False)  # noqa: S608 - own rows only
    return rows.filter(where)


def _others(rows: pl.LazyFrame, where: pl.Expr | str) -> pl.LazyFrame:
    if isinstance(where, str):
        query = f"SELECT * FROM rows WHERE NOT COALESCE(({where}), FALSE)"  # noqa: S608 - own rows only
        return pl.SQLContext(rows=rows).execute(query, eager=False)
    return rows.filter(~where.fill_null(False))


def _overtaken(error: BaseException) -> bool:
    return isinstance(error, NotReady) and error.problems[0].code == "DS402"
