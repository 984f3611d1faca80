"""The twelve windows of `kernel.py` event by event, in pure Python and in River. Each contender is a function that takes one event.

An event is (time in microseconds, customer, terminal, amount in cents, fraud); the answer is a list of twelve numbers:
counts and means by customer, then by terminal, each over 1, 7 and 30 days, None for an empty mean.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any

DAY_US = 86_400_000_000
WIDTHS = (1, 7, 30)
DELAY = 7
Event = tuple[int, int, int, int, int]
Step = Callable[[Event], list[float | None]]


class _Window:
    """Times and running integer sums of one key, and where each window begins and ends; trimmed now and then."""

    __slots__ = ("high", "lows", "sums", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.sums = [0]
        self.lows = [0, 0, 0]
        self.high = 0

    def enter(self, time: int, value: int) -> None:
        self.times.append(time)
        self.sums.append(self.sums[-1] + value)
        oldest = self.lows[2]
        if oldest > 256:
            del self.times[:oldest], self.sums[:oldest]
            self.lows = [low - oldest for low in self.lows]
            self.high -= oldest

    def ask(self, until: int, scale: int) -> tuple[list[float | None], list[float | None]]:
        times, sums, high = self.times, self.sums, self.high
        while high < len(times) and times[high] <= until:
            high += 1
        self.high = high
        counts: list[float | None] = []
        means: list[float | None] = []
        for number, width in enumerate(WIDTHS):
            low, bound = self.lows[number], until - width * DAY_US
            while low < high and times[low] <= bound:
                low += 1
            self.lows[number] = low
            counts.append(high - low)
            means.append((sums[high] - sums[low]) / ((high - low) * scale) if high > low else None)
        return counts, means


def dictionaries() -> Step:
    """Lists in dictionaries, with integers and two indices a window: exact for a log in order of time."""
    customers: dict[int, _Window] = {}
    terminals: dict[int, _Window] = {}

    def step(event: Event) -> list[float | None]:
        time, customer, terminal, amount, fraud = event
        mine = customers.get(customer) or customers.setdefault(customer, _Window())
        theirs = terminals.get(terminal) or terminals.setdefault(terminal, _Window())
        mine.enter(time, amount)
        counts, means = mine.ask(time, 100)
        later_counts, risks = theirs.ask(time - DELAY * DAY_US, 1)
        theirs.enter(time, fraud)
        return [*counts, *means, *later_counts, *risks]

    return step


def river() -> Step:
    """`river.utils.TimeRolling` of means, whose `n` serves as the count. It lets events go only when another enters, so
    that the windows by terminal, whose events wait seven days, are those of the last one that entered: less work than asked for.
    """
    from river import stats, utils

    epoch = dt.datetime(1970, 1, 1)  # noqa: DTZ001 (River compares with times that have no zone)
    rolled: dict[tuple[str, int], list[Any]] = {}
    waiting: dict[int, list[tuple[int, int]]] = {}

    def windows(kind: str, key: int) -> list[Any]:
        if (kind, key) not in rolled:
            rolled[kind, key] = [utils.TimeRolling(stats.Mean, period=dt.timedelta(days=w)) for w in WIDTHS]
        return rolled[kind, key]

    def step(event: Event) -> list[float | None]:
        time, customer, terminal, amount, fraud = event
        mine, theirs = windows("customer", customer), windows("terminal", terminal)
        at = epoch + dt.timedelta(microseconds=time)
        for each in mine:
            each.update(amount / 100, t=at)
        queue = waiting.setdefault(terminal, [])
        while queue and queue[0][0] <= time - DELAY * DAY_US:
            entered, value = queue.pop(0)
            for each in theirs:
                each.update(value, t=epoch + dt.timedelta(microseconds=entered))
        queue.append((time, fraud))
        return [*(e.n for e in mine), *(e.get() for e in mine), *(e.n for e in theirs), *(e.get() for e in theirs)]

    return step
