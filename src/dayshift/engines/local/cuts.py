"""The log in stretches that fit into memory: where to cut its order, and what a stretch must read.

A cut is a range of (`_load`, `_position`). Its questions need no event from outside the largest window before them, so
a stretch reads the cut's own rows and what the windows reach back to; memory is bounded by the cut and that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from dayshift.definition import Source
from dayshift.diagnostics import NotReady
from dayshift.engines.contract import DTYPES, LOAD, POSITION, Log
from dayshift.engines.local.canonical import canonical

BUCKETS = 4096
NEVER_LOADED = "DS410"
"""How a log says that no load has ever brought an event of a source."""
Place = tuple[int, int]


@dataclass(frozen=True)
class Cut:
    """The rows whose (`_load`, `_position`) is `low` or more and less than `high`; None where it is open."""

    low: Place | None = None
    high: Place | None = None

    @property
    def inside(self) -> pl.Expr:
        """Which rows lie in it."""
        return self.from_low & self.before_high

    def holds(self, place: Place) -> bool:
        """Whether this place lies in it.

        >>> Cut((1, 5), (2, 0)).holds((1, 5)), Cut((1, 5), (2, 0)).holds((2, 0))
        (True, False)
        """
        return (self.low is None or self.low <= place) and (self.high is None or place < self.high)

    @property
    def from_low(self) -> pl.Expr:
        """Which rows do not stand before it."""
        return pl.lit(True) if self.low is None else ~_before(self.low)

    @property
    def before_high(self) -> pl.Expr:
        """Which rows stand before its end."""
        return pl.lit(True) if self.high is None else _before(self.high)


def _before(place: Place) -> pl.Expr:
    load, position = place
    return (pl.col(LOAD) < load) | ((pl.col(LOAD) == load) & (pl.col(POSITION) < position))


def of_loads(loads: tuple[int, int] | None) -> Cut:
    """The cut that holds whole loads, both ends included; everything for None."""
    smallest = -(2**63)
    return Cut() if loads is None else Cut((loads[0], smallest), (loads[1] + 1, smallest))


def read(log: Log, source: Source, columns: Iterable[str]) -> pl.LazyFrame:
    """A source's events in canonical types; no rows when nothing has ever been loaded."""
    names = list(dict.fromkeys(columns))
    frame = _scan(log, source.name)
    if not frame.collect_schema():
        kinds = {name: DTYPES[source.columns[name].type] for name in names}
        return pl.LazyFrame(schema={LOAD: pl.Int64(), POSITION: pl.Int64(), **kinds})
    return canonical(frame, source, names)


def _scan(log: Log, source: str) -> pl.LazyFrame:
    try:
        return log.scan(source)
    except NotReady as error:
        if [problem.code for problem in error.problems] != [NEVER_LOADED]:
            raise
        return pl.LazyFrame()


def split(log: Log, sources: Iterable[Source], cut: Cut, most: int) -> list[Cut]:
    """The cut in parts of about `most` rows of these sources together; itself when it holds no more.

    Rows with one `_load` and `_position` are never parted.
    """
    frames = [read(log, source, ()).filter(cut.inside) for source in sources]
    if sum(frame.select(pl.len()).collect().item() for frame in frames) <= most:
        return [cut]
    rows = pl.concat(frames).select(LOAD, POSITION)
    low, high = rows.select(pl.col(POSITION).min().alias("low"), pl.col(POSITION).max().alias("high")).collect().row(0)
    width = (high - low) // BUCKETS + 1
    bucket = ((pl.col(POSITION) - low) // width).alias("bucket")
    counts = rows.group_by(LOAD, bucket).agg(pl.len().alias("rows")).collect(engine="streaming").sort(LOAD, "bucket")
    edges: list[Place] = []
    held = 0
    for load, number, count in counts.iter_rows():
        if held and held + count > most:
            edges.append((load, low + number * width))
            held = 0
        held += count
    bounds = [cut.low, *edges, cut.high]
    return [Cut(start, end) for start, end in zip(bounds[:-1], bounds[1:], strict=True)]
