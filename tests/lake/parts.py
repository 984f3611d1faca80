"""What the tests of the lake put into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import polars as pl

from dayshift.diagnostics import DayshiftError
from dayshift.lake import Lake, LoadRecord

NOW = dt.datetime(2024, 5, 1, 3, 0, tzinfo=dt.UTC)
TIME = pl.Datetime("us", "UTC")


def events(*positions: int, **columns: object) -> pl.DataFrame:
    """Events at these positions: an id, a time, an amount, and columns with one value."""
    frame = pl.DataFrame(
        {
            "id": [f"e{position}" for position in positions],
            "at": pl.Series(positions, dtype=pl.Int64).cast(TIME),
            "amount": [position / 4 for position in positions],
            "_position": pl.Series(positions, dtype=pl.Int64),
        },
        schema_overrides={"id": pl.String, "amount": pl.Float64},
    )
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def bad(source: str, *rows: int) -> pl.DataFrame:
    """Rows for quarantine."""
    return pl.DataFrame(
        {
            "source": [source] * len(rows),
            "origin": ["a.csv"] * len(rows),
            "row": list(rows),
            "code": ["DS350"] * len(rows),
            "reason": ["no"] * len(rows),
            "raw": ["{}"] * len(rows),
        },
        schema_overrides={"row": pl.Int64},
    )


def load_of(lake: Lake, given: Mapping[str, Iterable[pl.DataFrame] | pl.DataFrame]) -> int:
    """One committed load of chunks for some sources; returns its number."""
    with lake.begin_load(NOW) as load:
        records = []
        for source, chunks in given.items():
            listed = [chunks] if isinstance(chunks, pl.DataFrame) else list(chunks)
            for chunk in listed:
                load.append(source, chunk)
            rows = sum(chunk.height for chunk in listed)
            records.append(LoadRecord(source, rows, rows))
        load.commit(*records)
        return load.number


def positions(lake: Lake, source: str, upto_load: int | None = None) -> list[int]:
    """The positions of a source's visible events, in the order of reading."""
    return lake.events(source, upto_load).select("_position").collect()["_position"].to_list()


def code_of(error: BaseException) -> str:
    """The code of the first problem of an error."""
    assert isinstance(error, DayshiftError)
    return error.problems[0].code
