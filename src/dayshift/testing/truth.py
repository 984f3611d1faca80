"""What a model of each age is worth in a generated world, computed and not measured.

A world's log-odds are a sum of parts with a normal distribution: a pair of row values whose direction may turn, what an
entity's history shows, and a switch that only fresh features see. For the best linear score that a model of some age can
have learned, score and log-odds are jointly normal with a correlation that follows from the directions alone; the metric
of such a score is an integral over two dimensions, done here on a grid. Nothing is drawn, so nothing is lucky: where the
direction stands still the gain of retraining is exactly zero.

What is left out: that a fitted model is worse than the best one of its age. All ages suffer alike from that, so gains
measured with a real learner are smaller than these by the share of skill that it misses, and zero where these are zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CADENCES = (2, 4, 8, 13)
FLOOR = {"roc_auc": 0.5}


@dataclass(frozen=True)
class Truth:
    """The gains that there are to be found, in the metric's units.

    `skill` is the metric of a weekly refitted model over that of a constant prediction. `retraining[E]` is the gain of
    refitting every week over every E weeks, averaged over all phases; `freshness[level]` that of features as of "hour" or
    "event" over midnight; `label_delay[days]` that of labels after so many days. A gain that is absent is not known.
    """

    kind: str
    metric: str
    skill: float
    retraining: Mapping[int, float] = field(default_factory=dict)
    freshness: Mapping[str, float] = field(default_factory=dict)
    label_delay: Mapping[int, float] = field(default_factory=dict)

    def of(self, capability: str) -> float | None:
        """The gain of "retraining" (over every four weeks), "fresh features" (event over midnight), "hourly features" or
        "faster labels" (the best that a shorter delay can give); None when it is not known."""
        found: dict[str, float | None] = {
            "retraining": self.retraining.get(4),
            "fresh features": self.freshness.get("event"),
            "hourly features": self.freshness.get("hour"),
            "faster labels": max(self.label_delay.values(), default=None),
        }
        return found[capability]


@dataclass(frozen=True)
class Group:
    """A share of the questions whose log-odds are higher by `logit`, of which the score knows `score`."""

    share: float
    logit: float
    score: float


EVERYONE = (Group(1.0, 0.0, 0.0),)


def ranking(
    metric: str, correlation: float, spread: float, intercept: float, groups: Sequence[Group] = EVERYONE
) -> float:
    """The metric ("roc_auc", "average_precision") of a score that is normal with the log-odds, whose standard deviation
    is `spread`, on infinitely many questions.

    >>> round(ranking("roc_auc", 0.0, 1.0, 0.0), 6), ranking("roc_auc", 1.0, 1.0, 0.0) > 0.7
    (0.5, True)
    >>> round(ranking("roc_auc", -0.5, 1.0, 0.0) + ranking("roc_auc", 0.5, 1.0, 0.0), 6)
    1.0
    """
    parts = _parts(correlation, spread, intercept, groups)
    score, positive, negative = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(-score, kind="stable")
    score, positive, negative = score[order], positive[order], negative[order]
    above, below = np.cumsum(positive), np.cumsum(negative)
    if metric == "roc_auc":
        worse = below[-1] - below + negative / 2
        return float(np.sum(positive * worse) / (above[-1] * below[-1]))
    precision = (above - positive / 2) / (above + below - (positive + negative) / 2)
    return float(np.sum(positive * precision) / above[-1])


def _parts(
    correlation: float, spread: float, intercept: float, groups: Sequence[Group]
) -> list[tuple[Floats, Floats, Floats]]:
    at = np.linspace(-6, 6, 481)
    weight = np.exp(-(at**2) / 2)
    weight /= weight.sum()
    node, share = np.polynomial.hermite_e.hermegauss(24)
    share = share / share.sum()
    known, hidden = correlation, np.sqrt(max(1 - correlation**2, 0.0))
    logit = intercept + spread * (known * at[:, None] + hidden * node[None, :])
    found = []
    for group in (one for one in groups if one.share):
        chance = (1 / (1 + np.exp(-(logit + group.logit)))) @ share
        place = spread * abs(correlation) * at + group.score
        found.append((place, group.share * weight * chance, group.share * weight * (1 - chance)))
    return found


def prevalence(spread: float, intercept: float, groups: Sequence[Group] = EVERYONE) -> float:
    """The share of positives.

    >>> prevalence(1.0, 0.0)
    0.5
    """
    return round(float(sum(positive.sum() for _, positive, _ in _parts(0.0, spread, intercept, groups))), 12)


@dataclass(frozen=True)
class Directions:
    """Where the log-odds point day by day, and what of them a score can know.

    `angle[day]` in radians; `turning`, `steady` the standard deviations of the part that turns and of that which does not;
    `seen` the share of the steady part's variance that its features show. A model of an origin has learned from the
    `window_days` that ended `delay_days` before it.
    """

    angle: Floats
    turning: float
    steady: float
    seen: float
    delay_days: float = 7
    window_days: int = 28

    @property
    def spread(self) -> float:
        """The standard deviation of the log-odds."""
        return float(np.hypot(self.turning, self.steady))

    def correlations(self, origin: int, days: Sequence[int], delay_days: float | None = None) -> Floats:
        """How the score of a model fitted at the start of day `origin` correlates with the log-odds of these days."""
        last = max(origin - round(self.delay_days if delay_days is None else delay_days), 1)
        learned = np.exp(1j * self.angle[max(last - self.window_days, 0) : last]).mean()
        today = np.exp(1j * self.angle[list(days)])
        known = self.steady**2 * self.seen
        own = np.sqrt(self.turning**2 * abs(learned) ** 2 + known)
        shared = self.turning**2 * (learned * today.conj()).real + known
        return np.asarray(shared / (own * self.spread), np.float64)


def by_age(
    directions: Directions, value: Table, first_day: int, weeks: int, ages: int, delay_days: float | None = None
) -> Floats:
    """The metric by (week, age in weeks); NaN where the model would have been fitted before `first_day`."""
    grid = np.full((weeks, ages), np.nan)
    for week in range(weeks):
        days = range(first_day + 7 * week, first_day + 7 * week + 7)
        for age in range(min(week + 1, ages)):
            correlation = directions.correlations(first_day + 7 * (week - age), days, delay_days)
            grid[week, age] = value(correlation).mean()
    return grid


class Table:
    """The metric as a function of the score's correlation with the log-odds, interpolated."""

    def __init__(self, metric: str, spread: float, intercept: float, groups: Sequence[Group] = EVERYONE) -> None:
        self.at = np.linspace(-1, 1, 81)
        self.values = np.array([ranking(metric, one, spread, intercept, groups) for one in self.at])

    def __call__(self, correlation: Floats) -> Floats:
        """The metric at these correlations."""
        return np.asarray(np.interp(correlation, self.at, self.values), np.float64)


def retraining(grid: Floats) -> dict[int, float]:
    """What weekly refits gain over every E weeks, averaged over phases and over the weeks where all E ages are measured.

    >>> retraining(np.array([[3.0, np.nan], [3.0, 1.0]]))
    {2: 1.0}
    """
    found = {}
    for cadence in CADENCES:
        rows = grid[cadence - 1 :, :cadence]
        if cadence <= grid.shape[1] and len(rows):
            found[cadence] = float(np.mean(rows[:, :1] - rows))
    return found
