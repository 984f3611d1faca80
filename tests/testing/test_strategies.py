"""What is drawn lies at the boundaries, and reaches everything."""

from collections import Counter

from hypothesis import given, settings

from dayshift.definition import AGGREGATES
from dayshift.semantics.windows import bounds
from dayshift.testing import ReferenceAdapter
from dayshift.testing.strategies import ANCHOR, Drawn, cases, differences, times

SEEN: Counter[str] = Counter()


@settings(max_examples=150, derandomize=True, database=None)
@given(drawn=cases())
def _draw(drawn: Drawn) -> None:
    SEEN["cases"] += 1
    for feature in drawn.case.features:
        SEEN[feature.aggregate.name] += 1
        SEEN["self"] += feature.window.including_self
        SEEN["right"] += feature.window.closed == "right"
        SEEN["relative"] += feature.relative is not None
        for question in drawn.case.questions:
            low, high = bounds(question.as_of, feature.window.width_us, feature.window.delay_us, feature.window.closed)
            at = {event.event_time for event in drawn.case.events}
            SEEN["at the lower edge"] += low in at
            SEEN["just below it"] += low is not None and low - 1 in at
            SEEN["at the upper edge"] += high in at
            SEEN["just below the upper edge"] += high - 1 in at
    SEEN["late"] += any(
        one.event_time > other.event_time and one.place < other.place
        for one in drawn.case.events
        for other in drawn.case.events
    )
    SEEN["ties"] += len({event.event_time for event in drawn.case.events}) < len(drawn.case.events)
    SEEN["cut"] += bool(drawn.cuts)
    SEEN["outside"] += drawn.case.predict is None
    answers = [value for row in ReferenceAdapter().answer(drawn.case) for value in row]
    SEEN["something"] += sum(value not in (None, 0) for value in answers)


def test_everything_that_matters_is_drawn() -> None:
    """Every aggregate, both edges from both sides, lateness, ties, cuts, the own event: often enough to matter."""
    SEEN.clear()
    _draw()
    rare = {name: SEEN[name] for name in AGGREGATES if SEEN[name] < 5}
    assert rare == {}
    kinds = [
        "self",
        "right",
        "relative",
        "at the lower edge",
        "just below it",
        "at the upper edge",
        "late",
        "ties",
        "cut",
    ]
    assert {kind: SEEN[kind] for kind in [*kinds, "just below the upper edge", "outside"] if SEEN[kind] < 10} == {}
    assert SEEN["something"] > SEEN["cases"]


@given(at=times())
def test_a_time_is_near_an_anchor(at: int) -> None:
    """Times come from the set of edges, never from the line of all times."""
    assert -200_000_000_000 < at - ANCHOR < 200_000_000_000


@given(drawn=cases())
def test_places_and_keys_are_what_a_log_has(drawn: Drawn) -> None:
    """Places differ, questions of events stand at their places, and a row differs from itself in nothing."""
    places = [event.place for event in drawn.case.events]
    assert len(set(places)) == len(places)
    assert all(question.own is None or question.own.place == question.place for question in drawn.case.questions)
    rows = ReferenceAdapter().answer(drawn.case)
    assert differences(drawn.case, rows, rows) == []
