"""Small builders of findings, volumes and forecasts for sample advices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

from dayshift.adviser.evidence import (
    Finding,
    Gain,
)

DAY = 86_400_000_000
WEEK = 7 * DAY


def at(text: str) -> int:
    """A day as microseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def gain(mean: float, half: float, weeks: int = 14, start: int = at("2013-04-01")) -> Gain:
    """A gain with plausible weeks around its mean."""
    weekly = tuple(mean + half * 1.6 * math.sin(2.4 * week) for week in range(weeks))
    starts = tuple(start + week * WEEK for week in range(weeks))
    return Gain(mean, mean - half, mean + half, weekly, starts, lag1=0.12, seeds=2, seed_sd=half / 6)


def finding(name: str, title: str, found: Gain | None, delta: float, *reasons: str) -> Finding:
    """A finding judged as the adviser judges."""
    if found is None or reasons:
        verdict = "undecided"
    else:
        verdict = "needed" if found.low >= delta else "not needed" if found.high < delta else "undecided"
    needed = found.weeks + 27 if verdict == "undecided" and found is not None else None
    second = gain(found.mean * 0.8, found.half * 1.2) if found is not None else None
    return Finding(name, title, found, delta, verdict, reasons, needed, second=second)


def daily(start: int, days: int, level: float, growth: float = 0.0) -> tuple[tuple[int, int], ...]:
    """Events a day with a week's shape and some noise."""
    shape = (1.02, 1.03, 1.04, 1.05, 1.04, 0.86, 0.96)
    return tuple(
        (
            start + n * DAY,
            int(level * math.exp(growth * n / 30) * shape[n % 7] * (1 + 0.04 * math.sin(n * 1.7 + n**1.3))),
        )
        for n in range(days)
    )


def forecast(
    start: int, level: float, monthly: float, spread: float
) -> Mapping[str, tuple[tuple[int, float, float, float], ...]]:
    """A year ahead by both laws."""
    both = {}
    for law in ("compounding", "linear"):
        points = []
        for month in range(13):
            middle = level * ((1 + monthly) ** month if law == "compounding" else 1 + monthly * month)
            wide = spread * (1 + month / 3) * middle
            points.append((start + month * 30 * DAY, max(middle - wide, 0.0), middle, middle + wide))
        both[law] = tuple(points)
    return both
