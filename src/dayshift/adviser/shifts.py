"""Which shifts the history really held: lasting changes of daily series, with a false positive rate that was checked.

Each day is compared by its surroundings: the mean of the L days after minus the mean of the L days before (MOSUM, Eichinger
and Kirch 2018), for L of one and two weeks, so that weekdays cancel. The differences are scaled by their own spread over
the history, from the 60 % that are smallest, so that a few real shifts do not hide themselves. Scaled so, the largest
of a calm series has nearly the same distribution whether its days are independent or follow one another (first-order
correlations of 0, 0.6 and 0.9 were simulated, 30,000 series each): `_LIMITS` holds the greatest of the three. It depends
on the number of days over L. A simpler rule, single days with a robust z above a limit, fired in 12 to 20 % of calm worlds.

All series of a history are tested together (Holm 1979), so that in a calm history the chance of any shift is at most
5 %. What is missed: shifts of fewer than seven days, and slow drifts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dayshift.adviser.days import Days, Running
from dayshift.adviser.scores import Column

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
LENGTHS, ALPHA, FAR_DAYS = (7, 14), 0.05, 7
FEWEST_DAYS = 28
_SMALLEST, _SCALE = 0.6, 0.46324
_CHANCES = np.array([1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001, 0.0003])
_LIMITS = {
    4: (0.0, 1.77, 2.31, 2.68, 3.07, 4.50, 7.60, 9.40),
    8: (0.0, 2.21, 2.71, 3.06, 3.42, 4.52, 6.50, 7.70),
    12: (0.0, 2.47, 2.94, 3.24, 3.53, 4.40, 5.90, 6.50),
    20: (0.0, 2.70, 3.14, 3.43, 3.69, 4.31, 5.30, 5.90),
    30: (0.0, 2.86, 3.29, 3.55, 3.79, 4.32, 5.16, 5.60),
    50: (0.0, 3.06, 3.45, 3.69, 3.90, 4.36, 5.03, 5.32),
}
Series = Mapping[tuple[str, str], Floats]
Noise = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Change:
    """A lasting change of the series `what`, `subject` that begins on day `day` (a place in the series): its strength in
    calm standard deviations of a day, with its sign, and its p value after all series were tested."""

    day: int
    what: str
    subject: str
    strength: float
    p: float


def series_of(days: Days, columns: Sequence[tuple[Column, Floats]], running: Running) -> tuple[Series, Noise]:
    """The daily series that are tested: rows, each column's mean and share of nulls, and the metric; and what sampling alone
    makes of a day, as a standard deviation.

    A number's mean is of its values cut at the ends of its grid's 1 % and 99 %; of text and of few values it is the share
    of the most frequent one.
    """
    day = days.day[days.drawn]
    found: dict[tuple[str, str], Floats] = {("rows", ""): days.volume.astype(np.float64)}
    noise = {("rows", ""): math.sqrt(max(float(days.volume.mean()), 1.0))}
    rows = max(float(np.diff(days.edge).mean()), 1.0)
    for column, values in columns:
        there = np.isfinite(values)
        what = "prediction" if column.name == "prediction" else "input"
        tamed = _tamed(column, values)
        found[what, column.name] = _daily_mean(tamed, there, day, days.count)
        noise[what, column.name] = float(np.std(tamed[there])) / math.sqrt(rows) if there.any() else 0.0
        nulls = np.isnan(values).astype(np.float64)
        if what == "input" and 0 < nulls.mean() < 1:
            found["nulls", column.name] = _daily_mean(nulls, np.ones(len(nulls), np.bool_), day, days.count)
            noise["nulls", column.name] = math.sqrt(max(float(nulls.mean()), 1 / rows) / rows)
    found["accuracy", running.judged_by.name] = running.metric
    return found, noise


def _tamed(column: Column, values: Floats) -> Floats:
    known = values[np.isfinite(values)]
    if not len(known):
        return values
    if column.few:
        seen, counted = np.unique(known, return_counts=True)
        return np.where(np.isnan(values), np.nan, values == seen[np.argmax(counted)])
    low, high = np.quantile(known, [0.01, 0.99])
    return np.clip(values, low, high)


def _daily_mean(values: Floats, there: Bools, day: Ints, count: int) -> Floats:
    rows = np.bincount(day[there], minlength=count)
    total = np.bincount(day[there], weights=values[there], minlength=count)
    return np.where(rows > 0, total / np.maximum(rows, 1), np.nan)


def chance_of(largest: float, days: int, length: int) -> float:
    """The chance that the largest scaled difference of a calm series of so many days reaches this.

    >>> chance_of(3.69, 140, 7), chance_of(0.5, 140, 7) > 0.5
    (0.05, True)
    """
    ratios = sorted(_LIMITS)
    ratio = min(max(days / length, ratios[0]), ratios[-1])
    after = next(place for place, one in enumerate(ratios) if one >= ratio)
    before = max(after - 1, 0)
    span = math.log(ratios[after] / ratios[before])
    part = math.log(ratio / ratios[before]) / span if span else 0.0
    limits = (1 - part) * np.array(_LIMITS[ratios[before]]) + part * np.array(_LIMITS[ratios[after]])
    logs = np.log(_CHANCES)
    if largest > limits[-1]:
        slope = (logs[-1] - logs[-2]) / (limits[-1] - limits[-2])
        return float(math.exp(logs[-1] + slope * (largest - limits[-1])))
    return round(float(np.exp(np.interp(largest, limits, logs))), 9)


def scaled(values: Floats, length: int, noise: float = 0.0) -> Floats:
    """The difference of the means of the `length` days from a day on and before it, scaled; 0 where there are too few.

    The scale is never less than what days of standard deviation `noise` would show.
    """
    out = np.zeros(len(values))
    if len(values) < 4 * length:
        return out
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(length, len(values) - length + 1)
    away = (sums[at + length] - 2 * sums[at] + sums[at - length]) / length
    least = np.sort(np.abs(away))[: int(_SMALLEST * len(away))]
    spread = math.sqrt(float(np.mean(least**2))) / _SCALE
    spread = max(spread, noise * math.sqrt(2 / length), 1e-9 * max(float(np.max(np.abs(values))), 1e-300))
    out[at[at < len(values)]] = (away / spread)[at < len(values)]
    return out


def changes(series: Series, noise: Noise | None = None, alpha: float = ALPHA) -> tuple[Change, ...]:
    """The changes of all series that pass together at `alpha`, by day; `noise` is the least deviation of a day's value."""
    tested, noise = [], noise or {}
    for (what, subject), values in series.items():
        whole = _without_gaps(values)
        if whole is None:
            continue
        least = noise.get((what, subject), 0.0)
        moved = {length: scaled(whole, length, least) for length in LENGTHS if len(whole) >= 4 * length}
        chances = {n: min(1.0, len(moved) * chance_of(float(np.abs(x).max()), len(whole), n)) for n, x in moved.items()}
        tested.append((min(chances.values()), what, subject, whole, moved, int(np.flatnonzero(np.isfinite(values))[0])))
    tested.sort(key=lambda one: one[:3])
    found: list[Change] = []
    for rank, (p, what, subject, whole, moved, offset) in enumerate(tested):
        level = alpha / (len(tested) - rank)
        if p > level:
            break
        places = _places(whole, moved, level)
        sd = max(_calm_spread(whole, [place for place, _ in places]), noise.get((what, subject), 0.0))
        for place, length in places:
            before = whole[max(place - length, 0) : place]
            step = float(np.mean(whole[place : place + length]) - np.mean(before))
            found.append(Change(place + offset, what, subject, step / sd if sd > 0 else math.copysign(99, step), p))
    return tuple(sorted(found, key=lambda one: (one.day, one.what, one.subject)))


def _without_gaps(values: Floats) -> Floats | None:
    """The series from its first to its last day, gaps filled between their neighbours; None when too short or constant."""
    there = np.flatnonzero(np.isfinite(values))
    if len(there) < FEWEST_DAYS or len(there) < 0.7 * (there[-1] - there[0] + 1):
        return None
    whole = without_spikes(np.interp(np.arange(there[0], there[-1] + 1), there, values[there]))
    return whole if float(np.ptp(whole)) > 0 else None


def without_spikes(values: Floats) -> Floats:
    """Days further than three robust deviations from the median of their week are drawn in to there (Hampel 1974).

    A single odd day is no lasting change; a level that lasts is kept, since a day at its edge has its own side's median.

    >>> without_spikes(np.array([0.0, 1, 0, 1, 0, 99, 1, 0, 1, 0])).max() < 10
    np.True_
    """
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, 3, mode="reflect"), 7)
    middle = np.median(around, axis=1)
    reach = 3 * 1.4826 * float(np.median(np.abs(values - middle)))
    return np.clip(values, middle - reach, middle + reach)


def _places(whole: Floats, moved: Mapping[int, Floats], level: float) -> list[tuple[int, int]]:
    """Where the scaled differences peak above their limit, strongest first; none within two lengths of a stronger one."""
    peaks = [
        (float(abs(moved[length][place])), int(place), length)
        for length in moved
        for place in np.flatnonzero(np.abs(moved[length]) > 0)
        if len(moved) * chance_of(float(abs(moved[length][place])), len(whole), length) <= level
    ]
    kept: list[tuple[int, int]] = []
    for _, place, length in sorted(peaks, key=lambda one: (-one[0], one[1])):
        if all(abs(place - other) > max(length, wide) for other, wide in kept):
            kept.append((place, length))
    return [(_sharpened(whole, place, length), length) for place, length in kept]


def _sharpened(whole: Floats, place: int, length: int) -> int:
    """The day within the neighbourhood that splits it best into two levels (least squares)."""
    low, high = max(place - length, 0), min(place + length, len(whole))
    part = whole[low:high]
    cuts = range(1 if low else 2, len(part) - 1)
    lost = [part[:cut].var() * cut + part[cut:].var() * (len(part) - cut) for cut in cuts]
    return low + cuts[int(np.argmin(lost))] if lost else place


def _calm_spread(whole: Floats, places: Sequence[int]) -> float:
    """The standard deviation of a day about the level between changes, robust."""
    edges = [0, *sorted(places), len(whole)]
    rest = [whole[a:b] - np.median(whole[a:b]) for a, b in zip(edges[:-1], edges[1:], strict=True) if b > a]
    return 1.4826 * float(np.median(np.abs(np.concatenate(rest))))


def calm_days(count: int, found: Sequence[Change], far: int = FAR_DAYS) -> Bools:
    """The days that lie further than `far` days from every change.

    >>> calm_days(20, [Change(10, "rows", "", 5.0, 0.0)]).sum()
    np.int64(5)
    """
    calm = np.ones(count, np.bool_)
    for change in found:
        calm[max(change.day - far, 0) : change.day + far + 1] = False
    return calm


def dated(found: Sequence[Change], apart: int = FAR_DAYS) -> list[list[Change]]:
    """Changes grouped to incidents: what begins within `apart` days of the one before belongs together."""
    groups: list[list[Change]] = []
    for change in sorted(found, key=lambda one: one.day):
        if groups and change.day - groups[-1][-1].day <= apart:
            groups[-1].append(change)
        else:
            groups.append([change])
    return groups


def weekly_alarm(metric: Floats, larger: bool, day: int, label_days: float) -> float | None:
    """After how many days weekly accuracy shows a change of day `day`: a week outside three standard deviations of the
    weeks before, known once its labels are. None when no week within eight does, or fewer than four weeks went before."""
    before = [metric[day - 7 * (n + 1) : day - 7 * n] for n in range(day // 7)]
    usual = np.array([np.nanmean(week) for week in before if np.isfinite(week).any()])
    if len(usual) < 4:
        return None
    from scipy.stats import t

    reach = float(t.ppf(0.99865, len(usual) - 1)) * float(usual.std(ddof=1)) * math.sqrt(1 + 1 / len(usual))
    for week in range(8):
        part = metric[day + 7 * week : day + 7 * (week + 1)]
        if not np.isfinite(part).any():
            continue
        fallen = (usual.mean() - float(np.nanmean(part))) * (1 if larger else -1)
        if fallen > reach:
            return 7.0 * (week + 1) + label_days
    return None


def lost_a_day(grid: Any, larger: bool, week: int, label_weeks: int) -> float | None:
    """What the model from before a shift in week `week` loses a day against one that has seen it, in the four weeks after
    the new one could be trained; None where the grid does not reach. Never below 0."""
    value = np.asarray(grid.value)[0]
    lost = []
    for now in range(week + 1 + label_weeks, min(week + 5 + label_weeks, value.shape[0])):
        age = now - week + 1
        if age < value.shape[1]:
            lost.append((value[now, 0] - value[now, age]) * (1 if larger else -1))
    known = [one for one in lost if np.isfinite(one)]
    return max(float(np.mean(known)), 0.0) if known else None


def silent_days(days: Days) -> tuple[int, ...]:
    """Days without any question whose weekday always had some: outages of a source."""
    weekday = np.arange(days.count) % 7
    usual = np.array([np.median(days.volume[weekday == one]) if (weekday == one).any() else 0 for one in range(7)])
    return tuple(int(day) for day in np.flatnonzero((days.volume == 0) & (usual[weekday] >= 10)))


__all__ = ["Change", "calm_days", "changes", "dated", "lost_a_day", "series_of", "silent_days", "weekly_alarm"]
