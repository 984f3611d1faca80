"""Axes and scales of the charts: ranges, ticks at round numbers and at round dates, and where a value stands in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

LARGEST = 1e15
"""Numbers beyond are not drawn and not shown: nothing that is measured here is as large (times in µs are, and pass)."""
DAY_US = 86_400_000_000
EARLIEST_US, LATEST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


def finite(value: Any) -> float | None:
    """A number as a float, None where there is none or it is not finite.

    >>> finite(2), finite(None), finite(float("nan")), finite(float("inf")), finite("x")
    (2.0, None, None, None, None)
    """
    if value is None or isinstance(value, bool | str):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= 1000 * LARGEST else None


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that divides the span into at most `most` steps.

    >>> round_step(0.9, 5), round_step(100, 4)
    (0.2, 50.0)
    """
    rough = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next((times * power for times in (1.0, 2.0, 5.0) if times * power >= rough * 0.9999), 10.0 * power)


def ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round numbers between two ends with their text, all with the same decimals.

    >>> ticks(0.13, 0.41, 4)
    [(0.2, '0.2'), (0.3, '0.3'), (0.4, '0.4')]
    """
    if not high > low:
        return []
    step = round_step(high - low, most)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    count = min(math.floor((high - first * step) / step + 1e-9) + 1, 4 * most)
    return [(round((first + at) * step, decimals + 1), tick_text((first + at) * step, decimals)) for at in range(count)]


def tick_text(value: float, decimals: int = 0) -> str:
    """A tick as short as it can be read.

    >>> tick_text(0.0), tick_text(25000), tick_text(2_500_000), tick_text(-0.05, 2)
    ('0', '25,000', '2.5 M', '−0.05')
    """
    if value == 0 or abs(value) < 0.5 * 10.0**-decimals:
        return "0"
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}".replace("-", "−")
    return f"{value:,.{min(decimals, 9)}f}".replace("-", "−")


def log_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Powers of ten between two positive ends (with 2 and 5 between them where few).

    >>> [text for _, text in log_ticks(3, 2000, 5)]
    ['10', '100', '1,000']
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / max(most, 1)))
    powers = [10.0**at for at in range(first, last + 1, every)]
    inside = [power for power in powers if low <= power <= high]
    if len(inside) < 2:
        inside = [times * 10.0**at for at in range(first, last + 1) for times in (1, 2, 5)]
        inside = [value for value in inside if low <= value <= high]
    return [(value, tick_text(value, max(0, -math.floor(math.log10(value))))) for value in inside]


def time_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Round dates between two times in microseconds: days, months or years, whichever are few enough.

    >>> start = 1_356_998_400_000_000  # 2013-01-01
    >>> [text for _, text in time_ticks(start, start + 365 * 86_400_000_000, 4)]
    ['Jan 2013', 'Apr', 'Jul', 'Oct', 'Jan 2014']
    """
    low, high = max(low, EARLIEST_US), min(high, LATEST_US - 400 * DAY_US)
    if not high > low:
        return []
    months = (high - low) / (30.44 * DAY_US)
    if months < 2:
        return _day_ticks(low, high, most)
    every = next((step for step in (1, 2, 3, 6, 12, 24, 60, 120) if months / step <= most), None)
    if every is None:
        every = 12 * max(1, math.ceil(months / 12 / max(most, 1)))
    begin = _at(low)
    month = (begin.year * 12 + begin.month - 1) // every * every
    made: list[tuple[float, str]] = []
    while month // 12 < 9999 and len(made) <= 4 * most:
        when = datetime(max(month // 12, 1), month % 12 + 1, 1, tzinfo=UTC)
        at = (when - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)
        if at > high:
            break
        if at >= low:
            named = every >= 12 or (made and when.month != 1 and every < 12)
            text = f"{when:%Y}" if every >= 12 else f"{when:%b}" if named else f"{when:%b %Y}"
            made.append((at, text))
        month += every
    return made


def _day_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    days = (high - low) / DAY_US
    every = next((step for step in (1, 2, 7, 14, 28) if days / step <= most), 28)
    first = math.ceil(low / DAY_US / every) * every
    count = math.floor((high / DAY_US - first) / every) + 1
    return [((first + at * every) * DAY_US, f"{_at((first + at * every) * DAY_US):%-d %b}") for at in range(count)]


def _at(us: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@dataclass(frozen=True)
class Axis:
    """An axis: its title with the unit and its range. `kind` is "number", "log", "time" or "named" (then `names` are the
    ticks). `turned` puts small values above, for metrics of which less is better."""

    title: str
    low: float
    high: float
    kind: str = "number"
    turned: bool = False
    names: tuple[tuple[float, str], ...] = ()

    @property
    def log(self) -> bool:
        """Whether equal ratios are equal lengths."""
        return self.kind == "log"

    def padded(self, share: float = 0.05) -> Axis:
        """The same with some air at both ends, and never without extent."""
        if self.log:
            low = max(self.low, 1e-9)
            high = max(self.high, low)
            ratio = max((high / low) ** share, 1.1)
            return replace(self, low=low / ratio, high=high * ratio)
        span = self.high - self.low
        least = max(abs(self.low), abs(self.high)) * 1e-3 or 1.0
        air = share * span if span > least * 1e-3 else least
        return replace(self, low=self.low - air, high=self.high + air)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Round values in the range with their texts."""
        if self.kind == "named":
            return list(self.names)
        if self.kind == "time":
            return time_ticks(self.low, self.high, most)
        return log_ticks(self.low, self.high, most) if self.log else ticks(self.low, self.high, most)


@dataclass(frozen=True)
class Scale:
    """From a value to a place in pixels; values outside are kept at the edge.

    >>> Scale(0, 10, 100, 200)(5), Scale(1, 100, 0, 10, log=True)(10), Scale(0, 10, 100, 200)(99)
    (150.0, 5.0, 200.0)
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    turned: bool = False

    def __call__(self, value: float) -> float:
        """Where the value stands."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, self.low))
        share = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5
        share = 1 - share if self.turned else share
        return self.start + share * (self.end - self.start)
