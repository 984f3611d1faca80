"""The same questions as of other times, and with labels known sooner, against the reference and a plain account of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Calendar, Label, Pipeline, Window, WindowFeature
from dayshift.engines.contract import FrameLog
from dayshift.engines.local.asof import Asof
from dayshift.engines.local.engine import LocalEngine
from dayshift.semantics.calendar import asked, question_values
from dayshift.semantics.order import rank, tick_rank
from dayshift.semantics.reference import Event, Question, answer
from dayshift.testing.engines import same
from dayshift.testing.local_adapter import event_frame
from tests.engines.local.drawn import DAY, MIDNIGHT, SCALES, SOURCES, asks, features, rows, tells

HOUR = DAY // 24
UNITS = {"event": None, "hour": HOUR, "midnight": DAY}
FAR = 2**62
FEW = max(settings().max_examples, 1)


class MadeLog(FrameLog):
    """A log that says when its loads were made."""

    loads: Mapping[int, int] = {}

    def made(self) -> Mapping[int, int]:
        """As drawn."""
        return self.loads


@dataclass(frozen=True)
class Drawn:
    """Events in the log's order, and when their loads were made."""

    events: tuple[Event, ...]
    made: Mapping[int, int]

    @property
    def log(self) -> FrameLog:
        """As tables."""
        found = MadeLog(
            {
                name: event_frame(source, [each for each in self.events if each.source == name])
                for name, source in SOURCES.items()
            }
        )
        object.__setattr__(found, "loads", self.made)
        return found


@st.composite
def logs(draw: st.DrawFn, most: int = 14) -> Drawn:
    """Two sources in one load or three; events are known at once, an hour or days later, some before they happen."""
    loads = draw(st.sampled_from([1, 3]))
    found = []
    for number in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(["asks", "tells"]))
        load, values = draw(rows(name, number))
        late = draw(st.sampled_from([0, 0, HOUR, HOUR, DAY, 3 * DAY, -HOUR]))
        found.append(Event(name, values["at"], 0, values, min(load, loads), values["at"] + late))
    made = {} if draw(st.booleans()) else {load: MIDNIGHT + 3 * load * DAY for load in range(1, loads + 1)}
    ordered = sorted(found, key=_rank)
    return Drawn(tuple(replace(event, place=place) for place, event in enumerate(ordered)), made)


def _rank(event: Event) -> Any:
    key = [event.values[column] for column in SOURCES[event.source].key_columns]
    return rank(event.load, event.position, event.source, event.event_time, key)


# ---------------------------------------------------------------- a plain account


def clocks(log: Drawn) -> list[int]:
    """What the log's clock shows at each event: the running maximum, no load's later than it was made."""
    shown = [min(event.position, log.made.get(event.load, FAR)) for event in log.events]
    return list(accumulate(shown, max))


def sooner_log(log: Drawn, source: str, shift: int) -> Drawn:
    """The log in which a source's events are known so much sooner."""
    clock = clocks(log)
    tops = {event.load: clock[n] for n, event in enumerate(log.events)}

    def before(load: int) -> int:
        return max((top for each, top in tops.items() if each < load), default=-FAR)

    def moved(event: Event) -> Event:
        if event.source != source:
            return event
        known = max(event.position, before(event.load) + 1)
        then = min(known, max(event.event_time, known - shift))
        first = min((load for load, top in tops.items() if top >= then), default=FAR)
        if first < event.load:
            return replace(event, load=first, position=then)
        return replace(event, position=min(event.position, max(event.event_time, event.position - shift)))

    order = sorted(map(moved, log.events), key=lambda e: (e.load, e.position, e.source, e.place))
    return Drawn(tuple(replace(event, place=place) for place, event in enumerate(order)), log.made)


def sooner_windows(pipeline: Pipeline, shift: int) -> list[WindowFeature]:
    """The features with shorter delays where they wait for labels."""

    def less(window: Window | None) -> Any:
        return None if window is None else replace(window, delay=f"{max(0, window.delay_us - shift)}us")

    found = []
    for feature in pipeline.window_features:
        label: Any = pipeline.label
        waits = feature.source is label.source and (label.source is not asks or feature.aggregate.column == "size")
        changed = replace(feature, window=less(feature.window), baseline=less(feature.baseline))
        found.append(changed if waits else feature)
    return found


def questions(pipeline: Pipeline, log: Drawn, declared: Drawn) -> list[Question]:
    """Every question in its own place (twice the events' places, so that ticks can stand between them)."""
    events = [replace(event, place=2 * event.place) for event in log.events]
    predict = pipeline.predict
    if not isinstance(predict, Calendar):
        own = {event.values["id"]: event for event in events if event.source == "asks"}
        order = [event.values["id"] for event in declared.events if event.source == "asks"]
        return [Question(own[n].event_time, own[n].place, own[n].values, own[n]) for n in order]
    ticks = asked(predict, declared.events, declared.made)
    ahead = [sum(_rank(event) < tick_rank(load, tick) for event in events) for load, tick, _ in ticks]
    return [
        Question(tick, 2 * place - 1, question_values(predict, key))
        for place, (_, tick, key) in zip(ahead, ticks, strict=True)
    ]


def by_hand(pipeline: Pipeline, declared: Drawn, unit: int | None, shift: int) -> list[list[Any]]:
    """Each question's row, by the reference."""
    label: Any = pipeline.label
    log = sooner_log(declared, label.source.name, shift) if shift and label.source is not asks else declared
    events = [replace(event, place=2 * event.place) for event in log.events]
    clock = clocks(log)
    found = []
    for question in questions(pipeline, log, declared):
        when, stale = question.as_of, question
        if unit is not None:
            when -= when % unit
            first = next((2 * n for n, shown in enumerate(clock) if shown >= when), FAR)
            stale = Question(when, min(first, question.place), question.values)
        row: list[Any] = []
        for feature in sooner_windows(pipeline, shift) if shift else pipeline.window_features:
            value = answer(feature, stale, events, SCALES)
            row.extend(value if isinstance(value, tuple) else (value,))
        found.append(row)
    return found


def answered(pipeline: Pipeline, log: Drawn, unit: int | None, shift: int) -> list[list[Any]]:
    """Each question's row, by the engine's seam."""
    asof = Asof(pipeline, log.log, threads=1)
    asof.features(None, HOUR, lambda column: column)  # another situation before it must leave no trace
    found = asof.features(unit, shift, lambda column: column)
    columns = [found[name] for name in pipeline.columns]
    plain = [each.to_physical() if isinstance(each.dtype, pl.Datetime) else each for each in columns]
    return [list(row) for row in zip(*(each.to_list() for each in plain), strict=True)]


def assert_same(pipeline: Pipeline, found: Sequence[list[Any]], wanted: Sequence[list[Any]]) -> None:
    """Bit for bit, with the name of what differs."""
    assert len(found) == len(wanted)
    wrong = [
        (number, name, left, right)
        for number, (row, other) in enumerate(zip(found, wanted, strict=True))
        for name, left, right in zip(pipeline.columns, row, other, strict=True)
        if not same(left, right)
    ]
    assert not wrong, wrong[:3]


def pipeline(label: Any, predict: Any = asks) -> Pipeline:
    """All drawn features and some that wait for what a label reads, labelled by one of the sources."""
    waiting = [
        *asks.by("card").over("7d", "2d", delay="1d").max("size").fill(0),
        *asks.by("card").over("7d", delay="1d").max("size").fill(1).alias("again"),
        *asks.by("shop").over("7d", delay="1d").count(),
        *tells.by("shop").over("7d", "2d", delay="25h").mean("size"),
        *tells.by("shop").over("7d", delay="1d").count().ratio_to("12d").alias("relative"),
    ]
    chosen = [f for f in (*features(), *waiting) if not f.window.including_self or predict is asks]
    return Pipeline("drawn", predict=predict, features=chosen, label=label)


LABELS = {
    "another": Label(tells, pl.col("size") > 0, within="1d", by=["shop"]),
    "own": Label(asks, pl.col("size") > 0, within="25h", by=["card"]),
}


@settings(max_examples=FEW)
@given(
    logs(),
    st.sampled_from(sorted(UNITS)),
    st.sampled_from([0, 1, HOUR, DAY, DAY + HOUR]),
    st.sampled_from(sorted(LABELS)),
    st.booleans(),
)
def test_every_freshness_and_label_delay_is_what_the_reference_says(
    log: Drawn, freshness: str, shift: int, label: str, by_calendar: bool
) -> None:
    """Late rows, loads, two sources, mapped keys, the asking event, ticks: each value to the bit."""
    chosen = pipeline(LABELS[label], asks.every("6h", by=["card", "shop"]) if by_calendar else asks)
    unit = UNITS[freshness]
    assert_same(chosen, answered(chosen, log, unit, shift), by_hand(chosen, log, unit, shift))


@settings(max_examples=FEW)
@given(logs(), st.booleans())
def test_as_of_the_question_itself_it_is_the_engine(log: Drawn, by_calendar: bool) -> None:
    """The declared situation: the same questions in the same order, the same bits, whichever situation came before."""
    chosen = pipeline(LABELS["another"], asks.every("6h", by=["card", "shop"]) if by_calendar else asks)
    asof = Asof(chosen, log.log, threads=1)
    asof.features(DAY, DAY, lambda column: column)
    found = asof.features(None, 0, lambda column: column)
    frames = list(LocalEngine(threads=1).features(chosen, log.log))
    if not frames:
        assert asof.asked.height == 0
        return
    whole = pl.concat(frames)
    assert pl.DataFrame([found[name] for name in chosen.columns]).equals(whole.select(chosen.columns))
    assert asof.asked["as_of"].equals(whole["as_of"])


def test_a_stale_question_sees_only_what_was_known_by_then() -> None:
    """An event that happened before midnight and was known after it is not seen as of midnight."""
    taps = ds.Source("taps", time="at", key="id", schema={"id": int})
    times = pl.Series("at", [MIDNIGHT - 2, MIDNIGHT - 1, MIDNIGHT + 5]).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame([times]).with_columns(
        id=pl.int_range(3), _load=1, _position=pl.Series([0, 2, 3]) + MIDNIGHT - 1
    )
    chosen = Pipeline("p", predict=taps, features=taps.over("1d").count())
    asof = Asof(chosen, FrameLog({"taps": frame}))
    assert asof.features(None, 0, lambda column: column)[chosen.columns[0]].to_list() == [0, 1, 2]
    assert asof.features(DAY, 0, lambda column: column)[chosen.columns[0]].to_list() == [0, 0, 1]


@pytest.mark.parametrize("predict", [asks, asks.every("6h", by=["card", "shop"])])
def test_an_empty_log_has_no_questions(predict: Any) -> None:
    """Nothing was ever loaded: no rows, no columns' worth of trouble, and a clock that never began."""
    asof = Asof(pipeline(LABELS["another"], predict), FrameLog({"asks": pl.DataFrame(), "tells": pl.DataFrame()}))
    assert asof.asked.height == 0
    assert asof.known_until is None
    assert all(len(column) == 0 for column in asof.features(DAY, HOUR, lambda column: column).values())
