"""The order of the log, and of first and last."""

import random

from dayshift.semantics.order import by_time_then_arrival, position, rank, tick_rank
from dayshift.semantics.reference import Event


def test_the_log_is_ordered_by_load_then_when_known_then_source_time_and_key() -> None:
    """Each part decides only where those before it are equal."""
    ordered = [
        rank(1, 10, "a", 10, ("x",)),
        rank(1, 10, "a", 10, ("y",)),
        rank(1, 10, "b", 5, ("a",)),
        rank(1, 10, "b", 7, ("a",)),
        rank(1, 11, "a", 1, ("a",)),
        rank(2, 0, "a", 0, ("a",)),
    ]
    shuffled = ordered[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled) == ordered


def test_a_tick_stands_before_everything_known_at_its_time() -> None:
    """And after everything known a microsecond earlier."""
    assert rank(1, 9, "zzz", 9, ("z",)) < tick_rank(1, 10) < rank(1, 10, "", -(10**18), ("",))


def test_an_arrival_column_takes_the_place_of_the_delay() -> None:
    """When an event says itself when it was known, the source's delay does not matter."""
    assert position(100, 5, None) == 105
    assert position(100, 5, 0) == 0


def test_first_and_last_are_by_time_and_then_by_arrival() -> None:
    """A later arrival wins only at the same time."""
    events = [Event("s", time, place, {}) for time, place in ((10, 3), (20, 1), (10, 2), (20, 0))]
    assert [(event.event_time, event.place) for event in by_time_then_arrival(events)] == [
        (10, 2),
        (10, 3),
        (20, 0),
        (20, 1),
    ]
