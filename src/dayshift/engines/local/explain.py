"""Why a value is what it is: the events that count, those that do not and for what reason, and both implementations."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.definition import Pipeline, Window, WindowFeature
from dayshift.definition.duration import format_duration
from dayshift.diagnostics import UsageError, nearest, shorten
from dayshift.engines.contract import (
    AS_OF,
    LOAD,
    POSITION,
    Baseline,
    Counted,
    Explanation,
    FrameLog,
    Log,
    question_columns,
)
from dayshift.engines.local import ticks
from dayshift.engines.local.cuts import Cut, of_loads, read
from dayshift.engines.local.encode import Stretch, places
from dayshift.engines.local.order import sort_log
from dayshift.engines.local.questions import stretches
from dayshift.engines.local.task import Reading, Task
from dayshift.semantics import reference
from dayshift.semantics.reference import Event, Question
from dayshift.semantics.windows import bounds, known

if TYPE_CHECKING:
    from dayshift.engines.local.engine import LocalEngine

OUTSIDE = 3
"""How many events just outside each end of the window are shown."""


def explain(
    engine: LocalEngine, pipeline: Pipeline, log: Log, feature: str, question: Mapping[str, Any]
) -> Explanation:
    """As `Engine.explain` says.

    Raises:
        UsageError: DS527, there is no such window feature; DS528, there is no such question, or more than one.
    """
    chosen = _feature(pipeline, feature)
    alone = Pipeline(pipeline.name, predict=pipeline.predict, features=[chosen], place=pipeline.place)
    asked = _asked(alone, log, question)
    small = _entity_log(alone, chosen, asked, log)
    task = Task.of(alone, small)
    at = (asked[AS_OF].to_physical().item(), asked[LOAD].item())
    (stretch,) = _only(task, small, asked)
    frame = engine.answer(task, stretch)
    part = chosen.columns.index(feature) if feature in chosen.columns and len(chosen.columns) > 1 else None
    value = _plain(frame[chosen.columns[part or 0]].item())
    events, question_ = _reference_view(task, stretch)
    expected = reference.answer(chosen, question_, events, task.scales)
    expected = expected[part or 0] if isinstance(expected, tuple) else expected
    counted = reference.counted(chosen, chosen.window, question_, events, hindsight=False)
    low, high = bounds(at[0], chosen.window.width_us, chosen.window.delay_us, chosen.window.closed)
    shown_low, shown_high = _ends(chosen.window, at[0])
    return Explanation(
        feature=feature,
        question={name: asked[name].item() for name in question_columns(pipeline)},
        as_of_us=at[0],
        load=at[1],
        low_us=shown_low,
        high_us=shown_high,
        closed=chosen.window.closed,
        counted=tuple(_shown(chosen, event) for event in counted),
        left_out=tuple(_left_out(chosen, question_, events, counted, (low, high))),
        value=value,
        reference=expected,
        equal=type(value) is type(expected) and value == expected,
        baseline=_baseline(chosen, question_, events),
    )


def _ends(window: Window, as_of: int) -> tuple[int | None, int]:
    """The ends of a window as they are shown; which one belongs to it says `window.closed`."""
    low, high = bounds(as_of, window.width_us, window.delay_us, window.closed)
    shift = 1 if window.closed == "right" else 0
    return None if low is None else low - shift, high - shift


def _baseline(feature: WindowFeature, question: Question, events: list[Event]) -> Baseline | None:
    if not feature.relative or feature.baseline is None:
        return None
    counted = reference.counted(feature, feature.baseline, question, events, hindsight=False)
    low, high = _ends(feature.baseline, question.as_of)
    return Baseline(low, high, feature.baseline.closed, tuple(_shown(feature, event) for event in counted))


def _feature(pipeline: Pipeline, name: str) -> WindowFeature:
    for feature in pipeline.window_features:
        if name == feature.name or name in feature.columns:
            return feature
    if name in pipeline.columns:
        raise UsageError(
            "DS527", f"feature {name!r} is computed from its own row; no event but the question's makes it"
        )
    guess = nearest(name, pipeline.columns)
    raise UsageError(
        "DS527",
        f"pipeline {pipeline.name!r} has no feature {name!r}",
        facts=(f"features: {shorten(pipeline.columns)}",),
        hint=f"did you mean {guess!r}?" if guess else None,
    )


def _asked(pipeline: Pipeline, log: Log, question: Mapping[str, Any]) -> pl.DataFrame:
    columns = question_columns(pipeline)
    task = Task.of(pipeline, log)
    if task.calendar is None:
        reading = task.readings[task.asker]
        rows = read(log, reading.source, reading.columns).filter(_equal(question, columns)).collect(engine="streaming")
        found = rows.with_columns(pl.col(reading.source.time).alias(AS_OF))
    else:
        entities = ticks.shown(task.calendar, log, Cut()).lazy().filter(_equal(question, columns)).collect()
        due = ticks.between(task.calendar, ticks.clock(pipeline, log, Cut()), None)
        as_of = _microseconds(question.get(AS_OF))
        found = ticks.questions(task.calendar, [tick for tick in due if tick[1] == as_of], entities)
    if found.height != 1:
        given = ", ".join(f"{name}={question.get(name)!r}" for name in question)
        needed = ", ".join([*columns, *([AS_OF] if task.calendar else [])])
        raise UsageError(
            "DS528",
            f"{'no question' if not found.height else f'{found.height} questions'} with {given}",
            facts=(f"a question of pipeline {pipeline.name!r} is named by {needed}",),
        )
    return found


def _equal(question: Mapping[str, Any], columns: tuple[str, ...]) -> pl.Expr:
    wanted = [name for name in columns if name in question]
    texts = {name: str(question[name]) for name in wanted}
    return pl.all_horizontal([pl.col(name).cast(pl.String) == texts[name] for name in wanted] or [pl.lit(True)])


def _microseconds(at: Any) -> int | None:
    if isinstance(at, str):
        at = dt.datetime.fromisoformat(at)
    if isinstance(at, dt.datetime):
        aware = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
        return (aware - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return at if isinstance(at, int) else None


def _entity_log(pipeline: Pipeline, feature: WindowFeature, asked: pl.DataFrame, log: Log) -> FrameLog:
    """The log with only the events of the question's entity, and the event that asks."""
    task = Task.of(pipeline, log)
    frames = {}
    for name, reading in task.readings.items():
        wanted = pl.lit(False)
        if name == feature.source.name:
            values = [(column, asked[theirs].item()) for column, theirs in feature.keys]
            wanted = pl.all_horizontal([pl.col(column) == pl.lit(value) for column, value in values] or [pl.lit(True)])
            wanted = pl.lit(False) if any(value is None for _, value in values) else wanted
        if name == task.asker and task.calendar is None:
            wanted = wanted | _is(asked, reading)
        frames[name] = read(log, reading.source, reading.columns).filter(wanted).collect(engine="streaming")
    return FrameLog(frames, {feature.source.name: log.bits(feature.source.name)})


def _is(asked: pl.DataFrame, reading: Reading) -> pl.Expr:
    return pl.all_horizontal(
        [pl.col(name) == asked[name].item() for name in (LOAD, POSITION, *reading.source.key_columns)]
    )


def _only(task: Task, log: Log, asked: pl.DataFrame) -> tuple[Stretch]:
    if task.calendar is not None:
        frames = {
            name: sort_log(log.scan(name).collect(), reading.source) if reading.is_counted else log.scan(name).collect()
            for name, reading in task.readings.items()
        }
        return (Stretch(frames, asked),)
    (whole,) = stretches(task, log, of_loads(None), None, most=2**62)
    rows = whole.asked.with_row_index("#").filter(_is(asked, task.readings[task.asker]))["#"].to_numpy()
    assert whole.own is not None
    return (Stretch(whole.frames, whole.asked[rows], whole.own[rows]),)


def _reference_view(task: Task, stretch: Stretch) -> tuple[list[Event], Question]:
    standing, tick = places(task, stretch)
    events: list[Event] = []
    own = None
    for name, reading in task.readings.items():
        mine = _events(reading, stretch.frames[name], standing[name].tolist())
        if stretch.own is not None and name == task.asker:
            own = mine[int(stretch.own[0])]
        events += mine
    row = {name: _plain(value) for name, value in stretch.asked.row(0, named=True).items()}
    place = own.place if own is not None else int(tick[0])
    return events, Question(int(row[AS_OF]), place, row, own)


def _events(reading: Reading, frame: pl.DataFrame, standing: list[int]) -> list[Event]:
    name, time = reading.source.name, reading.source.time
    found = []
    for place, row in zip(standing, frame.iter_rows(named=True), strict=True):
        values = {column: _plain(value) for column, value in row.items()}
        found.append(Event(name, values[time], place, values, row[LOAD], row[POSITION]))
    return found


def _plain(value: Any) -> Any:
    return _microseconds(value) if isinstance(value, dt.datetime) else value


def _shown(feature: WindowFeature, event: Event, reason: str | None = None) -> Counted:
    key = {name: event.values[name] for name in feature.source.key_columns}
    value = None if feature.aggregate.column is None else event.values[feature.aggregate.column]
    return Counted(key, event.event_time, event.position, event.load, value, reason)


def _left_out(
    feature: WindowFeature,
    question: Question,
    events: list[Event],
    counted: list[Event],
    window: tuple[int | None, int],
) -> list[Counted]:
    low, high = window
    shift = 1 if feature.window.closed == "right" else 0
    column = feature.aggregate.column
    asked = reference.entity(question.values, [theirs for _, theirs in feature.keys])
    places_ = {event.place for event in counted}
    late, before, after = [], [], []
    for event in sorted(events, key=lambda each: (each.event_time, each.place)):
        mine = event.source == feature.source.name and event.place not in places_
        if not mine or reference.entity(event.values, [own for own, _ in feature.keys]) != asked:
            continue
        if asked is None:
            late.append(
                _shown(feature, event, "its key is null: it belongs to no entity, and the question sees nothing")
            )
        elif question.own is not None and event.place == question.own.place:
            late.append(_shown(feature, event, "it asks the question, and the window is without including_self"))
        elif low is not None and event.event_time < low:
            before.append(_shown(feature, event, _before(low - shift - event.event_time)))
        elif event.event_time >= high:
            after.append(_shown(feature, event, _after(event.event_time - (high - shift))))
        elif not known(event.place, question.place):
            late.append(_shown(feature, event, f"arrived after the question: in load {event.load}"))
        elif column is not None and event.values[column] is None:
            late.append(_shown(feature, event, f"column {column!r} is null"))
    return [*before[-OUTSIDE:], *late, *after[:OUTSIDE]]


def _before(distance_us: int) -> str:
    if not distance_us:
        return "happened at the very beginning of the window, which is open there"
    return f"happened {format_duration(distance_us)} before the window begins"


def _after(distance_us: int) -> str:
    if not distance_us:
        return "happened at the very end of the window, which is open there"
    return f"happened {format_duration(distance_us)} after the window ends"
