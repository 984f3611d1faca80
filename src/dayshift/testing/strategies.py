"""Hypothesis strategies that draw cases at the boundaries, where implementations differ.

Times come from the set {t, t ± 1 µs, t - w, t - w ± 1 µs, the same less the delay, midnight, the edges of micro-batches} around a few
anchors, never uniformly: random milliseconds do not meet an edge in a million tries. Events come late (in a later load), at
one timestamp, out of order; keys and values may be null; all aggregates, closed sides, delays and `including_self` occur.

    @given(cases())
    def test_my_engine_gives_the_same_bits(case): assert_same(case, mine.answer(case), reference.answer(case))
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from dayshift.definition import AGGREGATES, Column, Features, Source, WindowFeature, optional, parse_duration
from dayshift.semantics.reference import Question
from dayshift.semantics.seen import Value
from dayshift.testing.engines import Case, Row, same
from dayshift.testing.log import Entries, Outside, Stored, log_of

ANCHOR = 1_709_337_600_000_000
"""2024-03-02 00:00 UTC in microseconds."""

WIDTHS = ("1us", "1h", "1d", None)
DELAYS = ("0s", "1us", "1h")
SCHEMA = {
    "id": int,
    "card": optional(str),
    "shop": optional(int),
    "n": optional(int),
    "money": Column("decimal", digits=2, optional=True),
    "x": Column(float, bits=10, optional=True),
    "ok": optional(bool),
    "note": optional(str),
    "day": optional(dt.date),
    "until": optional(dt.datetime),
}
TAPS = Source("taps", time="at", key="id", schema=SCHEMA, place=None)
DOORS = Source("doors", time="at", key="id", schema=SCHEMA, delay="1h", place=None)
KEYS: tuple[tuple[str, ...], ...] = ((), ("card",), ("shop",), ("card", "shop"))


@dataclass(frozen=True)
class Drawn:
    """A drawn case, and the places where a run may be cut: the first of each later load."""

    case: Case
    cuts: tuple[int, ...]


def times(widths: Sequence[str | None] = WIDTHS, delays: Sequence[str] = DELAYS) -> st.SearchStrategy[int]:
    """Times in microseconds: anchors and everything that is one microsecond or one window away from them."""
    anchors = (ANCHOR, ANCHOR + 3_600_000_000, ANCHOR + 86_400_000_000)
    lengths = {parse_duration(width) for width in widths if width} | {0}
    shifts = {parse_duration(delay) for delay in delays}
    edges = {
        anchor - length - shift + step
        for anchor in anchors
        for length in lengths
        for shift in shifts
        for step in (-1, 0, 1)
    }
    return st.sampled_from(sorted(edges))


def values(column: Column, name: str = "") -> st.SearchStrategy[Any]:
    """Values of a column at the edges of its type, few enough to repeat; null where it is optional."""
    pools: dict[str, Sequence[Any]] = {
        "int": (0, 1, -1, 7, 10**6, 2**53 - 1, 1 - 2**53) if name == "n" else (1, 2, 11),
        "decimal": (0.0, 0.01, -0.01, 0.1, 0.3, 2.0**40, -1e13),
        "float": (0.0, 0.3, -0.3, 1.0, 1 / 1024, -1 / 1024, 2.0**42 + 0.25, 1e-9),
        "bool": (True, False),
        "str": ("a", "b", "", "ä", "null", "a b"),
        "date": (dt.date(1969, 12, 31), dt.date(1970, 1, 1), dt.date(2024, 2, 29)),
        "datetime": (0, -1, 1, ANCHOR),
    }
    pool = [*pools[column.type], *([None] if column.optional else [])]
    pool += [pool[0]] * len(pool) if name in ("card", "shop") else []
    return st.sampled_from(pool)


@st.composite
def rows(draw: st.DrawFn, source: Source, number: int, last_load: int = 3) -> Stored:
    """One event of a source with this key, in one of the loads; its floats stand on their grid."""
    drawn: dict[str, Any] = {"id": number, "at": draw(times())}
    for name, column in source.columns.items():
        if name not in drawn:
            drawn[name] = draw(values(column, name))
    return Stored(source, draw(st.integers(1, last_load)), drawn)


@st.composite
def features(draw: st.DrawFn, name: str, source: Source = TAPS, asker: Source | None = TAPS) -> WindowFeature:
    """This aggregate over any window that has a meaning when events of `asker` ask, or nobody does (None)."""
    signature = AGGREGATES[name]
    widths = ["1d", *(width for width in WIDTHS if width or signature.unbounded)]
    itself = source is asker and draw(st.booleans())
    over = source.by(*draw(st.sampled_from(KEYS))).over(
        *[width for width in [draw(st.sampled_from(widths))] if width],
        delay="0s" if itself else draw(st.sampled_from(DELAYS)),
        closed=draw(st.sampled_from(["left", "right"])),
        including_self=itself,
    )
    arguments: dict[str, Any] = {
        "n": draw(st.integers(1, 3)),
        "exact_up_to": draw(st.sampled_from([0, 1, 2, 1024])),
        "q": draw(st.sampled_from([0.0, 0.25, 0.5, 0.99, 1.0])),
        "accuracy": draw(st.sampled_from([0.01, 0.6])),
    }
    columns = [column for column in source.columns if source.columns[column].type in signature.accepts]
    columns = [column for column in columns if column in SCHEMA and column != "id"]
    positional = [draw(st.sampled_from(columns))] if signature.accepts else []
    made: Features = getattr(over, name)(*positional, **{each: arguments[each] for each in signature.parameters})
    made = draw(st.sampled_from([made, made, *_related(made)]))
    if draw(st.booleans()) and made[0].type in ("int", "float"):
        made = made.fill(draw(st.sampled_from([0, -1])))
    return made[0]


def _related(made: Features) -> list[Features]:
    feature = made[0]
    numeric = feature.type in ("int", "float") and AGGREGATES[feature.aggregate.name].relative
    return [made.ratio_to("1d"), made.difference_to("1h")] if numeric else []


@st.composite
def cases(draw: st.DrawFn, most_events: int = 12, policy: Any = "as_known") -> Drawn:
    """Two sources, some features of both, and either the events of `taps` asking or questions from outside."""
    stored = [draw(rows(TAPS, number)) for number in range(draw(st.integers(1, most_events)))]
    stored += [draw(rows(DOORS, number)) for number in range(draw(st.integers(0, most_events // 2)))]
    asker = draw(st.sampled_from([TAPS, TAPS, None]))
    names = draw(st.lists(st.sampled_from(sorted(AGGREGATES)), min_size=2, max_size=7, unique=True))
    wanted = [draw(features(name, draw(st.sampled_from([TAPS, TAPS, DOORS])), asker)) for name in names]
    if asker:
        entries = log_of({"taps": TAPS, "doors": DOORS}, stored, [])
        asking = (event for event in entries.events if event.source == "taps")
        questions = [Question(event.event_time, event.place, event.values, event) for event in asking]
    else:
        entries, questions = _from_outside(draw, stored)
    batch = draw(st.sampled_from([0, 1, 2, 3, 7]))
    case = Case(_numbered(wanted), entries.events, tuple(questions), entries.scales, asker, policy, batch)
    starts = sorted({min(e.place for e in case.events if e.load == load) for load in {e.load for e in case.events}})
    return Drawn(case, tuple(starts[1:]))


def _numbered(wanted: Sequence[WindowFeature]) -> tuple[WindowFeature, ...]:
    """Each under a name of its own, so that two equal features are two columns."""
    return tuple(replace(feature, given_name=f"f{number}", place=None) for number, feature in enumerate(wanted))


def _from_outside(draw: st.DrawFn, stored: Sequence[Stored]) -> tuple[Entries, list[Question]]:
    asked = [Outside(line, draw(times())) for line in range(draw(st.integers(1, 6)))]
    entries = log_of({"taps": TAPS, "doors": DOORS}, stored, asked)
    keys = st.fixed_dictionaries({name: values(TAPS.columns[name], name) for name in ("card", "shop")})
    return entries, [Question(each.as_of, entries.places[each.line], draw(keys)) for each in asked]


def differences(case: Case, given: Sequence[Row], wanted: Sequence[Row]) -> list[str]:
    """Where two engines' rows differ, said so that one can look for the reason; empty when they are the same."""
    if len(given) != len(wanted):
        return [f"{len(wanted)} rows were expected, {len(given)} came out"]
    columns = [(feature, column) for feature in case.features for column in feature.columns]
    return [
        f"as_of {question.as_of}, place {question.place}: {column} ({_said(feature)}): expected {right!r}, got {left!r}"
        for question, one, other in zip(case.questions, given, wanted, strict=True)
        for (feature, column), left, right in zip(columns, one, other, strict=True)
        if not same(left, right)
    ]


def _said(feature: WindowFeature) -> str:
    parts: tuple[Value, ...] = (feature.source.name, feature.keys, feature.window, feature.aggregate)
    return ", ".join(map(str, parts))


__all__ = ["DOORS", "TAPS", "Drawn", "cases", "differences", "features", "rows", "times", "values"]
