"""Logs drawn at the boundaries of windows: two sources, every type of column, late and out-of-order events, nulls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Calendar, Pipeline, Source, WindowFeature
from dayshift.definition.feature import flatten
from dayshift.engines.contract import FrameLog
from dayshift.semantics.order import position, rank
from dayshift.semantics.reference import Event, Question
from dayshift.testing.local_adapter import event_frame

DAY = 86_400_000_000
MIDNIGHT = 17_000 * DAY
EDGES = [base + step for base in (0, DAY, 2 * DAY, 7 * DAY) for step in (-1, 0, 1)]

asks = Source(
    "asks",
    time="at",
    key="id",
    schema={
        "id": int,
        "card": ds.optional(str),
        "shop": int,
        "amount": ds.optional(ds.decimal(2)),
        "size": ds.Column(float, bits=10),
        "word": ds.optional(str),
        "good": bool,
        "day": dt.date,
        "seen": ds.optional(dt.datetime),
    },
)
tells = Source("tells", time="at", key=["day", "id"], delay="1h", schema={**asks.schema, "day": str})
SOURCES = {"asks": asks, "tells": tells}
SCALES = {
    (name, column): scale
    for name in SOURCES
    for column, scale in {"amount": 100, "size": 1024, "shop": 1, "good": 1, "id": 1}.items()
}


def features() -> tuple[WindowFeature, ...]:
    """Windows of every kind over both sources."""
    widths = ("1d", "7d")
    own = asks.by("card").over(*widths, closed="right", including_self=True)
    both = tells.by("card", "shop").over(*widths, delay="1d")
    shop = tells.by("shop").over("2d", closed="right")
    mapped = tells.by(word="card").over()
    return flatten(
        [
            own.count(),
            own.mean("amount"),
            own.distinct_count("word"),
            both.sum("amount").fill(0),
            both.std("size"),
            both.last("word"),
            shop.last_n("seen", 2),
            shop.max("amount"),
            shop.min("seen"),
            shop.first("good"),
            shop.quantile("size", 0.5),
            shop.variance_population("shop"),
            mapped.count().ratio_to("7d"),
            mapped.time_since_last(),
            mapped.last("card").fill("nobody"),
            asks.over("1d").sum("id"),
            asks.by("shop").over("1d").last("day"),
        ]
    )


@dataclass(frozen=True)
class Drawn:
    """A log as the reference sees it and as the engine does."""

    events: tuple[Event, ...]

    @property
    def log(self) -> FrameLog:
        """The same events as tables."""
        frames = {
            name: event_frame(source, [event for event in self.events if event.source == name])
            for name, source in SOURCES.items()
        }
        return FrameLog(frames)

    @property
    def questions(self) -> list[Question]:
        """What the events of `asks` ask, in the log's order."""
        own = [event for event in self.events if event.source == "asks"]
        return [Question(event.event_time, event.place, event.values, event) for event in own]


@st.composite
def rows(draw: st.DrawFn, name: str, number: int) -> tuple[int, dict[str, Any]]:
    """One event: its load and its columns."""
    at = MIDNIGHT + draw(st.sampled_from(EDGES)) + draw(st.sampled_from([0, 0, -2 * DAY, 12 * DAY]))
    values = {
        "id": number,
        "at": at,
        "card": draw(st.sampled_from(["a", "b", "ü", None])),
        "shop": draw(st.sampled_from([1, 2, -(10**12)])),
        "amount": draw(st.sampled_from([0.1, 0.2, 0.3, 1e6, -2.55, None])),
        "size": draw(st.integers(-(2**20), 2**20)) / 1024,
        "word": draw(st.sampled_from(["a", "b", "c", None])),
        "good": draw(st.booleans()),
        "day": dt.date(2020, 1, 1 + number % 28) if name == "asks" else f"d{number % 3}",
        "seen": draw(st.sampled_from([at - 5, at + 5, None])),
    }
    return draw(st.integers(1, 3)), values


@st.composite
def logs(draw: st.DrawFn, most: int = 14) -> Drawn:
    """A log of two sources in three loads."""
    found = []
    for number in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(["asks", "tells"]))
        load, values = draw(rows(name, number))
        found.append((name, load, values))
    return drawn(found)


def drawn(found: Sequence[tuple[str, int, dict[str, Any]]]) -> Drawn:
    """Rows of (source, load, values) in the log's order."""

    def ranked(row: tuple[str, int, dict[str, Any]]) -> Any:
        name, load, values = row
        source = SOURCES[name]
        key = [values[column] for column in source.key_columns]
        return rank(load, position(values["at"], source.delay_us), name, values["at"], key)

    ordered = sorted(found, key=ranked)
    events = []
    for place, (name, load, values) in enumerate(ordered):
        known = position(values["at"], SOURCES[name].delay_us)
        events.append(Event(name, values["at"], place, values, load, known))
    return Drawn(tuple(events))


def pipeline(predict: Source | Calendar = asks) -> Pipeline:
    """All features, asked by the events of `asks` or by a calendar."""
    chosen = [f for f in features() if not f.window.including_self or predict is asks]
    return Pipeline("drawn", predict=predict, features=chosen)
