"""A performance alarm replayed: when labels say that the running model got worse, refit; else leave it.

A one-sided CUSUM (Page 1954) of the weekly metric: S = max(0, S + (expected - seen) / sd - 1/2), alarm above a threshold.
Expected is the mean of what fresh models reached in the weeks before. The threshold is not looked up in a table that
assumes independent normal weeks: calm histories are drawn from this history's own residuals, with its own correlation of
neighbouring weeks and with the same learning of the expectation, and the threshold is the least that lets 365 days pass on
average until a false alarm.
"""

from __future__ import annotations

import math

import numpy as np

from dayshift.adviser.interval import Floats

ARL0_WEEKS = 365 / 7
SLACK = 0.5
WARM_WEEKS = 4
_PATHS, _HORIZON, _SEED = 400, 260, 20130101


def performance_refits(values: Floats, label_delay_weeks: float = 0.0) -> tuple[int, ...]:
    """The weeks at whose start an alarm would have refitted, from the metric [week, age] of one seed, greater is better.

    The first model is of week 0. Week w is known after it has ended and its labels are there, so its alarm refits at the
    start of week w + 1 + the delay in whole weeks. Weeks that were not measured say nothing.
    """
    fresh = values[:, 0]
    known = fresh[np.isfinite(fresh)]
    if len(known) < WARM_WEEKS + 2 or not (sd := float(known.std(ddof=1))) > 0:
        return ()
    limit = threshold(known)
    wait = 1 + math.ceil(label_delay_weeks)
    found: list[int] = []
    fitted, total, week = 0, 0.0, 0
    while week < len(values):
        age = week - fitted
        before = fresh[:week][np.isfinite(fresh[:week])]
        if age < values.shape[1] and np.isfinite(values[week, age]) and len(before) >= WARM_WEEKS:
            total = max(0.0, total + (float(before.mean()) - float(values[week, age])) / sd - SLACK)
        if total > limit:
            fitted, total, week = week + wait, 0.0, week + wait
            found.append(fitted)
        else:
            week += 1
    return tuple(one for one in found if one < len(values))


def threshold(calm: Floats, arl_weeks: float = ARL0_WEEKS) -> float:
    """The least threshold that lets `arl_weeks` pass on average until a false alarm on weeks like these.

    >>> 1.5 < threshold(np.random.default_rng(1).normal(size=40)) < 4.5
    True
    """
    drawn = _like(np.asarray(calm, np.float64))
    highest = np.maximum.accumulate(_sums(drawn), axis=1)
    low, high = 0.0, float(highest.max()) + 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _run_length(highest, middle) >= arl_weeks else (middle, high)
    return high


def _like(calm: Floats) -> Floats:
    """[paths, weeks] drawn like these: their residuals, smoothed, with their correlation of neighbours; deviation 1."""
    away = (calm - calm.mean()) / calm.std()
    kept = float(np.clip((away[:-1] * away[1:]).sum() / (away**2).sum(), 0.0, 0.9))
    pushes = away[1:] - kept * away[:-1]
    random = np.random.default_rng(_SEED)
    width = 1.06 * len(pushes) ** -0.2
    drawn = random.choice(pushes - pushes.mean(), (_PATHS, _HORIZON + WARM_WEEKS)) / max(float(pushes.std()), 1e-12)
    drawn = (drawn + width * random.standard_normal(drawn.shape)) / math.sqrt(1 + width**2)
    out = drawn.copy()
    for week in range(1, out.shape[1]):
        out[:, week] = kept * out[:, week - 1] + math.sqrt(1 - kept**2) * drawn[:, week]
    return np.asarray(out)


def _sums(drawn: Floats) -> Floats:
    learnt = np.cumsum(drawn, axis=1) / np.arange(1, drawn.shape[1] + 1)
    out = np.zeros((len(drawn), drawn.shape[1] - WARM_WEEKS))
    total = np.zeros(len(drawn))
    for week in range(out.shape[1]):
        seen = drawn[:, week + WARM_WEEKS]
        total = np.maximum(0.0, total + learnt[:, week + WARM_WEEKS - 1] - seen - SLACK)
        out[:, week] = total
    return out


def _run_length(highest: Floats, limit: float) -> float:
    """Weeks watched for each first alarm; paths without one count as watched to their end."""
    alarmed = highest > limit
    first = np.where(alarmed.any(axis=1), alarmed.argmax(axis=1) + 1, highest.shape[1])
    return float(first.sum()) / max(int(alarmed.any(axis=1).sum()), 1)


__all__ = ["ARL0_WEEKS", "SLACK", "WARM_WEEKS", "performance_refits", "threshold"]
