"""Which files of a table a reader sees, and one lazy frame over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.lake.faults import damaged, first_line
from dayshift.lake.files import PENDING, DataFile
from dayshift.lake.place import Place

if TYPE_CHECKING:
    from dayshift.lake.delta import Delta


@dataclass(frozen=True)
class Unreadable:
    """A file that cannot be read, of which table it is, and what its reader says."""

    what: str
    path: str
    reason: str


def unreadable(tables: Iterable[Delta]) -> Unreadable | None:
    """The first file of these tables that cannot be read to its end; every file is read for it."""
    for table in tables:
        for file in table.files():
            path = f"{table.place}/{file.name}"
            try:
                pl.read_parquet(path, glob=False, storage_options=table.place.storage_options)
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
                return Unreadable(f"table '{table.name}'", path, first_line(error))
    return None


def visible(files: Sequence[DataFile], tokens: Mapping[int, str], upto_load: int | None = None) -> list[DataFile]:
    """The files that committed loads wrote, up to a load.

    Args:
        files: the files of the table's last version.
        tokens: the token of each committed load. A killed attempt, or one that lost a race, has another.
        upto_load: the last load to be seen; None: all.
    """
    seen = [file for file in files if file.kind != PENDING or tokens.get(file.order) == file.token]
    if upto_load is None:
        return seen
    return [file for file in seen if (file.order if file.low is None else file.low) <= upto_load]


def scan_files(place: Place, files: Sequence[DataFile], schema: Mapping[str, pl.DataType], what: str) -> pl.LazyFrame:
    """A lazy frame over files, in their order; a column that a file does not have is null there.

    Filters are pushed down: row groups whose statistics exclude them are not read.

    Raises:
        NotReady: DS403, a file is absent or not as long as it was written.
    """
    if not files:
        return pl.LazyFrame(schema=dict(schema))
    if place.path is not None:
        check_sizes(place, files, what)
    return pl.scan_parquet(
        [f"{place}/{file.name}" for file in files],
        schema=dict(schema),
        missing_columns="insert",
        extra_columns="ignore",
        glob=False,
        hive_partitioning=False,
        storage_options=place.storage_options,
    )


def scan_loaded(
    place: Place, files: Sequence[DataFile], schema: Mapping[str, pl.DataType], upto_load: int | None, what: str
) -> pl.LazyFrame:
    """As `scan_files`, of rows up to a load; only files that hold later rows too (compacted ones) are filtered."""
    if upto_load is None:
        return scan_files(place, files, schema, what)
    mixed = any(file.high is None or file.high > upto_load for file in files)
    frame = scan_files(place, files, schema, what)
    return frame.filter(pl.col("_load") <= upto_load) if mixed else frame


def check_sizes(place: Place, files: Sequence[DataFile], what: str) -> None:
    """Every file is there, as long as it was written.

    Raises:
        NotReady: DS403.
    """
    assert place.path is not None
    for file in files:
        path = place.path / file.name
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise damaged(what, f"file '{path}' is gone", "the log of the table still counts it") from None
        if size != file.size:
            raise damaged(what, f"file '{path}' has {size} bytes, {file.size} were written")
