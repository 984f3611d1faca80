"""A table in a DuckDB file: rows go through a Parquet file beside it and are put in place by one transaction."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dayshift.connectors.database import Database, column, literal, quoted
from dayshift.connectors.destinations.upsert import insert, prepared
from dayshift.connectors.retry import Retry
from dayshift.diagnostics import NotReady


class DuckDBDestination:
    """Upserts into one table of a DuckDB file; file and table are made when they are absent."""

    def __init__(self, name: str, database: Database, table: str, retry: Retry) -> None:
        self._name, self._database, self._table, self._retry = name, database, table, retry

    def upsert(self, frame: pl.DataFrame, keys: Sequence[str]) -> int:
        """Writes the rows in one transaction; a file that another program holds is tried again.

        Raises:
            UsageError: DS320, the keys cannot identify the rows.
            NotReady: DS310, duckdb is not installed; DS321, the file cannot be written.
        """
        rows = prepared(frame, keys)
        if not rows.height:
            return 0
        try:
            import duckdb
        except ImportError:
            raise NotReady("DS310", "writing a DuckDB file needs duckdb", hint="pip install 'dayshift[sql]'") from None
        try:
            self._retry(lambda: self._write(duckdb, rows, keys), lambda error: "lock" in str(error).lower())
        except duckdb.Error as error:
            raise NotReady(
                "DS321",
                f"destination '{self._name}' cannot be written: table '{self._table}' in '{self._database.shown}'",
                facts=(self._database.clean(error), "nothing of these rows was written there; the lake has them"),
                hint="close what holds the file open, then run again: rows are written by key, none twice",
            ) from error
        return rows.height

    def _write(self, duckdb: Any, rows: pl.DataFrame, keys: Sequence[str]) -> None:
        file, table = Path(self._database.address), quoted(self._table)
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            staged = Path(folder) / "rows.parquet"
            rows.write_parquet(staged)
            given = f"read_parquet({literal(str(staged))})"
            with duckdb.connect(str(file)) as connection:
                connection.execute("BEGIN TRANSACTION")
                self._make(connection, table, given, keys)
                connection.execute(insert(table, given, rows.columns, keys))
                connection.execute("COMMIT")

    def _make(self, connection: Any, table: str, given: str, keys: Sequence[str]) -> None:
        types = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {given}").fetchall()}  # noqa: S608
        columns = ", ".join(f"{column(name)} {kind}" for name, kind in types.items())
        primary = ", ".join(column(key) for key in keys)
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns}, PRIMARY KEY ({primary}))")
        there = {row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
        for name, kind in types.items():
            if name not in there:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column(name)} {kind}")
