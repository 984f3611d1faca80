"""The reference: what a feature's value is, computed in the most obvious way there is.

For one question it looks at every event of the log, keeps those that count, hands their values to the aggregate, and
applies relation and fill. Nothing is remembered from one question to the next, so there is no state to be wrong.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayshift.definition.feature import WindowFeature
from dayshift.definition.window import Window
from dayshift.semantics import windows
from dayshift.semantics.aggregates import MEANINGS
from dayshift.semantics.order import by_time_then_arrival
from dayshift.semantics.seen import Seen, Value

Scales = Mapping[tuple[str, str], int]
"""The fixed point of each numeric column, by (source's name, column); see `fixed_point.scale_of`."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event in the log.

    `event_time` in microseconds UTC; `place` its number in the log's order, different for every event; `values` all
    its columns: texts, numbers, booleans, `datetime.date`s, datetimes as integer microseconds UTC, None for null.
    `load` and `position` are what its place was made of (see `order.rank`); the reference looks at the place only.
    """

    source: str
    event_time: int
    place: int
    values: Mapping[str, Any]
    load: int = 1
    position: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question: asked at `as_of` (microseconds UTC), at a place in the log, with the columns that keys refer to.

    `own` is the event that asks it, which then has the same place; None for a calendar's question.
    """

    as_of: int
    place: int
    values: Mapping[str, Any]
    own: Event | None = None


def answer(
    feature: WindowFeature, question: Question, log: Sequence[Event], scales: Scales, hindsight: bool = False
) -> Value:
    """The value of a feature for a question; a `last_n` is a tuple, latest first.

    >>> from dayshift.definition import Source
    >>> taps = Source("taps", time="at", key="id", schema={"id": str, "card": str, "cents": int})
    >>> log = [Event("taps", at, at, {"card": "a", "cents": at}) for at in (0, 10, 20, 30)]
    >>> (feature,) = taps.by("card").over("20us").sum("cents")
    >>> answer(feature, Question(30, 30, {"card": "a"}), log, {("taps", "cents"): 1})
    30
    >>> answer(feature, Question(30, 30, {"card": None}), log, {("taps", "cents"): 1})
    """
    value = over(feature, feature.window, question, log, scales, hindsight)
    if feature.relative and feature.baseline:
        value = relate(feature.relative, value, over(feature, feature.baseline, question, log, scales, hindsight))
    return filled(feature, value)


def over(
    feature: WindowFeature, window: Window, question: Question, log: Sequence[Event], scales: Scales, hindsight: bool
) -> Value:
    """The aggregate alone over one window: neither put in relation nor filled."""
    aggregate = feature.aggregate
    events = counted(feature, window, question, log, hindsight)
    column = aggregate.column
    seen = Seen(
        values=tuple(None if column is None else event.values[column] for event in events),
        times=tuple(event.event_time for event in events),
        as_of=question.as_of,
        scale=_scale(feature, scales),
        arguments=dict(aggregate.arguments),
    )
    return MEANINGS[aggregate.name](seen)


def counted(
    feature: WindowFeature, window: Window, question: Question, log: Sequence[Event], hindsight: bool
) -> list[Event]:
    """The events that count, in the order (event time, arrival)."""
    columns = [column for column, _ in feature.keys]
    asked = entity(question.values, [column for _, column in feature.keys])
    if asked is None:
        return []
    return by_time_then_arrival(
        event
        for event in log
        if event.source == feature.source.name
        and entity(event.values, columns) == asked
        and _readable(event, feature.aggregate.column)
        and sees(question, event, window, hindsight)
    )


def sees(question: Question, event: Event, window: Window, hindsight: bool) -> bool:
    """Whether a question sees an event of its entity through a window."""
    own = question.own
    if own is not None and event.source == own.source and event.place == own.place:
        return window.including_self
    arrived = hindsight or windows.known(event.place, question.place)
    return arrived and windows.counts(event.event_time, question.as_of, window.width_us, window.delay_us, window.closed)


def entity(values: Mapping[str, Any], columns: Sequence[str]) -> tuple[Hashable, ...] | None:
    """Whom a row is about: its values in the key columns; None, nobody, when a part is null.

    >>> entity({"a": 1, "b": None}, ["a"]), entity({"a": 1, "b": None}, ["a", "b"]), entity({}, [])
    ((1,), None, ())
    """
    key = tuple(values.get(column) for column in columns)
    return None if any(part is None for part in key) else key


def relate(relation: str, value: Value, base: Value) -> float | None:
    """A finished value as a ratio or a difference to another, in IEEE doubles.

    Null when either is null, and a ratio when the base is 0.

    >>> relate("ratio", 1, 3), relate("difference", 1, 3), relate("ratio", 1, 0), relate("difference", 1, None)
    (0.3333333333333333, -2.0, None, None)
    """
    if value is None or base is None:
        return None
    if relation == "difference":
        return float(value) - float(base)
    return None if base == 0 else float(value) / float(base)


def filled(feature: WindowFeature, value: Value) -> Value:
    """The declared `fill` in place of null, as the feature's type; each value of a `last_n` by itself."""
    if isinstance(value, tuple):
        return tuple(filled(feature, each) for each in value)
    if value is not None or feature.fill is None:
        return value
    return float(feature.fill) if feature.type == "float" else feature.fill


def _readable(event: Event, column: str | None) -> bool:
    return column is None or event.values[column] is not None


def _scale(feature: WindowFeature, scales: Scales) -> int | None:
    column = feature.column
    if column is None or column.type not in ("float", "decimal"):
        return None
    assert feature.aggregate.column is not None
    return scales[feature.source.name, feature.aggregate.column]
