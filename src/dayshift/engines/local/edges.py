"""Where to cut a long log: places in its order with about the same number of rows between them.

Rows are counted in buckets of `_load`. A bucket that holds too many is looked into: by `_position`, then by source, by event
time, at last by key, for the log's order is total. So a load that became known at one moment is cut as well as any other,
and nothing is held but counts, or the keys of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from dayshift.definition import Source
from dayshift.engines.contract import LOAD, POSITION

BUCKETS = 4096
Place = tuple[Any, ...]
"""`_load`, `_position`, source name, event time in microseconds, key columns; a prefix stands before all that continue it."""
Frames = Mapping[Source, pl.LazyFrame]


def edges(frames: Frames, most: int) -> list[Place]:
    """Places that part these rows into pieces of about `most`; `frames` hold each source's order columns.

    >>> at = pl.LazyFrame({"_load": [1, 1, 1], "_position": [9, 9, 9], "at": [1, 2, 3]})
    >>> edges({Source("s", time="at", key="at"): at}, 2)
    [(1, 9, 's', 3)]
    """
    found: list[Place] = []
    held = 0
    for place, count in _runs(frames, (), most):
        if held and held + count > most:
            found.append(place)
            held = 0
        held += count
    return found


def _runs(frames: Frames, under: Place, most: int) -> Iterator[tuple[Place, int]]:
    """Runs of the rows under a place, in order: where each begins, and how many rows it has."""
    if len(under) == 2:
        for source in sorted(frames, key=lambda each: each.name):
            yield from _runs({source: frames[source]}, (*under, source.name), most)
    elif len(under) == 4:
        yield from _by_key(frames, under, most)
    else:
        for start, width, count in _buckets(frames, len(under)):
            if count <= most:
                yield (*under, start), count
                continue
            inside = {
                source: frame.filter(_column(source, len(under)).is_between(start, start + width, closed="left"))
                for source, frame in frames.items()
            }
            yield from _runs(inside, under if width > 1 else (*under, start), most)


def _column(source: Source, depth: int) -> pl.Expr:
    return pl.col(LOAD) if depth == 0 else pl.col(POSITION) if depth == 1 else pl.col(source.time).to_physical()


def _buckets(frames: Frames, depth: int) -> list[tuple[int, int, int]]:
    """(start, width, rows) of each stretch of numbers that holds any."""
    values = pl.concat([frame.select(_column(source, depth).alias("value")) for source, frame in frames.items()])
    value = pl.col("value")
    low, high = values.select(value.min().alias("low"), value.max().alias("high")).collect(engine="streaming").row(0)
    if low is None:
        return []
    width = (high - low) // BUCKETS + 1
    counts = values.group_by(((value - low) // width).alias("bucket")).agg(pl.len().alias("rows"))
    found = counts.collect(engine="streaming").sort("bucket")
    return [(low + bucket * width, width, rows) for bucket, rows in found.iter_rows()]


def _by_key(frames: Frames, under: Place, most: int) -> Iterator[tuple[Place, int]]:
    """Events of one moment, `most` at a time by their key."""
    ((source, frame),) = frames.items()
    keys = frame.select(source.key_columns).collect(engine="streaming").sort(source.key_columns)
    for at in range(0, keys.height, most):
        yield (*under, *keys.row(at)), min(most, keys.height - at)
