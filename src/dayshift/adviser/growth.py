"""Factor 5: how the volume grows, when one machine is full, and whether a second one is needed.

Daily counts y follow a level that grows by a share a day, times an effect of the weekday:

    E y = exp(a + g·t) · s(weekday),   Var y = E y + k (E y)²

fitted by quasi-likelihood, k from the residuals: counts of a business vary more than Poisson counts. The first and the last day
are left out, they may be partial; so are the days of which a source that is known late has not told all, else they would draw the
trend down; and so are weekdays on which nothing ever happens. Beside this compounding law stands a linear
one, E y = (a + b·t) · s(weekday). Nobody can tell from a year which of them holds, so both are shown and never averaged.

The interval: residuals are whitened by an autoregression of order one (its coefficient corrected for its bias downwards beside a
trend), resampled in blocks of 21 days, coloured again (Andrews and Monahan 1992; Künsch 1989), and the spread is widened by
the degrees of freedom and by t over z with as many blocks as there are, less two. At 183 days and a nominal 90 % it covers
the slope in 0.88, 0.91, 0.89, 0.90 of 800 histories whose days are correlated by 0, 0.3, 0.6, 0.8 (42 days: 0.96 to 0.90,
365 days: 0.86 to 0.88); without the whitening it covers in 0.81 at 0.8.

Saturation: for each draw of level, slope and measured rate, when the need reaches the rate. A night is full when features
and scores of its day take the whole window; live, when the 99th percentile hour brings events as fast as one state answers
them one by one; memory, when the state takes a third of it (it doubles by copying, and both copies must fit).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dayshift.adviser import say
from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Capacity, Growth, Saturation, Volume
from dayshift.adviser.volume import DAY_US, SECOND_US
from dayshift.definition.duration import parse_duration
from dayshift.definition.settings import AdviseSettings

Floats = NDArray[np.float64]
BLOCK = 21
"""Days in a block of residuals."""
LEAST_DAYS = 28
"""Fewer whole days tell no trend."""
MONTH = 365.25 / 12
YEAR = 365
SHOWN_YEARS = 10
"""A date further away than this is none."""
DRAWS = 2000
CONFIDENCE = 0.90
SCENARIO = 2.0
"""A forecast further ahead than this many times the history is a scenario."""
STATE_SHARE = 1 / 3
"""Of the machine's memory, what a live state may take: it doubles by copying."""
OFF_TREND = 0.25
"""The last four weeks may lie this far off the trend; further, the trend is not believed."""
LAWS = ("compounding", "linear")


@dataclass(frozen=True)
class Law:
    """One law of growth, fitted: the level (events a day, the mean over weekdays) at the history's end and its change.

    `level[0]` and `change[0]` are the estimate, the rest draws around it. The change is a share a day (its logarithm) for
    the compounding law, events a day for the linear one.
    """

    name: str
    level: Floats
    change: Floats

    def at(self, days: float) -> Floats:
        """The level so many days after the history's end."""
        if self.name == "compounding":
            return np.asarray(self.level * np.exp(np.clip(self.change * days, -700, 700)), np.float64)
        return np.asarray(np.maximum(self.level + self.change * days, 0.0), np.float64)

    def until(self, level: Floats) -> Floats:
        """After how many days the level is reached: 0 when it is already, infinity when never."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.name == "compounding":
                days = (np.log(level) - np.log(self.level)) / self.change
            else:
                days = (level - self.level) / self.change
        return np.where(level <= self.level, 0.0, np.where(self.change > 0, days, np.inf))


@dataclass(frozen=True)
class Trend:
    """What the daily counts tell: both laws, the weekday effects (mean 1, Monday first), and how far the last four weeks lie
    off the compounding law (a share)."""

    compounding: Law
    linear: Law
    season: tuple[float, ...]
    off: float


def growth(volume: Volume, capacity: Capacity | None, settings: AdviseSettings, now_us: int) -> Growth:
    """The trend of the daily counts, both forecasts, and when this machine is full.

    Args:
        volume: with its daily counts.
        capacity: what this machine was measured to do; None: no date of saturation.
        settings: `[advise]`: horizon and nightly window.
        now_us: when it is asked; forecasts begin at the history's end, wherever now is.

    Returns:
        With `reasons`, and a Spark verdict undecided, where the history is too short or left its trend lately.
    """
    horizon = parse_duration(settings.horizon)
    days = whole_days(volume)
    end = (volume.daily[-1][0] + DAY_US) if volume.daily else now_us
    if len(days) < LEAST_DAYS or not any(count for _, count in days):
        back = end + (LEAST_DAYS - len(days)) * DAY_US
        said = f"{len(days)} whole days tell no trend; come back on {say.day(back)}"
        nothing = (float("nan"),) * 3
        return Growth(nothing, (), {}, (), capacity, horizon, UNDECIDED, said, (said,))
    trend = fit(np.array([day for day, _ in days]), np.array([count for _, count in days], np.float64), end)
    laws = (trend.compounding, trend.linear)
    found = () if capacity is None else saturations(laws, trend.season, volume, capacity, settings, end)
    reasons = _reasons(trend, capacity)
    live = volume.deadline_us is not None and volume.deadline_us < DAY_US
    verdict, evidence = spark(found, horizon, end, ("nightly", "live", "memory") if live else ("nightly",))
    history = volume.daily[-1][0] - volume.daily[0][0]
    return Growth(
        monthly=_monthly(trend.compounding),
        season=trend.season,
        forecast={law.name: _forecast(law, end, horizon) for law in laws},
        saturations=found,
        capacity=capacity,
        horizon_us=horizon,
        spark_verdict=UNDECIDED if reasons else verdict,
        spark_evidence=f"{evidence}; {'; '.join(reasons)}" if reasons else evidence,
        reasons=reasons,
        scenario_from_us=end + int(SCENARIO * history),
        whole_until_us=days[-1][0] + DAY_US,
    )


def whole_days(volume: Volume) -> tuple[tuple[int, int], ...]:
    """The days that are over and of which every source has told: not the first, not the last, and none after what is told."""
    told = volume.told_until_us
    return tuple(each for each in volume.daily[1:-1] if told is None or each[0] + DAY_US <= told)


def fit(days: NDArray[np.int64], counts: Floats, end_us: int, draws: int = DRAWS) -> Trend:
    """Both laws from whole days (their beginnings in microseconds) and their counts, with draws around the estimates.

    >>> days = np.arange(60) * DAY_US
    >>> trend = fit(days, 1000 * 1.01 ** np.arange(60), 60 * DAY_US, draws=100)
    >>> round(float(trend.compounding.change[0]), 4), round(float(trend.compounding.at(100)[0]))
    (0.01, 4914)
    """
    weekday = (days // DAY_US + 3) % 7
    alive = [day for day in range(7) if counts[weekday == day].sum() > 0]
    open_ = np.isin(weekday, alive)
    y, which = counts[open_], np.searchsorted(alive, weekday[open_])
    time = (days[open_] - end_us) / DAY_US
    middle = float(time.mean())
    design = np.column_stack([np.ones(len(y)), time - middle, *_effects(which, len(alive))])
    beta, mean, variance = _quasi_likelihood(design, y)
    effects = np.append(beta[2:], -beta[2:].sum()) if len(alive) > 1 else np.zeros(1)
    season = np.zeros(7)
    season[alive] = np.exp(effects)
    share = season.mean()
    season /= share
    compounding = _law("compounding", design, mean * mean / variance, (y - mean) / np.sqrt(variance), beta, draws)
    height = np.exp(compounding[0] + compounding[1] * -middle) * share
    straight = np.column_stack([np.ones(len(y)), time - middle])
    weight = season[weekday[open_]] ** 2 / variance
    level = np.linalg.solve(
        straight.T @ (straight * weight[:, None]), straight.T @ (weight * y / season[weekday[open_]])
    )
    rest = (y / season[weekday[open_]] - straight @ level) * np.sqrt(weight)
    linear = _law("linear", straight, weight, rest, level, draws)
    late = time >= time.max() - 28
    return Trend(
        Law("compounding", height, compounding[1]),
        Law("linear", linear[0] + linear[1] * -middle, linear[1]),
        tuple(season.tolist()),
        float(y[late].sum() / mean[late].sum() - 1),
    )


def _effects(which: NDArray[np.intp], count: int) -> list[Floats]:
    """Columns of weekday effects that sum to zero."""
    last = (which == count - 1).astype(np.float64)
    return [(which == one).astype(np.float64) - last for one in range(count - 1)]


def _quasi_likelihood(design: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients, means and variances of the log-linear model with variance m + k m²; k by moments."""
    freedom = len(y) / max(len(y) - design.shape[1], 1)
    linear = np.log(y + 0.5)
    beta, extra = np.zeros(design.shape[1]), 0.0
    for _ in range(3):
        for _ in range(25):
            mean = np.exp(np.clip(linear, -20, 60))
            weight = mean / (1 + extra * mean)
            normal = design.T @ (design * weight[:, None])
            step = np.linalg.lstsq(normal, design.T @ (weight * (linear + (y - mean) / mean)), rcond=None)[0]
            moved, beta = float(np.abs(step - beta).max()), step
            linear = design @ beta
            if moved < 1e-9:
                break
        mean = np.exp(np.clip(linear, -20, 60))
        extra = max(0.0, float(np.mean(((y - mean) ** 2 - mean) / mean**2)) * freedom)
    return beta, mean, mean + extra * mean**2


def _law(name: str, design: Floats, weight: Any, rest: Any, beta: Any, draws: int) -> tuple[Floats, Floats]:
    """The first two coefficients with draws around them, widened; the estimate itself stands first."""
    normal = design.T @ (design * weight[:, None])
    moves = np.linalg.lstsq(normal, (design * np.sqrt(weight)[:, None]).T, rcond=None)[0][:2]
    spread = _resampled(rest, draws, seed=LAWS.index(name)) @ moves.T * widening(len(rest), design.shape[1])
    found = np.vstack([np.zeros(2), spread]) + beta[:2]
    return found[:, 0], found[:, 1]


def widening(days: int, parameters: int) -> float:
    """By how much the spread of resampled residuals is too small: degrees of freedom, and t over z for few blocks."""
    from scipy.special import ndtri, stdtrit

    blocks = days / min(BLOCK, max(days // 4, 1))
    quantile = (1 + CONFIDENCE) / 2
    freedom = float(np.sqrt(days / max(days - parameters, 1)))
    return freedom * float(stdtrit(max(blocks - 2, 1.0), quantile) / ndtri(quantile))


def _resampled(rest: Floats, draws: int, seed: int) -> Floats:
    """Series like the residuals, one a row: whitened, resampled in blocks that wrap around, coloured again."""
    n, rest = len(rest), rest - rest.mean()
    rho = _correlation(rest)
    fresh = rest[1:] - rho * rest[:-1] if rho else rest
    fresh = fresh - fresh.mean()
    block, warm = min(BLOCK, max(n // 4, 1)), 2 * BLOCK if rho else 0
    random = np.random.default_rng(seed)
    starts = random.integers(0, len(fresh), (draws, -(-(n + warm) // block)))
    index = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, : n + warm] % len(fresh)
    made = fresh[index]
    for day in range(1, n + warm) if rho else ():
        made[:, day] += rho * made[:, day - 1]
    return np.asarray(made[:, warm:], np.float64)


def _correlation(rest: Floats) -> float:
    """The correlation of neighbouring residuals, corrected for its bias beside a trend (2 + 4ρ)/n; 0 unless it is shown."""
    square = float(rest @ rest)
    if len(rest) < 3 or square == 0:
        return 0.0
    rho = float(rest[1:] @ rest[:-1]) / square
    corrected = rho + (2 + 4 * rho) / len(rest)
    return min(corrected, 0.97) if corrected > 1 / np.sqrt(len(rest)) else 0.0


def saturations(
    laws: Iterable[Law],
    season: tuple[float, ...],
    volume: Volume,
    capacity: Capacity,
    settings: AdviseSettings,
    end_us: int,
) -> tuple[Saturation, ...]:
    """When each component of this machine is full, by each law.

    The nightly run must carry the busiest weekday in its window; live its 99th percentile hour; memory all entities, whose
    number is taken to grow as the volume does.
    """
    laws, busiest = tuple(laws), max(season)
    window_s = parse_duration(settings.nightly_window) / SECOND_US
    room: dict[str, tuple[float, float, float]] = {}
    for name, rates, factor in (
        ("nightly", capacity.nightly_events_s, window_s / busiest),
        ("live", capacity.live_events_s, 86_400 / (busiest * max(volume.p99_hour_ratio, 1.0))),
    ):
        if rates[0] > 0:
            room[name] = (rates[0] * factor, rates[1] * factor, rates[2] * factor)
    if capacity.bytes_per_entity and capacity.entities:
        today = float(laws[0].level[0])
        most = STATE_SHARE * capacity.memory_bytes / (capacity.bytes_per_entity * capacity.entities) * today
        room["memory"] = (most, most, most)
    shown = max(SHOWN_YEARS * YEAR, 2 * parse_duration(settings.horizon) // DAY_US)
    return tuple(_saturation(name, levels, laws, (end_us, shown)) for name, levels in room.items())


def _saturation(
    name: str, levels: tuple[float, float, float], laws: tuple[Law, ...], span: tuple[int, int]
) -> Saturation:
    """`levels`: the events a day at which it is full, as the median, the smallest and the largest draw say; `span`: the
    history's end, and how many days are shown from there."""
    middle, low, high = levels
    drawn = np.full(len(laws[0].level), middle)
    if high > low:
        drawn = np.random.default_rng(7).triangular(low, min(max(middle, low), high), high, len(drawn))
        drawn[0] = middle
    days = {law.name: law.until(drawn) for law in laws}
    return Saturation(
        component=name,
        headroom=middle / float(laws[0].level[0]),
        dates={law: _dates(found[1:], *span) for law, found in days.items()},
        within_1y={law: float(np.mean(found[1:] <= YEAR)) for law, found in days.items()},
        within_3y={law: float(np.mean(found[1:] <= 3 * YEAR)) for law, found in days.items()},
    )


def _dates(days: Floats, end_us: int, shown: int) -> tuple[int | None, int | None, int | None]:
    ordered = np.sort(days)
    found = [float(ordered[min(int(share * len(ordered)), len(ordered) - 1)]) for share in (0.05, 0.5, 0.95)]
    early, middle, late = (None if day > shown else end_us + int(day * DAY_US) for day in found)
    return early, middle, late


def spark(
    found: Iterable[Saturation], horizon_us: int, end_us: int, components: Iterable[str] = ("nightly",)
) -> tuple[str, str]:
    """Whether a second machine is needed for these components: a verdict and a sentence.

    Not needed: by both laws the earliest date lies beyond twice the horizon. Needed: by the compounding law, at least, the
    latest lies within it. Undecided between.
    """
    chosen = [each for each in found if each.component in set(components)]
    if not chosen:
        return UNDECIDED, "what this machine can do was not measured"
    full = [each for each in chosen if _before(each.dates["compounding"][2], end_us + horizon_us)]
    if full:
        first = min(full, key=lambda each: each.dates["compounding"][2] or end_us)
        law = "both laws" if _before(first.dates["linear"][2], end_us + horizon_us) else "the compounding law"
        when = f"{_when(first.dates['compounding'])}, by {law}"
        return NEEDED, f"one machine is full for {first.component} {when}; today's need fits {_times(first.headroom)}"
    early = [date for each in chosen for dates in each.dates.values() if (date := dates[0]) is not None]
    tightest = min(chosen, key=lambda each: each.headroom)
    carries = f"one machine carries {_times(tightest.headroom)} the need of {say.day(end_us)} ({tightest.component})"
    if not any(_before(date, end_us + 2 * horizon_us) for date in early):
        beyond = f"before {say.day(min(early))}" if early else f"within {SHOWN_YEARS} years"
        return NOT_NEEDED, f"{carries} and is not full {beyond}, by either law"
    worst = max(tightest.within_3y.values())
    return UNDECIDED, f"{carries}; it may be full from {say.day(min(early))} on, within 3 years by chance {worst:.0%}"


def _before(date: int | None, limit: int) -> bool:
    return date is not None and date <= limit


def _when(dates: tuple[int | None, int | None, int | None]) -> str:
    early, late = dates[0], dates[2]
    assert early is not None
    assert late is not None
    return (
        f"on {say.day(early)}" if say.day(early) == say.day(late) else f"between {say.day(early)} and {say.day(late)}"
    )


def _times(headroom: float) -> str:
    """In two digits that mean something, and what is beyond all need only by its size.

    >>> _times(1.234), _times(45.6), _times(156_668_654.0)
    ('1.2 times', '46 times', 'more than 100,000,000 times')
    """
    if headroom >= 1000:
        return f"more than {10 ** math.floor(math.log10(headroom)):,} times"
    return f"{headroom:,.0f} times" if headroom >= 10 else f"{headroom:.2g} times"


def _reasons(trend: Trend, capacity: Capacity | None) -> tuple[str, ...]:
    reasons = []
    if abs(trend.off) > OFF_TREND:
        side = "above" if trend.off > 0 else "below"
        reasons.append(f"the last four weeks lie {abs(trend.off):.0%} {side} the trend, which may have ended")
    if capacity is None:
        reasons.append("what this machine can do was not measured")
    return tuple(reasons)


def _monthly(law: Law) -> tuple[float, float, float]:
    change = np.expm1(np.clip(law.change * MONTH, -50, 50))
    low, high = np.quantile(change[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(change[0]), float(high)


def _forecast(law: Law, end_us: int, horizon_us: int) -> tuple[tuple[int, float, float, float], ...]:
    """A point every 30 days, for three years or the horizon: the estimate between the interval's ends."""
    rows = []
    for day in range(0, max(3 * YEAR, horizon_us // DAY_US) + 30, 30):
        level = law.at(day)
        low, high = np.quantile(level[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        rows.append((end_us + day * DAY_US, float(low), float(level[0]), float(high)))
    return tuple(rows)
