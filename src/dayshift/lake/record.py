"""What a load tells about itself: one row for each source, all of them in the one commit that makes the load visible."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import polars as pl

from dayshift.lake.schema import TIME, read_spelled, spelled

_ORIGIN = {"path": pl.String(), "size": pl.Int64(), "sha256": pl.String(), "rows": pl.Int64()}
ORIGIN = pl.Struct(_ORIGIN)
PUBLIC: Mapping[str, pl.DataType] = {
    "load": pl.Int64(),
    "at": TIME,
    "source": pl.String(),
    "read": pl.Int64(),
    "loaded": pl.Int64(),
    "quarantined": pl.Int64(),
    "duplicates": pl.Int64(),
    "filtered": pl.Int64(),
    "bytes": pl.Int64(),
    "seconds": pl.Float64(),
    "origins": pl.List(ORIGIN),
    "cursor": pl.String(),
    "stamps": pl.List(pl.Int64()),
}
SCHEMA: Mapping[str, pl.DataType] = {**PUBLIC, "token": pl.String(), "columns": pl.String(), "bits": pl.String()}


@dataclass(frozen=True)
class Origin:
    """A file (or a table's slice) that was read: its path, its size in bytes, the hash of its content, its rows.

    `stamp`: when it was last changed, nanoseconds, 0 when unknown; table `loads` has it in a column of its own, `stamps`.
    """

    path: str
    size: int
    sha256: str
    rows: int
    stamp: int = 0


@dataclass(frozen=True)
class LoadRecord:
    """What one source gave to a load: read = loaded + quarantined + duplicates + filtered, or the commit is refused.

    Args:
        source: the source's name.
        read: rows read; `loaded` of them are events now, `quarantined` are held, `duplicates` were known already,
            `filtered` do not belong to the source.
        bytes: bytes read.
        seconds: how long it took.
        origins: the files that were read.
        cursor: how far a database table has been read, as text; None for files.
    """

    source: str
    read: int
    loaded: int
    quarantined: int = 0
    duplicates: int = 0
    filtered: int = 0
    bytes: int = 0
    seconds: float = 0.0
    origins: tuple[Origin, ...] = ()
    cursor: str | None = None

    @property
    def balanced(self) -> bool:
        """Whether every row that was read is accounted for, once."""
        return self.read == self.loaded + self.quarantined + self.duplicates + self.filtered


@dataclass(frozen=True)
class Stamp:
    """What the lake itself adds to the rows of a load."""

    load: int
    at: dt.datetime
    token: str
    columns: Mapping[str, Mapping[str, pl.DataType]]
    bits: Mapping[str, Mapping[str, int]]


def rows_of(records: Sequence[LoadRecord], stamp: Stamp) -> pl.DataFrame:
    """The rows of table `loads` for one load."""
    rows = [
        {
            **asdict(record),
            "load": stamp.load,
            "at": stamp.at,
            "token": stamp.token,
            "origins": [{name: getattr(origin, name) for name in _ORIGIN} for origin in record.origins],
            "stamps": [origin.stamp for origin in record.origins],
            "columns": json.dumps(spelled(stamp.columns.get(record.source, {}))),
            "bits": json.dumps(dict(stamp.bits.get(record.source, {}))),
        }
        for record in records
    ]
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def columns_of(loads: pl.DataFrame, source: str) -> dict[str, pl.DataType]:
    """The columns of a source's events after these loads, in order of appearance."""
    found: dict[str, pl.DataType] = {}
    for text in loads.filter(pl.col("source") == source).sort("load")["columns"]:
        found |= read_spelled(json.loads(text))
    return found


def bits_of(loads: pl.DataFrame, source: str) -> dict[str, int]:
    """The measured bits of a source's float columns: the first load that measured a column decides."""
    found: dict[str, int] = {}
    for text in loads.filter(pl.col("source") == source).sort("load")["bits"]:
        found = {**json.loads(text), **found}
    return found
