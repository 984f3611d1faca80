"""A table in PostgreSQL: rows are copied into a temporary table and put in place by one statement of one transaction."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from dayshift.connectors.database import Database, column, is_transient, quoted
from dayshift.connectors.destinations.upsert import insert, prepared
from dayshift.connectors.retry import Retry
from dayshift.diagnostics import NotReady

_STAGED = "dayshift_staged"


class PostgreSQLDestination:
    """Upserts into one table; made with the keys as primary key when it is absent, widened when columns are new."""

    def __init__(self, name: str, database: Database, table: str, retry: Retry) -> None:
        self._name, self._database, self._table, self._retry = name, database, table, retry

    def upsert(self, frame: pl.DataFrame, keys: Sequence[str]) -> int:
        """Writes the rows in one transaction; a transient failure is retried, which can write nothing twice.

        Raises:
            UsageError: DS320, the keys cannot identify the rows.
            NotReady: DS321, the database cannot be reached or refuses.
        """
        rows = prepared(frame, keys)
        if not rows.height:
            return 0
        try:
            self._retry(lambda: self._write(rows, keys), is_transient)
        except NotReady:
            raise
        except Exception as error:
            raise NotReady(
                "DS321",
                f"destination '{self._name}' cannot be written: table '{self._table}' in '{self._database.shown}'",
                facts=(self._database.clean(error), "nothing of these rows was written there; the lake has them"),
                hint="repair the table or the connection, then run again: rows are written by key, none twice",
            ) from error
        return rows.height

    def _write(self, rows: pl.DataFrame, keys: Sequence[str]) -> None:
        connection = self._database.connect(write=True)
        try:
            with connection.cursor() as cursor:
                cursor.adbc_ingest(_STAGED, rows.to_arrow(), mode="create", temporary=True)
                self._make(cursor, rows.columns, keys)
                cursor.execute(insert(quoted(self._table), _STAGED, rows.columns, keys))
                cursor.execute(f"DROP TABLE {_STAGED}")
            connection.commit()
        finally:
            connection.close()

    def _make(self, cursor: Any, columns: Sequence[str], keys: Sequence[str]) -> None:
        table, primary = quoted(self._table), ", ".join(column(key) for key in keys)
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} (LIKE {_STAGED}, PRIMARY KEY ({primary}))")
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608
        there = {described[0] for described in cursor.description}
        cursor.fetchall()
        for name in columns:
            if name not in there:
                cursor.execute(
                    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "  # noqa: S608
                    f"WHERE attrelid = '{_STAGED}'::regclass AND attname = $1",
                    (name,),
                )
                kind = cursor.fetchone()[0]
                cursor.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column(name)} {kind}")
