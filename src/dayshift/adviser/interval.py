"""How sure a mean of weekly differences is: batch means with a t quantile, honest about weeks that hang together and about luck.

Days hang together, so a bootstrap of days makes intervals that are too short (Chandy, Schifano, Yan 2024). Weekly means
hardly do, and a t interval over them keeps its promise from six weeks on. Two things are added:

- Weeks that visibly hang together (their lag-1 correlation r passes its own noise, 1/sqrt(n)) widen it by sqrt((1+r)/(1-r)).
- A model is also a matter of luck (its sample, its seed): with several seeds the variance of the seeds' means is added,
  se^2 = se_week^2 + s_seed^2 / seeds.

Nothing is ever narrowed: a negative correlation changes nothing.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from dayshift.adviser.evidence import Gain

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
LEVEL = 0.95
_MOST_LAG = 0.95


def gain(weekly_by_seed: npt.ArrayLike, starts: npt.ArrayLike, *, trending: bool = False) -> Gain | None:
    """The mean of weekly differences with its 95 % interval; None with fewer than two measured weeks.

    `weekly_by_seed` is [seeds, weeks] (or [weeks]), positive where the one way is better than the other, NaN where not
    measured; `starts` are the weeks' beginnings in microseconds. A week counts when any seed measured it. `trending`: the
    difference is expected to grow or fade with time (a model that is never retrained), so neighbours are compared by what is
    left beside a straight line: a loss that grows is no noise. The weeks' whole spread stays in the interval.

    >>> found = gain([[0.1, 0.2, float("nan"), 0.3]], [0, WEEK_US, 2 * WEEK_US, 3 * WEEK_US])
    >>> found.weeks, round(found.mean, 3), round(found.low, 3)
    (3, 0.2, -0.048)
    """
    by_seed, begins = _checked(weekly_by_seed, starts)
    known = ~np.isnan(by_seed).all(axis=0)
    if known.sum() < 2:
        return None
    by_seed, begins = by_seed[:, known], begins[known]
    weekly = np.nanmean(np.sort(by_seed, axis=0), axis=0)
    weeks, mean = len(weekly), float(weekly.mean())
    lag1 = lag_one(_beside_line(weekly, begins) if trending else weekly, begins)
    widened = lag1 > 1 / np.sqrt(weeks)
    factor = (1 + lag1) / (1 - lag1) if widened else 1.0
    seeds, seed_sd = _between_seeds(by_seed)
    variance = float(weekly.var(ddof=1)) / weeks * factor + (0.0 if seed_sd is None else seed_sd**2 / seeds)
    half = t_quantile(weeks - 1) * float(np.sqrt(variance))
    return Gain(
        mean=mean,
        low=mean - half,
        high=mean + half,
        weekly=tuple(weekly.tolist()),
        starts=tuple(begins.tolist()),
        lag1=lag1,
        widened=bool(widened),
        seeds=seeds,
        seed_sd=seed_sd,
    )


def _beside_line(weekly: Floats, begins: Ints) -> Floats:
    if len(weekly) < 4:
        return weekly
    at = (begins - begins.mean()) / WEEK_US
    return np.asarray(weekly - weekly.mean() - at * float(at @ weekly) / float(at @ at), np.float64)


def opposite(found: Gain) -> Gain:
    """The gain the other way round.

    >>> opposite(Gain(1.0, 0.5, 1.5, (1.0, 1.0), (0, 1))).high
    -0.5
    """
    return Gain(
        mean=-found.mean,
        low=-found.high,
        high=-found.low,
        weekly=tuple(-one for one in found.weekly),
        starts=found.starts,
        lag1=found.lag1,
        widened=found.widened,
        seeds=found.seeds,
        seed_sd=found.seed_sd,
    )


def lag_one(weekly: Floats, starts: Ints) -> float:
    """The correlation of neighbouring weeks, from those pairs whose beginnings are a week apart; 0 with fewer than three.

    >>> weeks = WEEK_US * np.arange(6)
    >>> round(lag_one(np.array([1.0, 2, 3, 4, 5, 6]), weeks), 2), lag_one(np.array([1.0, 2, 3]), 2 * weeks[:3])
    (0.5, 0.0)
    """
    away = weekly - weekly.mean()
    squares = float((away**2).sum())
    neighbours = np.diff(starts) == WEEK_US
    pairs = int(neighbours.sum())
    if pairs < 3 or squares == 0:
        return 0.0
    found = float((away[:-1] * away[1:])[neighbours].sum()) / pairs * (len(weekly) - 1) / squares
    return float(np.clip(found, -_MOST_LAG, _MOST_LAG))


@functools.cache
def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """Student's t quantile of a two-sided interval of this level.

    >>> round(t_quantile(5), 3)
    2.571
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def _checked(weekly_by_seed: npt.ArrayLike, starts: npt.ArrayLike) -> tuple[Floats, Ints]:
    by_seed = np.atleast_2d(np.asarray(weekly_by_seed, np.float64))
    begins = np.asarray(starts, np.int64)
    if by_seed.ndim != 2 or by_seed.shape[1] != len(begins):
        raise ValueError(f"{by_seed.shape} differences for {len(begins)} weeks")
    by_seed = np.where(np.isfinite(by_seed), by_seed, np.nan)
    return by_seed[~np.isnan(by_seed).all(axis=1)], begins


def _between_seeds(by_seed: Floats) -> tuple[int, float | None]:
    """How many seeds there are, and the standard deviation of their means over the weeks that all of them measured."""
    seeds = len(by_seed)
    common = ~np.isnan(by_seed).any(axis=0)
    if seeds < 2 or not common.any():
        return seeds, None
    return seeds, float(np.sort(by_seed[:, common].mean(axis=1)).std(ddof=1))


__all__ = ["DAY_US", "LEVEL", "WEEK_US", "Floats", "Ints", "gain", "lag_one", "opposite", "t_quantile"]
