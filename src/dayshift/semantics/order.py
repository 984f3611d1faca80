"""The order of the log, and which of several events is the first or the last.

The log is total: any two entries have an order, and it is stored. An entry's rank is

    (load, position, source's name, event time, key)

`load` counts the loads of the lake from 1. `position` says when the entry was known, in microseconds: its event time
plus the source's declared delay, or the source's `arrival` column. So one load appends in the order in which the world
learned of its events, and a later load comes after it whatever its times are. A calendar's tick has the rank
`(load, tick)` and therefore stands before every event that is known at the tick's time or later.

A `place` is an entry's number in that order. It is all that windows need to know about arrival.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol, TypeVar


class Stored(Protocol):
    """What has a time and stands in the log."""

    @property
    def event_time(self) -> int:
        """When it happened, microseconds UTC."""

    @property
    def place(self) -> int:
        """Its number in the log's order."""


S = TypeVar("S", bound=Stored)
Rank = tuple[object, ...]


def position(event_time: int, delay_us: int, arrival: int | None = None) -> int:
    """When an event was known, in microseconds.

    >>> position(1_000, delay_us=5), position(1_000, delay_us=5, arrival=7_000)
    (1005, 7000)
    """
    return event_time + delay_us if arrival is None else arrival


def rank(load: int, position: int, source: str, event_time: int, key: Sequence[Hashable]) -> Rank:
    """What an event is sorted by in the log; texts compare by code point.

    >>> rank(1, 10, "a", 10, ("x",)) < rank(1, 10, "b", 5, ("a",)) < rank(2, 0, "a", 0, ("x",))
    True
    """
    return (load, position, source, event_time, *key)


def tick_rank(load: int, tick: int) -> Rank:
    """What a calendar's tick is sorted by: before every event with this position.

    >>> rank(1, 9, "a", 9, ("x",)) < tick_rank(1, 10) < rank(1, 10, "", 0, ("",))
    True
    """
    return (load, tick)


def by_time_then_arrival(events: Iterable[S]) -> list[S]:
    """Events from the first to the last as FIRST and LAST mean it: by event time, then by arrival."""
    return sorted(events, key=lambda event: (event.event_time, event.place))
