"""Whether the rows that loads tell of are there: read = loaded + quarantined + duplicates + filtered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from dayshift.diagnostics import counted
from dayshift.engines.contract import LOAD, POSITION
from dayshift.lifecycle.verifying.report import Balance

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

KEYS_AT_ONCE = 5_000_000
"""So many keys are compared with one another at a time."""
_PARTS = ("loaded", "quarantined", "duplicates", "filtered")


def balance(project: Project, loads: tuple[int, int]) -> Balance:
    """The balance of some loads, both ends included, over all sources of the lake.

    Raises:
        NotReady: DS403, a table is damaged.
    """
    last = loads[1]
    rows = project.lake.loads().filter(pl.col("load").is_between(*loads))
    faults = [*_unbalanced(rows), *_held(project, rows)]
    for source in project.lake.sources:
        faults += _events(project, source, rows.filter(pl.col("source") == source), (loads[0], last))
    sums = {name: int(rows[name].sum()) for name in ("read", *_PARTS)}
    return Balance(loads=rows["load"].n_unique(), faults=tuple(faults), **sums)


def _unbalanced(rows: pl.DataFrame) -> Iterator[str]:
    for row in rows.filter(pl.col("read") != pl.sum_horizontal(_PARTS)).iter_rows(named=True):
        parts = ", ".join(f"{row[name]:,} {name}" for name in _PARTS)
        yield f"load {row['load']}, source '{row['source']}': {counted(row['read'], 'row')} read, but {parts}"


def _held(project: Project, rows: pl.DataFrame) -> Iterator[str]:
    told = rows.select("load", "source", "quarantined").filter(pl.col("quarantined") > 0)
    there = project.lake.quarantine().group_by(pl.col(LOAD).alias("load"), "source").agg(pl.len().alias("there"))
    held = there.filter(pl.col("load").is_in(rows["load"].unique().implode())).collect(engine="streaming")
    joined = told.join(held, on=["load", "source"], how="full", coalesce=True).sort("load", "source")
    for load, source, quarantined, count in joined.rows():
        if (quarantined or 0) != (count or 0):
            yield f"load {load}, source '{source}': {counted(quarantined or 0, 'row')} quarantined, {count or 0:,} held"


def _events(project: Project, source: str, rows: pl.DataFrame, loads: tuple[int, int]) -> Iterator[str]:
    """Each load has the events that it tells of; where old ones were deleted, no more than these."""
    events = project.lake.events(source).filter(pl.col(LOAD).is_between(*loads))
    placed = events.group_by(pl.col(LOAD).alias("load")).agg(
        pl.len().alias("there"), pl.col(POSITION).null_count().alias("unplaced")
    )
    whole = project.lake.complete_from_us(source) is None
    joined = rows.select("load", "loaded").join(
        placed.collect(engine="streaming"), on="load", how="full", coalesce=True
    )
    for load, loaded, there, unplaced in joined.sort("load").rows():
        wrong = (there or 0) != (loaded or 0) if whole else (there or 0) > (loaded or 0)
        if wrong:
            yield f"load {load}, source '{source}': {counted(loaded or 0, 'row')} loaded, and the lake has {counted(there or 0, 'event')}"
        if unplaced:
            yield f"load {load}, source '{source}': {counted(unplaced, 'event')} without a place in the log's order"
    yield from _twice(project, source, events)


def _twice(project: Project, source: str, events: pl.LazyFrame) -> Iterator[str]:
    defined = next((each for each in project.pipeline.sources if each.name == source), None)
    keys = [] if defined is None else list(defined.key_columns)
    if not keys or not set(keys) <= set(events.collect_schema()):
        return
    one = pl.col(keys[0]) if len(keys) == 1 else pl.struct(keys)
    count = int(events.select(pl.len()).collect(engine="streaming").item())
    parts, distinct = count // KEYS_AT_ONCE + 1, 0
    for part in range(parts):
        mine = events if parts == 1 else events.filter(one.hash(0) % parts == part)
        distinct += int(mine.select(one.n_unique()).collect(engine="streaming").item())
    if count != distinct:
        yield f"source '{source}': {counted(count - distinct, 'event')} with a key that another event has"
