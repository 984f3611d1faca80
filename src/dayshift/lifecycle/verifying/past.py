"""Events and questions of the log as the reference interpreter takes them.

The reference wants every event's place in the log's total order. That order is spelled out here as the tuple of
`semantics.order.rank`, which compares as the order does; the engine's own numbering has no part in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from dayshift.definition import Source, WindowFeature
from dayshift.engines.contract import AS_OF, LOAD, POSITION, Log
from dayshift.engines.local.cuts import read
from dayshift.engines.local.order import order_columns
from dayshift.engines.local.task import Task
from dayshift.lifecycle.horizon import reach_us
from dayshift.semantics.instants import EPOCH
from dayshift.semantics.order import rank, tick_rank
from dayshift.semantics.reference import Event, Question

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

Keys = tuple[tuple[str, str], ...]


def events_of(source: Source, frame: pl.DataFrame) -> list[Event]:
    """The rows of a source as events."""
    found = []
    for row in plain(frame).iter_rows(named=True):
        time, load, known = row[source.time], row[LOAD], row[POSITION]
        key = [row[name] for name in source.key_columns]
        place = cast("int", rank(load, known, source.name, time, key))
        found.append(Event(source.name, time, place, row, load, known))
    return found


def questions_of(task: Task, log: Log, rows: pl.DataFrame) -> list[Question | None]:
    """The questions that rows of features answer, in their order; None where the log has no event that asks."""
    if task.calendar is not None:
        return [
            Question(row[AS_OF], cast("int", tick_rank(row[LOAD], row[POSITION])), row)
            for row in plain(rows.select(LOAD, POSITION, AS_OF, *task.calendar.by)).iter_rows(named=True)
        ]
    asker = task.readings[task.asker]
    names = list(dict.fromkeys([LOAD, POSITION, *asker.source.key_columns]))
    wanted = rows.select(names).unique()
    frame = read(log, asker.source, asker.columns).join(wanted.lazy(), on=names, how="semi").collect(engine="streaming")
    asked = {
        (event.load, event.position, *_key(asker.source, event)): event for event in events_of(asker.source, frame)
    }
    found = [asked.get(place) for place in plain(rows.select(names)).iter_rows()]
    return [None if own is None else Question(own.event_time, own.place, own.values, own) for own in found]


def entity_rows(task: Task, log: Log, source: Source, keys: Keys, entities: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """All events of some entities, by event time, times as `plain` has them; an entity is a value for each of `keys`."""
    columns = task.readings[source.name].columns
    rows = read(log, source, columns)
    if keys:
        own = [column for column, _ in keys]
        kinds = {name: kind for name, kind in rows.collect_schema().items() if name in own}
        wanted = pl.DataFrame(list(entities), schema={name: _given(kinds[name]) for name in own}, orient="row")
        wanted = wanted.with_columns(pl.col(name).cast(kinds[name]) for name in own)
        rows = rows.join(wanted.lazy(), on=own, how="semi")
    order = [source.time, *(name for name in order_columns(source) if name != source.time)]
    return plain(rows.collect(engine="streaming").sort(order))


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Times as integer microseconds, as the reference has them."""
    times = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(times).to_physical()) if times else frame


def reach(feature: WindowFeature) -> int | None:
    """How far before a question the feature's windows begin, microseconds; None: at the beginning of all history."""
    reaches = [reach_us(window) for window in (feature.window, feature.baseline) if window is not None]
    return None if None in reaches else max(each for each in reaches if each is not None)


def forgotten(project: Project) -> tuple[str, ...]:
    """The columns of features that look at the whole past of a source whose old events were deleted."""
    known = set(project.lake.sources)
    cut = {
        feature.source.name
        for feature in project.pipeline.window_features
        if feature.source.name in known and project.lake.complete_from_us(feature.source.name) is not None
    }
    windows = [feature for feature in project.pipeline.window_features if feature.source.name in cut]
    return tuple(name for feature in windows if reach(feature) is None for name in feature.columns)


def at(us: int) -> dt.datetime:
    """A time of integer microseconds."""
    return EPOCH + dt.timedelta(microseconds=us)


def key_of(source: Source, event: Event) -> Mapping[str, Any]:
    """An event's key as people read it."""
    times = {name for name in source.key_columns if source.columns[name].type == "datetime"}
    return {
        name: at(value) if name in times else value
        for name, value in zip(source.key_columns, _key(source, event), strict=True)
    }


def _key(source: Source, event: Event) -> tuple[Any, ...]:
    return tuple(event.values[name] for name in source.key_columns)


def _given(kind: pl.DataType) -> pl.DataType:
    return pl.Int64() if isinstance(kind, pl.Datetime) else kind
