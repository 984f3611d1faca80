"""Some answers of a lake, recomputed by the reference interpreter from the lake's own log.

The reference looks at every event of its log for every question, so it is given those of the question's entities only,
from the time that its longest window can reach: others cannot count, whatever the answer is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
from _compare import Count

from dayshift.definition import Pipeline, Source, WindowFeature
from dayshift.engines.contract import AS_OF, LOAD, POSITION, Log
from dayshift.semantics.fixed_point import scale_of
from dayshift.semantics.instants import microseconds
from dayshift.semantics.reference import Event, Question, answer

PLACE = "#place"


def check_sample(pipeline: Pipeline, log: Log, features: pl.DataFrame, number: int, seed: int = 0) -> Count:
    """Every windowed feature of so many questions, drawn from a table of answers."""
    asker, keys = pipeline.asker, list(pipeline.asker.key_columns)
    order = _ordered(pipeline, log)
    scales = {
        (source.name, name): scale_of(column, dict(log.bits(source.name)).get(name))
        for source in pipeline.sources
        for name, column in source.columns.items()
        if column.numeric
    }
    drawn = features.sample(min(number, features.height), seed=seed).join(order[asker.name], on=keys, suffix="#event")
    found = Count()
    for row in drawn.iter_rows(named=True):
        own = _event(asker, row)
        question = Question(microseconds(row[AS_OF]), row[PLACE], own.values, own)
        for feature in pipeline.window_features:
            events = _of_entity(feature, order[feature.source.name], question)
            (name,) = feature.columns
            wanted = answer(feature, question, events, scales)
            found += _judge(name, row, wanted)
    return found


def _ordered(pipeline: Pipeline, log: Log) -> dict[str, pl.DataFrame]:
    """Each source's events with their places in the whole log; those of one source that stand at one position are in the
    order of their time and key."""
    found = {
        source.name: log.scan(source.name)
        .sort(LOAD, POSITION, source.time, *source.key_columns)
        .with_row_index("#rank")
        .with_columns(pl.lit(source.name).alias("#source"))
        .collect()
        for source in pipeline.sources
    }
    heads = [events.select(LOAD, POSITION, "#source", "#rank") for events in found.values()]
    places = pl.concat(heads).sort(LOAD, POSITION, "#source", "#rank").with_row_index(PLACE)
    return {name: events.join(places, on=["#source", "#rank"]) for name, events in found.items()}


def _of_entity(feature: WindowFeature, events: pl.DataFrame, question: Question) -> list[Event]:
    source, wanted = feature.source, pl.lit(True)
    for column, asked in feature.keys:
        value = question.values[asked]
        wanted &= pl.col(column).is_null() if value is None else pl.col(column) == value
    windows = [feature.window, *([feature.baseline] if feature.baseline else [])]
    if all(window.width_us is not None for window in windows):
        reach = max(window.width_us + window.delay_us for window in windows if window.width_us is not None)
        wanted &= pl.col(source.time).dt.epoch("us") >= question.as_of - reach
    near = events.filter(wanted & (pl.col(source.time).dt.epoch("us") <= question.as_of))
    return [_event(source, row) for row in near.iter_rows(named=True)]


def _event(source: Source, row: Mapping[str, Any]) -> Event:
    values = {name: _plain(row[name]) for name in source.columns}
    return Event(source.name, values[source.time], row[PLACE], values)


def _plain(value: Any) -> Any:
    return microseconds(value) if isinstance(value, datetime) else value


def _judge(name: str, row: Mapping[str, Any], wanted: Any) -> Count:
    same = row[name] is None if wanted is None else row[name] is not None and repr(row[name]) == repr(wanted)
    return Count(1, int(not same), first="" if same else f"{name} of {row[AS_OF]}: {row[name]!r}, not {wanted!r}")
