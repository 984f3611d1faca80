"""A calendar's questions: at each tick, one for every entity that its source has shown before it."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from dayshift.definition import Calendar, Pipeline, Source
from dayshift.engines.contract import AS_OF, LOAD, POSITION, TIME, Log
from dayshift.engines.local.cuts import Cut, read
from dayshift.semantics import calendar as meaning

Tick = tuple[int, int]


def clock(pipeline: Pipeline, log: Log, cut: Cut) -> list[tuple[int, int, int]]:
    """(load, first position, last position) of each load of the cut, over all sources of the pipeline.

    What a load holds of the time after it was made (answers that came before their source's delay was over, flights of
    tomorrow) does not move the clock beyond that moment: until then, other events have yet to come.
    """
    frames = [read(log, source, ()).filter(cut.inside()).select(LOAD, POSITION) for source in pipeline.sources]
    spans = [pl.col(POSITION).min().alias("low"), pl.col(POSITION).max().alias("high")]
    found = pl.concat(frames).group_by(LOAD).agg(spans).collect(engine="streaming").sort(LOAD).rows()
    made = log.made()
    return [(load, low, min(high, made.get(load, high))) for load, low, high in found]


def latest(source: Source, log: Log) -> dict[int, int]:
    """For each load that brought events of a source, the latest time at which one was known."""
    rows = read(log, source, ()).group_by(LOAD).agg(pl.col(POSITION).max())
    return dict(rows.collect(engine="streaming").rows())


def between(calendar: Calendar, spans: Iterable[tuple[int, int, int]], after_us: int | None) -> list[Tick]:
    """The ticks that these loads bring, as (load, tick); `after_us` is the clock before them, None at the beginning.

    >>> between(Calendar(None, "10us", ("k",)), [(1, 5, 25), (2, 1, 9), (3, 28, 31)], None)
    [(1, 10), (1, 20), (3, 30)]
    """
    found: list[Tick] = []
    for load, low, high in spans:
        start = low - 1 if after_us is None else after_us
        found += [(load, tick) for tick in meaning.ticks(calendar.period_us, calendar.offset_us, start, high)]
        after_us = high if after_us is None else max(after_us, high)
    return found


def shown(calendar: Calendar, log: Log, cut: Cut) -> pl.DataFrame:
    """The entities that the calendar's source shows in the cut, sorted, each with its first `_load` and `_position`."""
    by = list(calendar.by)
    rows = read(log, calendar.source, by).filter(cut.inside()).drop_nulls(by)
    firsts = rows.group_by(*by, LOAD).agg(pl.col(POSITION).min()).collect(engine="streaming")
    return first_shown(firsts, by)


def first_shown(frame: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The first place of each entity, sorted by entity."""
    ordered = frame.select(*by, LOAD, POSITION).sort(LOAD, POSITION)
    return ordered.unique(by, keep="first", maintain_order=True).sort(by)


def questions(calendar: Calendar, ticks: Iterable[Tick], entities: pl.DataFrame) -> pl.DataFrame:
    """The questions of these ticks in the log's order: `_load`, `_position`, `as_of` and the columns of `by`."""
    by = list(calendar.by)
    parts = [_asked(tick, entities).select(LOAD, POSITION, AS_OF, *by) for tick in ticks]
    return pl.concat(parts) if parts else _asked((0, 0), entities.clear()).select(LOAD, POSITION, AS_OF, *by)


def _asked(tick: Tick, entities: pl.DataFrame) -> pl.DataFrame:
    load, at = tick
    return entities.filter(Cut(None, tick).before_high()).with_columns(
        pl.lit(load, pl.Int64).alias(LOAD),
        pl.lit(at, pl.Int64).alias(POSITION),
        pl.lit(at, pl.Int64).cast(TIME).alias(AS_OF),
    )
