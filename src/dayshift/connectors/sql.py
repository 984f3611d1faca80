"""Tables and queries of PostgreSQL and SQLite, streamed as Arrow batches by ADBC.

With a `cursor` column only the rows at or after the last cursor minus `lag` are asked for. The bound is inclusive, and
rows whose cursor is null are asked for each time: what was read before comes out as a duplicate at the door, and nothing
is passed over. `lag` is for tables into which older rows are still being written when newer ones are there already
(transactions that commit late, clocks that differ). Without a cursor the whole table is read at every run.

SQLite has no column types, so its values are asked for as text, exactly, and the contract judges each one; of PostgreSQL
the types with an exact counterpart come as they are, every other one (numeric, uuid, json, ...) as PostgreSQL's text.
"""

import datetime as dt
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from dayshift.connectors.contract import Bookmark, Chunk, Origin, ReadPlan
from dayshift.connectors.database import Database, column, is_transient, literal, quoted
from dayshift.connectors.files.half import is_of_files
from dayshift.connectors.retry import Retry
from dayshift.definition.duration import parse_duration
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DayshiftError, DefinitionError, NotReady

_INTEGER = re.compile(r"-?\d+")
_SPELLINGS = {
    "integer": r"-?\d{1,18}$",
    "day": r"\d{4}-\d\d-\d\d$",
    "T": r"\d{4}-\d\d-\d\dT",
    "space": r"\d{4}-\d\d-\d\d ",
}


class SqlReader:
    """Reads the new rows of one table or query."""

    def __init__(
        self, source: str, settings: SourceSettings, database: Database, chunk_rows: int, retry: Retry
    ) -> None:
        self._source, self._settings, self._database = source, settings, database
        self._chunk_rows, self._retry = chunk_rows, retry
        self._bookmark = Bookmark()

    @property
    def _name(self) -> str:
        return self._settings.table or "query"

    def plan(self, manifest: Sequence[Origin], cursor: str | None) -> ReadPlan:
        """One reading of the table, from the cursor on."""
        del manifest
        # the offsets of topics and the cursor of files are other kinds of cursors
        known = cursor is not None and not cursor.startswith("{") and not is_of_files(cursor)
        return ReadPlan((Origin(self._name),), (), cursor if self._settings.cursor and known else None)

    def chunks(self, plan: ReadPlan) -> Iterator[Chunk]:
        """The rows, by their cursor; a failure before the first row is retried, one in the middle ends the reading.

        Raises:
            NotReady: DS310 to DS315, the database cannot be reached or refuses.
            DefinitionError: DS316, the cursor or the lag cannot be used.
        """
        self._bookmark = Bookmark((), plan.cursor)
        cursor, rows, number = plan.cursor, 0, 0
        try:
            stream, close = self._retry(lambda: self._open(plan.cursor), is_transient)
        except DayshiftError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        try:
            for frame in stream:
                rows += frame.height
                numbers = pl.int_range(number + 1, rows + 1, eager=True)
                cursor, number = self.later(cursor, frame), rows
                self._bookmark = Bookmark((), cursor)
                yield Chunk(frame, self._name, numbers, bytes=int(frame.estimated_size()))
        except DayshiftError:
            raise
        except Exception as error:
            raise self._failed(error) from error
        finally:
            close()
        self._bookmark = Bookmark((Origin(self._name, rows=rows),), cursor)

    def bookmark(self) -> Bookmark:
        """The cursor's greatest value so far, as text; in the middle of a reading it is good as well, for rows come by it."""
        return self._bookmark

    def check(self) -> None:
        """Asks for the columns only.

        Raises:
            NotReady, DefinitionError: as `chunks`.
        """
        try:
            connection = self._retry(self._database.connect, is_transient)
            with connection:
                self._checked(connection)
        except DayshiftError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _checked(self, connection: Any) -> list[str]:
        """The columns as they are asked for."""
        names, columns = self._columns(connection)
        if self._settings.cursor and self._settings.cursor not in names:
            raise DefinitionError(
                "DS316",
                f"cursor '{self._settings.cursor}' of source '{self._source}' is no column of {self._name}",
                facts=(f"columns: {', '.join(names)}",),
            )
        return columns

    def _open(self, cursor: str | None) -> tuple[Iterator[pl.DataFrame], Callable[[], None]]:
        with ExitStack() as opened:
            connection = opened.enter_context(closing(self._database.connect()))
            columns = self._checked(connection)
            statement = f"SELECT {', '.join(columns)} FROM {self._from()}{self._condition(cursor)}"  # noqa: S608
            batches = opened.enter_context(closing(self._batches(connection, statement)))
            first = next(batches, None)
            return self._all(first, batches), opened.pop_all().close

    def _all(self, first: pl.DataFrame | None, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        if first is not None:
            yield from first.iter_slices(self._chunk_rows)
            for frame in rest:
                yield from frame.iter_slices(self._chunk_rows)

    def _from(self) -> str:
        if self._settings.table:
            return quoted(self._settings.table)
        return f"({(self._settings.query or '').strip().rstrip(';')}) AS given"

    def _columns(self, connection: Any) -> tuple[list[str], list[str]]:
        with connection.cursor() as asked:
            asked.execute(f"SELECT * FROM {self._from()} LIMIT 0")  # noqa: S608
            schema = asked.fetch_record_batch().schema
        names = list(schema.names)
        if self._database.kind == "sqlite":
            return names, [_exact_text(name) for name in names]
        return names, [
            column(field.name) if _kept(field.type) else f"{column(field.name)}::text AS {column(field.name)}"
            for field in schema
        ]

    def _condition(self, cursor: str | None) -> str:
        if not self._settings.cursor:
            return ""
        name = column(self._settings.cursor)
        if cursor is None:
            return f" ORDER BY {name}"
        since = back(cursor, parse_duration(self._settings.lag), self._source)
        shown = since if self._database.kind == "sqlite" and _INTEGER.fullmatch(since) else literal(since)
        return f" WHERE {name} >= {shown} OR {name} IS NULL ORDER BY {name}"

    def _batches(self, connection: Any, statement: str) -> Generator[pl.DataFrame, None, None]:
        with connection.cursor() as asked:
            if self._database.kind == "sqlite":
                asked.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(self._chunk_rows)})
            asked.execute(statement)
            for batch in asked.fetch_record_batch():
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield (
                    frame.select(_plain_text(name) for name in frame.columns)
                    if self._database.kind == "sqlite"
                    else frame
                )

    def later(self, cursor: str | None, frame: pl.DataFrame) -> str | None:
        """The cursor behind these rows as well."""
        if not self._settings.cursor or not frame.height:
            return cursor
        values = frame[self._settings.cursor]
        if values.dtype == pl.String:
            values = comparable(values.drop_nulls(), cursor)
        found = values.max()
        if found is None:
            return cursor
        return as_text(found)

    def _failed(self, error: Exception) -> NotReady:
        shown = self._database.clean(error)
        if is_transient(error):
            return NotReady(
                "DS314",
                f"database '{self._database.shown}' of source '{self._source}' cannot be reached",
                facts=(shown, f"tried {self._retry.retries + 1} times", "nothing was loaded"),
                hint="start the database, then run again",
            )
        return NotReady(
            "DS315",
            f"database '{self._database.shown}' refuses to read source '{self._source}'",
            facts=(shown, "nothing was loaded"),
            hint=f"look at [sources.{self._source}] in dayshift.toml",
        )


def _kept(kind: Any) -> bool:
    """Whether an Arrow type has an exact counterpart, so that the value need not travel as text."""
    from pyarrow import types

    if types.is_timestamp(kind):
        return bool(kind.unit != "ns")
    exact = (types.is_integer, types.is_boolean, types.is_float64, types.is_float32, types.is_date32)
    return any(test(kind) for test in exact) or types.is_string(kind) or types.is_large_string(kind)


def _exact_text(name: str) -> str:
    """Each value of SQLite as text behind "=", the empty text for null: one type for ADBC, whatever the values are."""
    it = column(name)
    real = f"CASE WHEN CAST(printf('%!.15g', {it}) AS REAL) = {it} THEN printf('%!.15g', {it}) ELSE printf('%!.17g', {it}) END"
    return (
        f"CASE typeof({it}) WHEN 'null' THEN '' WHEN 'blob' THEN '=' || hex({it}) WHEN 'real' THEN '=' || {real} "
        f"ELSE '=' || CAST({it} AS TEXT) END AS {it}"
    )


def _plain_text(name: str) -> pl.Expr:
    return pl.when(pl.col(name) != "").then(pl.col(name).str.slice(1)).alias(name)


def as_text(value: Any) -> str:
    """A cursor's value as it is stored between runs."""
    return value.isoformat() if isinstance(value, dt.datetime | dt.date) else str(value)


def comparable(texts: pl.Series, cursor: str | None) -> pl.Series:
    """The texts that may move the cursor: those written as it is, or as most of them are. Whole numbers become numbers.

    Texts are compared as texts: "n/a" would stand behind every time, and no later row would ever be asked for again.

    >>> comparable(pl.Series(["2024-05-01 10:00:00", "n/a", "2024-05-01T09:00:00"]), "2024-05-01 09:30:00").to_list()
    ['2024-05-01 10:00:00']
    """
    kinds = texts.map_elements(_spelling, return_dtype=pl.String)
    common = kinds.mode().sort()
    kind = _spelling(cursor) if cursor is not None else (common[-1] if len(common) else "")
    same = texts.filter(kinds == kind)
    return same.cast(pl.Int64) if kind == "integer" else same


def _spelling(text: str) -> str:
    return next((kind for kind, pattern in _SPELLINGS.items() if re.match(pattern, text)), "")


def not_after(cursor: str | None, now: dt.datetime, timezone: str) -> str | None:
    """The cursor, but no time that lies ahead of `now`: rows written until then would never be asked for.

    >>> not_after("9999-12-31 00:00:00", dt.datetime(2024, 5, 1, tzinfo=dt.UTC), "UTC")
    '2024-05-01 00:00:00'
    """
    if cursor is None or not re.match(r"\d{4}-\d\d-\d\d", cursor):
        return cursor
    try:
        when = dt.datetime.fromisoformat(cursor)
    except ValueError:
        return cursor
    zone = when.tzinfo or ZoneInfo(timezone)
    if when.replace(tzinfo=zone) <= now:
        return cursor
    return _written_like(cursor, now.astimezone(zone).replace(tzinfo=when.tzinfo))


def _written_like(cursor: str, when: dt.datetime) -> str:
    text = when.isoformat(sep="T" if "T" in cursor else " ")
    if len(cursor) == 10:
        return text[:10]
    return text.removesuffix("+00:00") + "Z" if cursor.endswith("Z") else text


def back(cursor: str, lag_us: int, source: str) -> str:
    """The cursor less the lag, written as it came.

    >>> back("2024-03-01T00:00:30+00:00", 60_000_000, "s"), back("17", 0, "s")
    ('2024-02-29T23:59:30+00:00', '17')

    Raises:
        DefinitionError: DS316, a lag is set, and the cursor is not a time.
    """
    if lag_us == 0:
        return cursor
    try:
        when = dt.datetime.fromisoformat(cursor)
    except ValueError:
        raise DefinitionError(
            "DS316",
            f"source '{source}' has a lag, but its cursor is not a time",
            facts=(f"the last cursor is {cursor!r}",),
            hint="remove `lag`, or take a column of times as `cursor`",
        ) from None
    return _written_like(cursor, when - dt.timedelta(microseconds=lag_us))
