"""Some of the entities of a history that is too long to be replayed whole.

Beyond ten million events only the entities are read whose hash lies below a limit, each with all of its events: so every
window holds what it held, and features are those of the whole history to the bit. Rows drawn one by one would empty the windows.

That needs one column of the question by which every window is kept, alone or with others. Where windows are kept by card and
others by terminal, all cards of a terminal are needed, and the history is read whole; so it is where a metric counts rows
("the 100 most suspicious a day" are others among fewer), and where so few entities would be left that they are not like all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from dayshift.definition import Calendar, Pipeline
from dayshift.engines.contract import DTYPES, Log
from dayshift.engines.local.cuts import read

MOST_EVENTS = 10_000_000
FEWEST_ENTITIES = 1_000
"""So many at least must be left to stand for all."""
_SEED = 824


@dataclass(frozen=True)
class SomeEntities:
    """A log of which only some entities are there: those with a hash below `share` in the column that `by` names for a source.

    `dtype` is the type of all these columns.
    """

    log: Log
    by: Mapping[str, str]
    share: float
    dtype: pl.DataType

    @property
    def last_load(self) -> int:
        """As the whole log's."""
        return self.log.last_load

    def scan(self, source: str) -> pl.LazyFrame:
        """The events of these entities; all of a source that no window is kept of."""
        whole = self.log.scan(source)
        if source not in self.by or not whole.collect_schema():
            return whole
        return whole.filter(_drawn(self.by[source], self.share, self.dtype))

    def bits(self, source: str) -> Mapping[str, int]:
        """As the whole log's: numbers must stay on their grid."""
        return self.log.bits(source)

    def made(self) -> Mapping[int, int]:
        """As the whole log's."""
        return self.log.made()


def some_entities(pipeline: Pipeline, log: Log, most: int = MOST_EVENTS) -> tuple[Log, tuple[str, ...]]:
    """The log itself if it is short enough, else some of its entities, where that can be; and what is to be said of it."""
    events = sum(_count(log, source) for source in pipeline.sources)
    if events <= most:
        return log, ()
    why, by = "no column of the question keeps every window", columns_by_source(pipeline)
    if pipeline.metric is not None and _counts(pipeline.metric):
        by, why = {}, f"{pipeline.metric} counts rows, of which there would be fewer"
    if by:
        column = by[pipeline.asker.name]
        found = SomeEntities(log, by, most / events, DTYPES[pipeline.asker.columns[column].type])
        entities = read(found, pipeline.asker, [column]).select(column).drop_nulls().unique()
        left = int(entities.select(pl.len()).collect(engine="streaming").item())
        why = f"only {left:,} entities of '{column}' would be left"
        if left >= FEWEST_ENTITIES:
            said = f"of {events:,} events those of {left:,} entities were replayed, {found.share:.1%} by the hash of '{column}'"
            return found, (f"{said}, each with its whole past; volume and capacity are those of all",)
    return log, (f"all of its {events:,} events were replayed, which takes memory and time: {why}",)


def columns_by_source(pipeline: Pipeline) -> dict[str, str]:
    """For each source that asks or is counted the column that names the entity; empty where no column of the question is
    part of every window's key, or where a source would have two such columns."""
    asks: Any = pipeline.predict
    named = asks.by if isinstance(asks, Calendar) else tuple(pipeline.asker.columns)
    keys = [{asked: own for own, asked in feature.keys} for feature in pipeline.window_features]
    for column in dict.fromkeys([*(asked for each in keys for asked in each), *named]):
        if column not in named or not all(column in each for each in keys):
            continue
        found = {pipeline.asker.name: column}
        pairs = [(f.source, each[column]) for f, each in zip(pipeline.window_features, keys, strict=True)]
        if all(
            found.setdefault(source.name, own) == own and _alike(pipeline, column, source, own) for source, own in pairs
        ):
            return found
    return {}


def _alike(pipeline: Pipeline, column: str, source: Any, own: str) -> bool:
    """Whether both columns hold the same type, whose equal values have equal hashes."""
    return bool(pipeline.asker.columns[column].type == source.columns[own].type)


def _drawn(column: str, share: float, dtype: pl.DataType) -> pl.Expr:
    return pl.col(column).cast(dtype).hash(_SEED) < int(share * 2.0**64)


def _count(log: Log, source: Any) -> int:
    return int(read(log, source, []).select(pl.len()).collect(engine="streaming").item())


def _counts(metric: str) -> bool:
    from dayshift.definition.metric import metric_named

    found = metric_named(metric)
    return found is not None and (found.top is not None or found.by is not None)
