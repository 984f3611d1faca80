"""Parquet with the types it holds, a slice of rows at a time."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from dayshift.connectors.contract import REJECTS
from dayshift.connectors.files.csv import Block
from dayshift.diagnostics import NotReady


def read_parquet(path: Path, name: str, chunk_rows: int, skip: int = 0) -> Iterator[Block]:
    """The file's rows behind the first `skip`, in slices of `chunk_rows`; memory is bounded by a slice and the file's row groups.

    Raises:
        NotReady: DS304, the file is not Parquet or is damaged.
    """
    try:
        height = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        for start in range(skip, height, chunk_rows):
            frame = pl.scan_parquet(path, glob=False).slice(start, chunk_rows).collect()
            rows = pl.int_range(start + 1, start + 1 + frame.height, eager=True)
            yield Block(frame, rows, pl.DataFrame(schema=REJECTS))
    except pl.exceptions.PolarsError as error:
        raise NotReady(
            "DS304",
            f"file '{name}' cannot be read as Parquet",
            facts=(str(error).splitlines()[0], "nothing of it was loaded"),
            hint=f"python -c \"import polars; print(polars.read_parquet('{name}'))\"",
        ) from error
