"""The card payments as messages: one JSON object a line, in the order of time, and a table of where each line begins.

The years after the first repeat its payments: the same customers and terminals, 183 days later, with ids that go on. So
an event's id is its number in the stream, and whoever sends it and whoever reads it can meet in one array.
"""

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

import features
import numpy as np
import polars as pl

SPAN = pl.duration(days=183)
COLUMNS = ("id", "at", "customer", "terminal", "amount", "fraud")


@dataclass(frozen=True)
class Stream:
    """A file of messages, where each begins (and the last ends), their keys (the customers), and how many there are."""

    lines: Path
    starts: Path
    keys: Path
    count: int


def table(folder: Path) -> pl.DataFrame:
    """The 1,754,155 payments in the order of time, ids from zero; amounts with two digits, frauds as truth values."""
    path = features.payments(folder)
    frame = pl.read_parquet(path, columns=list(COLUMNS)).with_columns(pl.col("fraud") == 1)
    path.unlink()
    return frame.with_columns(_exact(frame["amount"] * 100), id=pl.int_range(pl.len(), dtype=pl.Int64))


def _exact(cents: pl.Series) -> pl.Series:
    """Amounts that are the nearest doubles to so many cents: Polars divides by multiplying, which is one bit off at times."""
    return pl.Series("amount", np.rint(cents.to_numpy()) / 100.0)


def days(number: int) -> dt.timedelta:
    """So many."""
    return dt.timedelta(days=number)


def stream(frame: pl.DataFrame, folder: Path, copies: int = 1) -> Stream:
    """The messages of a table, `copies` times over."""
    lines, starts, keys = folder / "messages", folder / "starts.npy", folder / "keys.npy"
    with lines.open("wb") as file:
        for copy in range(copies):
            moved = frame.with_columns(pl.col("id") + copy * frame.height, pl.col("at") + SPAN * copy)
            moved.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_ndjson(file)
        file.flush()
        os.fsync(file.fileno())  # else the disk would write it while somebody is measured
    whole = np.memmap(lines, dtype=np.uint8, mode="r")
    ends = [np.flatnonzero(whole[at : at + (1 << 26)] == ord("\n")) + at + 1 for at in range(0, whole.size, 1 << 26)]
    np.save(starts, np.concatenate([[0], *ends]))
    np.save(keys, np.tile(frame["customer"].to_numpy(), copies))
    return Stream(lines, starts, keys, frame.height * copies)


def synthetic(keys: int, folder: Path, extra: int = 200_000) -> Stream:
    """One payment of each of `keys` customers, then `extra` more of them; a tenth as many terminals; 100,000 an hour."""
    number = pl.int_range(keys + extra, dtype=pl.Int64)
    day = pl.datetime(2024, 1, 1, time_zone="UTC", time_unit="us")
    frame = pl.select(id=number).with_columns(
        at=day + pl.duration(microseconds=pl.col("id") * 36_000),
        customer=pl.col("id") * 48_271 % keys,
        terminal=pl.col("id") * 16_807 % max(keys // 10, 1),
        amount=(pl.col("id") * 7_919 % 20_000).cast(pl.Float64),
        fraud=pl.col("id") % 97 == 0,
    )
    return stream(frame.with_columns(_exact(frame["amount"])), folder)
