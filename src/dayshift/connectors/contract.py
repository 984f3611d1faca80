"""What a connector is.

A reader says what is new since the last load (`plan`), hands it over in chunks of bounded size (`chunks`), and says
afterwards how far it came (`bookmark`). It neither judges nor converts values: text stays text, so that a row that
breaks its contract can be shown as it came. Only what cannot be split into fields at all, a torn line, is told apart
here: such records travel in `Chunk.rejects`, with their number and raw text, and are counted like any other row.

The bookmark is stored by the load's commit, together with the rows. A reader therefore keeps no state of its own: what
a killed load has read is read again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import polars as pl

REJECTS = {"row": pl.Int64, "reason": pl.String, "raw": pl.String}


@dataclass(frozen=True)
class Origin:
    """Something that is read once: a file by its content, or one reading of a table.

    `size` in bytes and `sha256` (hexadecimal) of the content as stored; a table has neither. `rows` that came of it.
    `stamp` is when it was last changed by the storage's clock, nanoseconds; 0 when that proves nothing.
    """

    path: str
    size: int = 0
    sha256: str = ""
    rows: int = 0
    stamp: int = 0


@dataclass(frozen=True)
class ReadPlan:
    """What a reader would read now: `origins` in order, `skipped` because they are loaded already, the `cursor` from
    which a table is read on (None: from its beginning), and the one `until` which, where that is known beforehand."""

    origins: tuple[Origin, ...] = ()
    skipped: tuple[Origin, ...] = ()
    cursor: str | None = None
    until: str | None = None


def no_rejects() -> pl.DataFrame:
    """An empty frame of rejected records."""
    return pl.DataFrame(schema=REJECTS)


@dataclass(frozen=True)
class Texts:
    """What rows were read from: for each one a JSON object, and the columns that stand `beside` it."""

    objects: list[bytes]
    beside: tuple[str, ...] = ()

    def part(self, start: int, count: int) -> "Texts":
        """Those of some consecutive rows."""
        return Texts(self.objects[start : start + count], self.beside)


@dataclass(frozen=True)
class Chunk:
    """Some records of one origin.

    `frame` holds the columns as they came: text from text files, the stored types from Parquet and databases.
    `rows[n]` is the number of each record in its origin, ascending: from 1, a file's header and blank lines not counted;
    in a log that numbers its records itself (Kafka's offsets) that number.
    `rejects` are the records that could not be split into fields. `bytes` is what was read of the origin for it.
    `sparse`: a column may be missing because no record of this chunk happens to have it (JSON Lines).
    `texts`: not None where `frame` holds values that were read from objects, in the canonical types of the source's columns,
    as its contract would have read them; as they came they stand there (`plain_json.py`).
    """

    frame: pl.DataFrame
    origin: str
    rows: pl.Series
    rejects: pl.DataFrame = field(default_factory=no_rejects)
    bytes: int = 0
    sparse: bool = False
    texts: Texts | None = None

    @property
    def read(self) -> int:
        """How many records it holds, the rejected ones included."""
        return self.frame.height + self.rejects.height


@dataclass(frozen=True)
class Bookmark:
    """How far a reader came: the origins read by this load, and the table's new cursor."""

    origins: tuple[Origin, ...] = ()
    cursor: str | None = None


@runtime_checkable
class Reader(Protocol):
    """Reads the new rows of a source. The public suite `dayshift.testing.connectors.check_connector` says what holds."""

    def plan(self, manifest: Sequence[Origin], cursor: str | None) -> ReadPlan:
        """What is new, given the origins of all earlier loads and the last cursor.

        Raises:
            NotReady: DS301 and others, the source is absent or cannot be reached.
        """

    def chunks(self, plan: ReadPlan) -> Iterator[Chunk]:
        """The records of the plan, in the order of its origins, in chunks of bounded size."""

    def bookmark(self) -> Bookmark:
        """How far it came; meaningful once all chunks are taken."""


@runtime_checkable
class Destination(Protocol):
    """A table outside the lake that is kept equal by upsert."""

    def upsert(self, frame: pl.DataFrame, keys: Sequence[str]) -> int:
        """Writes the rows in one transaction, replacing those with equal keys; how many rows were written.

        Writing the same rows twice leaves the table as writing them once. The table is made when it is absent.
        """


class ReaderFactory(Protocol):
    """What the entry point of a third-party reader is: called with the source, its section of dayshift.toml, the
    section `[ingest]` and the project's folder."""

    def __call__(self, source: Any, settings: Any, ingest: Any, root: Any) -> Reader:
        """A reader for the source."""


__all__ = [
    "REJECTS",
    "Bookmark",
    "Chunk",
    "Destination",
    "Origin",
    "ReadPlan",
    "Reader",
    "ReaderFactory",
    "Texts",
    "no_rejects",
]
