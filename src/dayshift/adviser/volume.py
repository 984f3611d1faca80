"""Factor 1 without a model: how much comes, how unevenly, how late, and how finely its times are told.

Everything is counted from event times alone, in bins of a minute and of an hour between the first and the last event;
empty bins count. Where times are told more coarsely than a bin (day stamps), the bin is as wide as their unit: a
day's events under one stamp are no burst. Days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dayshift.adviser.evidence import SourceVolume, Volume
from dayshift.definition.duration import MICROSECONDS

Int64 = NDArray[np.int64]
SECOND_US, MINUTE_US, HOUR_US, DAY_US = (MICROSECONDS[unit] for unit in ("s", "m", "h", "d"))
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
DENSE = 20_000_000
"""Bins that are counted in one array; more, mostly empty ones, are found by sorting."""


class Times(Protocol):
    """What is asked of a history."""

    def sources_times(self) -> Mapping[str, tuple[Int64, Int64]]:
        """By source, when each event happened and when it counts as known: int64 microseconds since 1970 UTC."""
        ...


def volume(history: Times, bytes_by_source: Mapping[str, int] | None, deadline_us: int | None) -> Volume:
    """What the history's sources bring.

    Args:
        history: `sources_times()` gives for each source (event_time[n], known[n]) in microseconds.
        bytes_by_source: what each takes in the lake; None where the log is no lake.
        deadline_us: how soon an answer is needed, as declared; None: nobody said.

    >>> from types import SimpleNamespace
    >>> times = np.arange(0, 2 * DAY_US, HOUR_US)
    >>> found = volume(SimpleNamespace(sources_times=lambda: {"a": (times, times)}), None, None)
    >>> found.events, round(found.p99_hour_ratio, 6), found.resolution_us == HOUR_US
    (48, 1.0, True)
    """
    sources = history.sources_times()
    every = _all([times for times, _ in sources.values()])
    if not every.size:
        empty = tuple(SourceVolume(name, 0, 0.0, 0.0) for name in sorted(sources))
        return Volume(empty, 0.0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, DAY_US, (), deadline_us)
    unit = resolution(every)
    loads = loads_of(history, sources)
    span = int(every.max() - every.min()) + unit
    days = span / DAY_US
    hours, hour_us = _bins(every, max(HOUR_US, unit))
    minutes, minute_us = _bins(every, max(MINUTE_US, unit))
    mean_hour = every.size / hours.total
    return Volume(
        sources=tuple(
            SourceVolume(
                name,
                len(times),
                len(times) / days,
                (bytes_by_source or {}).get(name, 0) / days,
                lateness(times, known, loads.get(name)),
            )
            for name, (times, known) in sorted(sources.items())
        ),
        days=days,
        events=int(every.size),
        mean_rate=every.size / (span / SECOND_US),
        p99_hour_ratio=hours.quantile(0.99) / mean_hour,
        peak_hour=int(hours.counts.max()) / (hour_us / SECOND_US),
        peak_minute=int(minutes.counts.max()) / (minute_us / SECOND_US),
        burstiness=minutes.fano(),
        resolution_us=unit,
        daily=_daily(every),
        deadline_us=deadline_us,
        told_until_us=told_until(sources.values()),
    )


def resolution(times: Int64) -> int:
    """The coarsest unit, a day at most, in steps of which all these times lie.

    Day stamps of a time zone with daylight saving stand at two hours of the day, and are day stamps still.

    >>> resolution(np.array([0, 3 * DAY_US])) == DAY_US, resolution(np.array([0, 1_800_000_000])) // MINUTE_US
    (True, 30)
    """
    if not times.size:
        return DAY_US
    step = int(np.gcd.reduce(times[: 1 << 12] - times[0]))
    if step != 1:
        step = int(np.gcd.reduce(times - times[0]))
    step = min(step, DAY_US) or DAY_US
    if step == HOUR_US:
        hours = np.unique(times % DAY_US)
        gaps = {int(gap) for gap in np.diff(hours)}
        if len(hours) == 2 and gaps <= {HOUR_US, DAY_US - HOUR_US}:
            return DAY_US
    return step


class _Counts:
    """Counts in bins of equal width between the first and the last event; `counts` of those that are not empty."""

    def __init__(self, counts: Int64, total: int) -> None:
        self.counts = counts[counts > 0]
        self.total = total

    def quantile(self, share: float) -> float:
        """The smallest count that this share of all bins does not exceed."""
        empty = self.total - self.counts.size
        rank = int(np.ceil(share * self.total)) - 1
        return 0.0 if rank < empty else float(np.sort(self.counts)[rank - empty])

    def fano(self) -> float:
        """The counts' variance over their mean; 1 for a Poisson stream."""
        mean = float(self.counts.sum()) / self.total
        square = float(np.square(self.counts.astype(np.float64)).sum()) / self.total
        return (square - mean * mean) / mean


def _bins(times: Int64, width: int) -> tuple[_Counts, int]:
    number = times // width
    number -= number.min()
    total = int(number.max()) + 1
    counts = np.bincount(number) if total <= DENSE else np.unique(number, return_counts=True)[1]
    return _Counts(counts, total), width


def _daily(times: Int64) -> tuple[tuple[int, int], ...]:
    days, counts = np.unique(times // DAY_US, return_counts=True)
    first, last = int(days[0]), int(days[-1])
    if last - first > DENSE:  # a stray time far away; the days between are not counted out
        return tuple(zip((days * DAY_US).tolist(), counts.tolist(), strict=True))
    every = np.zeros(last - first + 1, np.int64)
    every[days - first] = counts
    return tuple((day * DAY_US, count) for day, count in enumerate(every.tolist(), start=first))


def loads_of(history: Any, sources: Mapping[str, tuple[Int64, Int64]]) -> dict[str, Int64]:
    """The load that brought each event of the sources whose arrival is not recorded, where the history has a log."""
    pipeline, log = getattr(history, "pipeline", None), getattr(history, "whole", None)
    found: dict[str, Int64] = {}
    if pipeline is None or log is None or log.last_load < 2:
        return found
    from dayshift.engines.contract import LOAD
    from dayshift.engines.local.cuts import read

    for source in pipeline.sources:
        if source.name in sources and lateness(*sources[source.name]) is None:
            column = read(log, source, [source.time]).select(LOAD).collect(engine="streaming").to_series()
            found[source.name] = column.to_numpy()
    return found


def told_until(sources: Iterable[tuple[Int64, Int64]]) -> int | None:
    """Up to when every source has told of 99 % of its events: a source that is known late has the last days still to tell.

    >>> day = np.arange(10)
    >>> told_until([(day, day), (day[:3], day[:3] + 7)])
    2
    """
    there = [(time, known) for time, known in sources if len(known)]
    if not there:
        return None
    end = max(int(known.max()) for _, known in there)
    return end - max(max(int(np.quantile(known - time, 0.99)), 0) for time, known in there)


def lateness(event_time: Int64, known: Int64, load: Int64 | None = None) -> Mapping[str, float] | None:
    """Quantiles of arrival minus event time, in microseconds; None where arrival was not recorded.

    Where it was not, each event counts as known a fixed delay after it happened: one difference for all of them tells
    nothing about lateness. Several loads do: an event that came with a later load was not known when the load before
    ended. The first load, mostly a past brought in at once, tells nothing and is left out.

    Args:
        event_time: when each happened.
        known: when each counts as known.
        load: the number of the load that brought each; None where there is but one.

    >>> lateness(np.array([0, 10]), np.array([5, 15])) is None
    True
    >>> lateness(np.array([0, 10]), np.array([0, 15]))["max"]
    5.0
    >>> lateness(np.array([0, 50, 40]), np.array([0, 50, 40]), np.array([1, 1, 2]))["max"]
    10.0
    """
    late = np.asarray(known, np.int64) - np.asarray(event_time, np.int64)
    if late.size and (late == late[0]).all():
        late = late[:0] if load is None else _since_the_load_before(event_time, known, load)
    if not late.size:
        return None
    found = np.quantile(late, list(QUANTILES.values()))
    return dict(zip(QUANTILES, found.tolist(), strict=True))


def _since_the_load_before(event_time: Int64, known: Int64, load: Int64) -> Int64:
    """Lateness of the events of all loads but the first: known after all that the loads before brought."""
    loads, which = np.unique(load, return_inverse=True)
    highs = np.full(len(loads), np.iinfo(np.int64).min)
    np.maximum.at(highs, which, known)
    before = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(highs)[:-1]])
    later = which > 0
    return np.asarray(np.maximum(known, before[which])[later] - event_time[later], np.int64)


def _all(parts: list[Any]) -> Int64:
    filled = [np.asarray(part, np.int64) for part in parts if len(part)]
    return np.concatenate(filled) if filled else np.empty(0, np.int64)
