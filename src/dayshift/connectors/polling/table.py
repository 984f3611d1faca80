"""A table or query, looked at again and again: what the look before had at the edge is not handed over twice.

Each look asks as a nightly reading does, from the cursor back by `lag`, both included, so the rows at the edge come with
every look. They are told by a hash of the whole row, of 128 bits, and dropped while this run lives: a row that is equal
in every column is the same statement, and would come out as a duplicate at the door. A run that was killed reads the
rows since its last stored cursor again; those are duplicates at the door.

Without a `cursor` the whole table is read at every look. That is for small tables, and refused beyond a million rows.
"""

import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from dayshift.connectors.contract import Chunk, Origin, Reader
from dayshift.connectors.live import Known
from dayshift.connectors.polling.piece import Piece
from dayshift.connectors.retry import Retry
from dayshift.connectors.sql import SqlReader, not_after
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DefinitionError, NotReady
from dayshift.semantics.instants import EPOCH

MOST = 1_000_000
_HASH = {"low": pl.UInt64, "high": pl.UInt64}


class Edge:
    """The rows of the look before, and of this one so far; at most `most` of each, the last ones.

    >>> edge = Edge()
    >>> edge.fresh(pl.DataFrame({"id": [1, 2]})).to_list()
    [True, True]
    >>> edge.turn()
    >>> edge.fresh(pl.DataFrame({"id": [2, 3]})).to_list()
    [False, True]
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seeds = secrets.randbits(63), secrets.randbits(63)
        self._before = pl.DataFrame(schema=_HASH)
        self._now: list[pl.DataFrame] = []
        self.rows = 0

    def fresh(self, frame: pl.DataFrame) -> pl.Series:
        """Which of the rows the look before did not have."""
        hashes = pl.DataFrame(
            [frame.hash_rows(seed).alias(name) for name, seed in zip(_HASH, self._seeds, strict=True)]
        )
        self._now.append(hashes)
        self.rows += frame.height
        known = self._before.unique().with_columns(pl.lit(value=True).alias("known"))
        return hashes.join(known, on=list(_HASH), how="left", maintain_order="left")["known"].is_null()

    def turn(self) -> None:
        """The look is over: it is the one before now."""
        self._before, self._now, self.rows = pl.concat([pl.DataFrame(schema=_HASH), *self._now]).tail(self._most), [], 0

    def broken(self) -> None:
        """The look failed in the middle: what it had is known as well as what the one before had."""
        self._now = [self._before, *self._now]
        self.turn()


class Table:
    """What is new in one table or query.

    Args:
        source: its name.
        settings: its section of dayshift.toml.
        reader: reads it; it asks once and does not retry.
        retry: how often, and after which pauses, an absent database is asked at the beginning.
        clock_us: the time now, microseconds since 1970; a cursor that lies ahead of it is set back to it.
    """

    def __init__(
        self, source: str, settings: SourceSettings, reader: Reader, retry: Retry, clock_us: Callable[[], int]
    ) -> None:
        self._source, self._settings, self._reader = source, settings, reader
        self._retry, self._clock_us = retry, clock_us
        self._cursor: str | None = None
        self._manifest: list[Origin] = []
        self._edge = Edge()

    def begin(self, known: Known) -> None:
        """Begins behind the last cursor.

        Raises:
            NotReady: DS310 to DS315, the database cannot be reached or refuses.
            DefinitionError: DS316, the cursor cannot be used.
        """
        self._cursor, self._manifest = known.cursor, list(known.manifest)
        if isinstance(self._reader, SqlReader):
            self._retry(self._reader.check, _is_away)

    def look(self) -> Iterator[Piece]:
        """The rows that the look before did not have.

        Raises:
            NotReady: DS310 to DS315, the database cannot be reached or refuses.
            DefinitionError: DS316, the cursor cannot be used; DS342, the table is too large to be read without one.
        """
        plan = self._reader.plan(self._manifest, self._cursor)
        chunks = self._reader.chunks(plan)
        try:
            reader = self._reader
            yield from self._by_cursor(reader, chunks) if isinstance(reader, SqlReader) else self._as_a_whole(chunks)
        except BaseException:
            self._edge.broken()
            raise
        self._edge.turn()

    def _by_cursor(self, reader: SqlReader, chunks: Iterator[Chunk]) -> Iterator[Piece]:
        """The rows come by the cursor, so that what it says is true behind every one of them."""
        for chunk in chunks:
            fresh, before = self._fresh(chunk), self._cursor
            self._cursor = self._allowed(reader.bookmark().cursor)
            if fresh.read:
                within = partial(self._within, reader, fresh, before)
                yield Piece(fresh, self._cursor, (Origin(chunk.origin, rows=fresh.read),), within)

    def _within(self, reader: SqlReader, chunk: Chunk, before: str | None, number: int) -> str | None:
        return self._allowed(reader.later(before, chunk.frame.filter(chunk.rows <= number)))

    def _as_a_whole(self, chunks: Iterator[Chunk]) -> Iterator[Piece]:
        """Of other readers the cursor is known to be good at the end only."""
        held: Chunk | None = None
        for chunk in chunks:
            if held is not None:
                yield Piece(held)
            held = self._fresh(chunk)
        self._cursor = self._allowed(self._reader.bookmark().cursor)
        if held is not None:
            origins = self._reader.bookmark().origins
            self._manifest += origins
            yield Piece(held, self._cursor, origins)

    def _allowed(self, cursor: str | None) -> str | None:
        """The cursor, but no time that lies ahead."""
        now = EPOCH + dt.timedelta(microseconds=self._clock_us())
        return not_after(cursor, now, self._settings.timezone)

    @property
    def quiet(self) -> bool:
        """Yes: a look leaves nothing for a later one."""
        return True

    def state(self) -> Mapping[str, Any]:
        """How far the table is read."""
        return {"cursor": self._cursor} if self._cursor is not None else {}

    def _fresh(self, chunk: Chunk) -> Chunk:
        fresh = self._edge.fresh(chunk.frame)
        if self._edge.rows > MOST and isinstance(self._reader, SqlReader) and not self._settings.cursor:
            raise DefinitionError(
                "DS342",
                f"{self._settings.table or 'query'} of source '{self._source}' has more than {MOST:,} rows and no cursor",
                facts=("without a cursor everything is read at every look",),
                hint=f'[sources.{self._source}]\ncursor = "updated_at"    # a column by which new rows are told from old ones',
            )
        return replace(chunk, frame=chunk.frame.filter(fresh), rows=chunk.rows.filter(fresh))


def _is_away(error: Exception) -> bool:
    return isinstance(error, NotReady) and error.problems[0].code == "DS314"


__all__ = ["MOST", "Edge", "Table"]
