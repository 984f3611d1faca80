"""The data files of a table: one Parquet file per chunk, named so that sorting by name is the order of writing.

    part-000000000012-000003-l7f3a9c0b1d2e.parquet
         |            |      |`- token: which attempt wrote it
         |            |      `- l: visible once load 12 is committed with this token;  s: visible by its own commit
         |            `- number of the file within the attempt
         `- load (events, quarantine) or version of the table (others)

Statistics go into the Delta log, so that any reader can skip files; row groups carry Parquet's own.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import os
import re
import secrets
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from dayshift.lake.faults import guarding
from dayshift.lake.place import Place

PENDING, SETTLED = "l", "s"
LEVEL = 1  # of zstd: a third faster than the library's own choice, 5 % larger
ROW_GROUP = 131_072
COUNTED = 32  # columns with statistics in the log
_NAME = re.compile(r"part-(\d{12})-(\d{6})-([ls])([0-9a-f]{12})\.parquet")


@dataclass(frozen=True)
class DataFile:
    """A file of a table. `low` and `high` are its smallest and largest `_load`, None where nobody counted."""

    name: str
    size: int
    rows: int
    low: int | None = None
    high: int | None = None
    stats: str | None = None

    @property
    def kind(self) -> str:
        """`PENDING` or `SETTLED`; a file that another tool wrote is settled."""
        found = _NAME.fullmatch(self.name)
        return found[3] if found else SETTLED

    @property
    def order(self) -> int:
        """The load or version in its name; for another tool's file, its smallest load."""
        found = _NAME.fullmatch(self.name)
        return int(found[1]) if found else self.low or 0

    @property
    def index(self) -> int:
        """Its number within the attempt that wrote it; 0 for another tool's file."""
        found = _NAME.fullmatch(self.name)
        return int(found[2]) if found else 0

    @property
    def token(self) -> str:
        """The attempt that wrote it; empty for another tool's file."""
        found = _NAME.fullmatch(self.name)
        return found[4] if found else ""

    @property
    def key(self) -> tuple[int, int, str]:
        """Sorts files into the order of writing."""
        return self.order, self.index, self.name


def new_token() -> str:
    """Twelve random hexadecimal digits: two attempts never write files of one name."""
    return secrets.token_hex(6)


def file_name(order: int, index: int, token: str, kind: str = SETTLED) -> str:
    """The name of a data file.

    >>> file_name(12, 3, "7f3a9c0b1d2e", PENDING)
    'part-000000000012-000003-l7f3a9c0b1d2e.parquet'
    """
    return f"part-{order:012d}-{index:06d}-{kind}{token}.parquet"


class Writer:
    """Writes data files and lets the disk keep up in the background; `wait` returns once all are on it."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._pending: list[Future[None]] = []

    def write(self, place: Place, name: str, frame: pl.DataFrame) -> DataFile:
        """One file with the frame's rows, in the place of one of the same name.

        Raises:
            NotReady: DS404 or DS405, there is no room or no right to write.
        """
        with guarding(f"writing to {place}", f"the folder {place}"):
            size = self._local(place, name, frame) if place.path else _remote(place, name, frame)
        low, high = _span(frame)
        return DataFile(name, size, frame.height, low, high, statistics(frame))

    def _local(self, place: Place, name: str, frame: pl.DataFrame) -> int:
        assert place.path is not None
        place.path.mkdir(parents=True, exist_ok=True)
        path, temporary = place.path / name, place.path / f".{name}"
        try:
            frame.write_parquet(temporary, compression="zstd", compression_level=LEVEL, row_group_size=ROW_GROUP)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._pool = self._pool or ThreadPoolExecutor(1, "dayshift-sync")
        self._pending.append(self._pool.submit(sync, str(path)))
        return path.stat().st_size

    def wait(self) -> None:
        """Every file written so far is on the disk.

        Raises:
            NotReady: DS404 or DS405, the disk could not keep one.
        """
        pending, self._pending = self._pending, []
        with guarding("bringing the files to the disk", "the lake"):
            for future in pending:
                future.result()

    def close(self) -> None:
        """End the background thread; failures that nobody waited for are dropped with their files."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self._pool, self._pending = None, []


def sync(path: str) -> None:
    """The file, or the folder's list of names, is on the disk when this returns; a file that is gone needs nothing."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _remote(place: Place, name: str, frame: pl.DataFrame) -> int:
    from deltalake._internal import DeltaFileSystemHandler

    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=LEVEL, row_group_size=ROW_GROUP)
    stream = DeltaFileSystemHandler(place.uri, place.storage_options).open_output_stream(name)
    stream.write(buffer.getvalue())
    stream.close()  # type: ignore[attr-defined]
    return buffer.getbuffer().nbytes


def _span(frame: pl.DataFrame) -> tuple[int | None, int | None]:
    if "_load" not in frame.columns or not frame.height:
        return None, None
    return frame["_load"].min(), frame["_load"].max()  # type: ignore[return-value]


def statistics(frame: pl.DataFrame) -> str:
    """Delta's statistics of a file: rows, and smallest, largest and absent values of the columns that order well."""
    ours = [name for name in frame.columns if name.startswith("_")]
    names = (ours + [name for name in frame.columns if not name.startswith("_")])[:COUNTED]
    ordered = [name for name in names if _orders(frame.schema[name])]
    low = frame.select(pl.col(ordered).min()).to_dicts() if ordered else [{}]
    high = frame.select(pl.col(ordered).max()).to_dicts() if ordered else [{}]
    pairs = {name: (low[0][name], high[0][name]) for name in low[0]}
    absent = _not_numbers(frame, ordered)
    kept = {name: pair for name, pair in pairs.items() if name not in absent and all(_finite(v) for v in pair)}
    return json.dumps(
        {
            "numRecords": frame.height,
            "minValues": {name: _text(pair[0]) for name, pair in kept.items()},
            "maxValues": {name: _text(pair[1]) for name, pair in kept.items()},
            "nullCount": {name: frame[name].null_count() for name in names if not frame.schema[name].is_nested()},
        }
    )


def _orders(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Date or isinstance(dtype, pl.Datetime)


def _not_numbers(frame: pl.DataFrame, names: list[str]) -> set[str]:
    """The columns that hold a NaN: it has no place between a smallest and a largest value."""
    floats = [name for name in names if frame.schema[name].is_float()]
    found = frame.select(pl.col(floats).is_nan().any()).to_dicts() if floats else [{}]
    return {name for name, any_nan in found[0].items() if any_nan}


def _finite(value: Any) -> bool:
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def _text(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return text + "Z" if value.tzinfo else text
    return value.isoformat() if isinstance(value, dt.date) else value
