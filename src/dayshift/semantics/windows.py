"""Which events count. The one place that says so; every engine agrees with it.

A question is asked at `as_of = t` and stands at a place `p` in the log. With a window of width `w` and an analytic
delay `d` it sees an event of its entity that happened at `e` and stands at a place `q` when both hold:

    closed "left"    t - d - w <= e <  t - d          and   q < p
    closed "right"   t - d - w <  e <= t - d          and   q < p

`w` None looks at the whole past: there is no lower bound. All times are integer microseconds UTC, so `t - w` is exact
and "one microsecond before" has a meaning.

Hindsight drops the second condition: what arrived too late counts as if it had been there. The event that asks is not
a late event of its own: it counts by `including_self` and never otherwise, in hindsight as well.
"""


def bounds(as_of: int, width_us: int | None, delay_us: int = 0, closed: str = "left") -> tuple[int | None, int]:
    """The event times that count, as `[low, high)` in microseconds; `low` None when there is no lower bound.

    >>> bounds(1_000, 100)
    (900, 1000)
    >>> bounds(1_000, 100, closed="right")
    (901, 1001)
    >>> bounds(1_000, None, delay_us=10)
    (None, 990)
    """
    shift = _SHIFT[closed]
    high = as_of - delay_us + shift
    return (None if width_us is None else high - width_us), high


def counts(event_time: int, as_of: int, width_us: int | None, delay_us: int = 0, closed: str = "left") -> bool:
    """Whether an event at this time lies in the window of a question asked at `as_of`.

    >>> [counts(e, 1_000, 100) for e in (899, 900, 999, 1_000)]
    [False, True, True, False]
    >>> [counts(e, 1_000, 100, closed="right") for e in (900, 901, 1_000, 1_001)]
    [False, True, True, False]
    """
    low, high = bounds(as_of, width_us, delay_us, closed)
    return (low is None or low <= event_time) and event_time < high


def known(event_place: int, question_place: int) -> bool:
    """Whether the event had arrived before the question was asked.

    >>> known(6, 7), known(7, 7)
    (True, False)
    """
    return event_place < question_place


_SHIFT = {"left": 0, "right": 1}
