"""A replay's grids read as policies: which model answers in which week, and what one way gains over another.

A grid holds the metric by week and by age in weeks of the model that answers, so every policy of refits is a lookup in it:
in week w the model of the last refit r answers, `value[w, w - r]`. Metrics are turned so that greater is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from dayshift.adviser.evidence import Gain
from dayshift.adviser.interval import Floats, gain
from dayshift.definition.metric import metric_named


class GridLike(Protocol):
    """What is read of a replay's grid: metric names (the user's first), `value` [metric, week, age], `pooled` [week, age]
    (the user's metric on whole weeks) and CPU seconds of each week's fit. NaN where not measured."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names, the user's first."""

    @property
    def value(self) -> Any:
        """[metric, week, age], as the metric stands."""

    @property
    def pooled(self) -> Any:
        """[week, age] of the user's metric on whole weeks."""

    @property
    def fit_cpu_s(self) -> Any:
        """[week]."""


Grids = Sequence[GridLike]
"""The same track with several seeds, a grid for each."""
Pick = Callable[[Floats], Floats]
"""[seed, week, age] to [seed, week]: what a policy is worth in each week."""


@dataclass(frozen=True)
class Ways:
    """One comparison in the user's metric, in the same on whole weeks, and in every other metric."""

    gain: Gain | None
    pooled: Gain | None = None
    others: dict[str, Gain] = field(default_factory=dict)


def sign_of(metric: str) -> float:
    """1 when a greater value is better, else -1.

    >>> sign_of("log_loss"), sign_of("roc_auc")
    (-1.0, 1.0)
    """
    known = metric_named(metric)
    return -1.0 if known is not None and not known.larger_is_better else 1.0


def stack(grids: Grids, metric: int | None = 0) -> Floats:
    """[seed, week, age] of the metric with this number (None: the user's on whole weeks), greater is better."""
    if not grids:
        return np.empty((0, 0, 0))
    raw = [np.asarray(one.pooled if metric is None else one.value[metric], np.float64) for one in grids]
    shape = tuple(np.max([one.shape for one in raw], axis=0))
    out = np.full((len(raw), *shape), np.nan)
    for seed, one in enumerate(raw):
        out[seed, : one.shape[0], : one.shape[1]] = one
    return sign_of(grids[0].metrics[metric or 0]) * out


def fresh(values: Floats) -> Floats:
    """The model of this very week, in every week."""
    return values[:, :, 0] if values.shape[2] else np.full(values.shape[:2], np.nan)


def every(weeks: float) -> Pick:
    """A refit every so many weeks, averaged over all weeks it could begin in.

    Each age below `weeks` is as frequent as the others (the last one less, when `weeks` is not whole). Ages that were not
    measured are read between their measured neighbours; a week whose oldest age was not measured is not measured.
    """

    def pick(values: Floats) -> Floats:
        ages = math.ceil(weeks)
        if values.shape[2] < ages:
            return np.full(values.shape[:2], np.nan)
        share = np.minimum(1.0, weeks - np.arange(ages)) / weeks
        return np.asarray(_between(values)[:, :, :ages] @ share)

    return pick


def refits(at: Iterable[int]) -> Pick:
    """Refits at the start of these weeks, by number; NaN before the first. Ages that were not measured are read between
    their measured neighbours, NaN beyond the last of them."""
    sorted_at = np.array(sorted(set(at)), np.int64)

    def pick(values: Floats) -> Floats:
        seeds, weeks, ages = values.shape
        values, out = _between(values), np.full((seeds, weeks), np.nan)
        last = np.searchsorted(sorted_at, np.arange(weeks), side="right") - 1
        for week in np.flatnonzero(last >= 0):
            age = week - sorted_at[last[week]]
            if age < ages:
                out[:, week] = values[:, week, age]
        return out

    return pick


def first_models(count: int) -> Pick:
    """The models of the first weeks, never retrained: in each later week the mean of what they are worth by then.

    Several first models and not one, so that one lucky fit decides nothing. NaN in the first weeks, and where the age of
    any of them that is followed so far was neither measured nor stands between measured ones: beyond a quarter of a year
    that leaves the weeks at which old models are judged (`followed`).
    """

    def pick(values: Floats) -> Floats:
        seeds, weeks, ages = values.shape
        filled, out = _between(values), np.full((seeds, weeks), np.nan)
        for week in range(count, weeks):
            theirs = [filled[:, week, week - origin] for origin in range(count) if week - origin < ages]
            if theirs:
                out[:, week] = np.mean(theirs, axis=0)
        return out

    return pick


def by_seed(picks: Sequence[Pick]) -> Pick:
    """Another policy for each seed, in their order."""

    def pick(values: Floats) -> Floats:
        return np.concatenate([picks[seed](values[seed : seed + 1]) for seed in range(len(values))])

    return pick


def calendar(fits: int, weeks: int) -> Pick:
    """A first fit in week 0 and `fits` evenly spaced ones after it, averaged over all starts of the rhythm.

    It is what an alarm has to beat: a detector that never detects but refits at random improves a model too (Bifet 2017).
    """
    gap = (weeks - 1) / max(fits, 1)
    phases = (np.arange(math.ceil(gap)) + 0.5) / math.ceil(gap) if fits else np.array([0.5])
    plans = [{0, *(1 + int((number + phase) * gap) for number in range(fits))} for phase in phases]

    def pick(values: Floats) -> Floats:
        return np.asarray(np.mean([refits(plan)(values) for plan in plans], axis=0))

    return pick


def compare(
    better: Grids, worse: Grids, picks: tuple[Pick, Pick], starts: Sequence[int], *, trending: bool = False
) -> Ways:
    """What one policy on one track gains over another on another, seed by seed and week by week, in every metric.

    `trending` as of `interval.gain`.
    """
    seeds = min(len(better), len(worse))
    if seeds == 0:
        return Ways(None)
    better, worse = better[:seeds], worse[:seeds]

    def one(metric: int | None, other: int | None) -> Gain | None:
        return gain(picks[0](stack(better, metric)) - picks[1](stack(worse, other)), starts, trending=trending)

    names, theirs = better[0].metrics, worse[0].metrics
    others = {
        name: found
        for number, name in enumerate(names)
        if number and name in theirs and (found := one(number, theirs.index(name))) is not None
    }
    return Ways(one(0, 0), one(None, None), others)


def level(grids: Grids, pick: Pick = fresh) -> float:
    """The mean of the user's metric as it stands (not turned) under a policy; NaN where nothing was measured."""
    values = pick(stack(grids))
    return sign_of(grids[0].metrics[0]) * float(np.nanmean(values)) if np.isfinite(values).any() else math.nan


def _between(values: Floats) -> Floats:
    """Gaps between measured ages filled on the straight line; nothing beyond the oldest measured one."""
    if not np.isnan(values).any():
        return values
    out = values.copy()
    ages = np.arange(values.shape[2])
    for row in out.reshape(-1, len(ages)):
        known = np.flatnonzero(np.isfinite(row))
        if known.size and known[0] == 0 and known[-1] >= known.size:
            row[: known[-1]] = np.interp(ages[: known[-1]], known, row[known])
    return out


__all__ = [
    "GridLike",
    "Grids",
    "Pick",
    "Ways",
    "by_seed",
    "calendar",
    "compare",
    "every",
    "first_models",
    "fresh",
    "level",
    "refits",
    "sign_of",
    "stack",
]
