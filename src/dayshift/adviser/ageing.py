"""How a model's skill fades with its age: the curve, and a half-life where fading is shown.

Age is the evaluation week minus the week of the fit, so straight-line effects of age, of the week and of the fit's week
cannot be told apart from the grid as a whole. Ages are therefore compared within the same week only, and the weeks of the
fits count as random: the half-life's interval comes from a jackknife over weeks and over fits (weeks alone would call a
fading that is none in 13 % of calm histories).

A half-life is a summary for slow fading. After a jump of the world it means little; the curve shows that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dayshift.adviser.evidence import Ageing
from dayshift.adviser.grids import Grids, sign_of, stack
from dayshift.adviser.interval import Floats, gain, t_quantile

_FEWEST = 6
_CLIP, _MOST_CLIPPED = 0.05, 0.1


def ageing(grids: Grids, floor: float, starts: Sequence[int]) -> Ageing:
    """The curve by age and the half-life of skill, the metric's distance from `floor` (the best constant prediction).

    Values at an age are the fresh model's mean less the mean paired loss at that age, so that no curve bends because other
    weeks stand behind it; the interval is the loss's, so age 0 has none. Ages with fewer than two weeks are left out.
    """
    values = stack(grids)
    if not values.size:
        return Ageing((), (), (), (), None, None, None)
    sign = sign_of(grids[0].metrics[0])
    ages, curve = _curve(values, starts)
    middles = tuple(sign * middle for middle, _, _ in curve)
    lows = tuple(min(sign * below, sign * above) for _, below, above in curve)
    highs = tuple(max(sign * below, sign * above) for _, below, above in curve)
    return Ageing(ages, middles, lows, highs, *half_life(_mean(values) - sign * floor))


def half_life(skill: Floats) -> tuple[float | None, float | None, float | None]:
    """The half-life in weeks and its 95 % interval from skill [week, age]; (None, lower bound, None) where none is shown.

    The slope of log skill on age within the same week, ln 2 over it. All None when less than six weeks and six fits are
    measured, when skill is at or below zero in more than a tenth of the cells, or when skill grows with age.

    >>> weeks, ages = np.arange(12)[:, None], np.arange(6)[None, :]
    >>> skill = np.where(ages <= weeks, 0.4 * 0.5 ** (ages / 16) * (1 + 0.01 * np.sin(7 * (weeks - ages))), np.nan)
    >>> found, low, high = half_life(skill)
    >>> round(found), low < 16 < high
    (16, True)
    """
    known = np.isfinite(skill)
    if not known.any():
        return None, None, None
    least = _CLIP * float(np.median(skill[known]))
    if least <= 0 or float((skill[known] < least).mean()) > _MOST_CLIPPED:
        return None, None, None
    logs = np.log(np.where(known, np.maximum(skill, least), 1.0))
    known &= known.sum(axis=1, keepdims=True) > 1
    week, age = np.nonzero(known)
    fits = np.unique(week - age)
    weeks = np.unique(week)
    if min(len(weeks), len(fits)) < _FEWEST:
        return None, None, None
    rate, error = -_slope(logs, known), _jackknife(logs, known)
    half = t_quantile(min(len(weeks), len(fits)) - 1) * error
    slowest, fastest = rate - half, rate + half
    if slowest > 0:
        return math.log(2) / rate, math.log(2) / fastest, math.log(2) / slowest
    return None, (math.log(2) / fastest if fastest > 0 else None), None


def _curve(values: Floats, starts: Sequence[int]) -> tuple[tuple[int, ...], list[tuple[float, float, float]]]:
    base = float(np.nanmean(values[:, :, 0])) if np.isfinite(values[:, :, 0]).any() else math.nan
    if math.isnan(base):
        return (), []
    ages, curve = [0], [(base, base, base)]
    for age in range(1, values.shape[2]):
        loss = gain(values[:, :, 0] - values[:, :, age], starts)
        if loss is not None:
            ages.append(age)
            curve.append((base - loss.mean, base - loss.high, base - loss.low))
    return tuple(ages), curve


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    counted = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.where(counted > 0, total / np.maximum(counted, 1), np.nan))


def _slope(logs: Floats, known: npt.NDArray[Any]) -> float:
    """The slope of logs on age with a level for each week."""
    ages = np.broadcast_to(np.arange(logs.shape[1], dtype=np.float64), logs.shape)
    counted = np.maximum(known.sum(axis=1, keepdims=True), 1)
    away = np.where(known, ages - np.where(known, ages, 0).sum(axis=1, keepdims=True) / counted, 0.0)
    spread = float((away**2).sum())
    return float((away * np.where(known, logs, 0.0)).sum()) / spread if spread > 0 else 0.0


def _jackknife(logs: Floats, known: npt.NDArray[Any]) -> float:
    """The slope's standard error over weeks and fits: each way's jackknife variance, less that of single cells."""
    week, age = (np.asarray(one) for one in np.indices(known.shape))
    cells = week * known.shape[1] + age
    by_week, by_fit, by_cell = (_left_out(logs, known, unit) for unit in (week, week - age, cells))
    return math.sqrt(max(by_week + by_fit - by_cell, by_week, by_fit))


def _left_out(logs: Floats, known: npt.NDArray[Any], unit: npt.NDArray[Any]) -> float:
    left = np.array([_slope(logs, known & (unit != one)) for one in np.unique(unit[known])])
    return float((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())


__all__ = ["ageing", "half_life"]
