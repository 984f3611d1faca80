"""When a calendar asks, and for whom.

Ticks are the multiples of the period since 1970-01-01 00:00 UTC, plus the offset. A tick `t` is asked in the first load
that carries the log's clock (the largest position of any event of the pipeline, but no later than the load was made)
to `t` or beyond. It stands in that load before every event with a position of `t` or more, and asks for every entity that the source has shown before it,
in the order of their keys.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby

from dayshift.definition.calendar import Calendar
from dayshift.semantics.order import Rank, rank, tick_rank
from dayshift.semantics.reference import Event, entity


def ticks(period_us: int, offset_us: int, after_us: int, until_us: int) -> range:
    """The ticks `t` with `after_us < t <= until_us`.

    >>> list(ticks(10, 3, 13, 33)), list(ticks(10, 0, -1, 0))
    ([23, 33], [0])
    """
    return range(after_us + 1 + (offset_us - after_us - 1) % period_us, until_us + 1, period_us)


def asked(
    calendar: Calendar, events: Iterable[Event], made: Mapping[int, int] | None = None
) -> list[tuple[int, int, tuple[Hashable, ...]]]:
    """Every question of a calendar over these events of all the pipeline's sources: (load, tick, entity), in order.

    `made` says when a load was made, in microseconds; what it holds of a later time does not move the clock.

    >>> from dayshift.definition import Source
    >>> taps = Source("taps", time="at", key="id", schema={"id": str, "card": str})
    >>> events = [Event("taps", at, at, {"card": card}, 1, at) for at, card in ((5, "b"), (9, "a"), (20, "c"))]
    >>> asked(taps.every("10us", by="card"), events)
    [(1, 10, ('a',)), (1, 10, ('b',)), (1, 20, ('a',)), (1, 20, ('b',))]
    """
    found = []
    clock: int | None = None
    log = sorted(events, key=lambda event: event.load)
    for load, group in groupby(log, key=lambda event: event.load):
        positions = [event.position for event in group]
        start = min(positions) - 1 if clock is None else clock
        reached = min(max(positions), (made or {}).get(load, max(positions)))
        clock = reached if clock is None else max(clock, reached)
        for tick in ticks(calendar.period_us, calendar.offset_us, start, clock):
            found += [(load, tick, key) for key in _entities(calendar, log, tick_rank(load, tick))]
    return found


def _entities(calendar: Calendar, log: Sequence[Event], before: Rank) -> list[tuple[Hashable, ...]]:
    shown = {
        entity(event.values, calendar.by)
        for event in log
        if event.source == calendar.source.name and _rank(event) < before
    }
    return sorted(key for key in shown if key is not None)


def _rank(event: Event) -> Rank:
    return rank(event.load, event.position, event.source, event.event_time, ())


def question_values(calendar: Calendar, key: Sequence[Hashable]) -> Mapping[str, Hashable]:
    """The columns of a calendar's question: its entity's key."""
    return dict(zip(calendar.by, key, strict=True))
