"""The log in stretches that fit into memory: where to cut its order, and what a stretch must read.

A cut is a range of the log's total order. Its questions need no event from outside the largest window before them, so
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
from dayshift.engines.local.edges import Place, edges
from dayshift.engines.local.order import order_columns

NEVER_LOADED = "DS410"
"""How a log says that no load has ever brought an event of a source."""


@dataclass(frozen=True)
class Cut:
    """The rows that stand at `low` or behind it and before `high`; None where it is open."""

    low: Place | None = None
    high: Place | None = None

    def inside(self, source: Source | None = None) -> pl.Expr:
        """Which rows of a source lie in it; None: rows that have only `_load` and `_position`."""
        return self.from_low(source) & self.before_high(source)

    def holds(self, place: Place) -> bool:
        """Whether this place lies in it.

        >>> Cut((1, 5), (2, 0)).holds((1, 5)), Cut((1, 5), (2, 0)).holds((2, 0))
        (True, False)
        """
        return (self.low is None or self.low <= place) and (self.high is None or place < self.high)

    def from_low(self, source: Source | None = None) -> pl.Expr:
        """Which rows do not stand before it."""
        return pl.lit(True) if self.low is None else _side(self.low, source, before=False)

    def before_high(self, source: Source | None = None) -> pl.Expr:
        """Which rows stand before its end."""
        return pl.lit(True) if self.high is None else _side(self.high, source, before=True)


def _side(place: Place, source: Source | None, *, before: bool) -> pl.Expr:
    """Rows before a place, or all others; written so that a reader of Parquet can skip by its statistics."""
    columns = [pl.col(LOAD), pl.col(POSITION)]
    values = list(place[:2])
    found = pl.lit(not before)
    if len(place) > 2 and source is not None:
        if source.name == place[2]:
            columns += [pl.col(source.time).to_physical(), *(pl.col(name) for name in source.key_columns)]
            values += place[3:]
        else:
            found = pl.lit((source.name < place[2]) == before)
    for column, value in reversed(list(zip(columns, values, strict=False))):
        strictly = column < value if before else column > value
        found = strictly | ((column == value) & found)
    return found


def of_loads(loads: tuple[int, int] | None) -> Cut:
    """The cut that holds whole loads, both ends included; everything for None."""
    smallest = -(2**63)
    return Cut() if loads is None else Cut((loads[0], smallest), (loads[1] + 1, smallest))


def read(log: Log, source: Source, columns: Iterable[str]) -> pl.LazyFrame:
    """A source's events in canonical types; no rows when nothing has ever been loaded."""
    names = [name for name in dict.fromkeys(columns) if name not in (LOAD, POSITION)]
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


def split(log: Log, sources: Iterable[Source], cut: Cut, most: int, wanted: pl.Expr | None = None) -> list[Cut]:
    """The cut in parts of about `most` rows of these sources together; itself when it holds no more.

    `wanted` says which rows are to be counted; None: all of the cut.
    """
    frames = {}
    for source in sources:
        rows = read(log, source, order_columns(source)).filter(cut.inside(source))
        frames[source] = rows if wanted is None else rows.filter(wanted)
    if sum(frame.select(pl.len()).collect(engine="streaming").item() for frame in frames.values()) <= most:
        return [cut]
    bounds = [cut.low, *edges(frames, most), cut.high]
    return [Cut(start, end) for start, end in zip(bounds[:-1], bounds[1:], strict=True)]
