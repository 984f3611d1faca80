"""Metrics with intervals: how good a model is, and whether it is better than another on the same rows.

Intervals are at 95 %. Rows of one day resemble one another, so days, not rows, are the independent parts: the
influences are summed by days (24 hours from the first row) and their spread gives a t interval with one degree of
freedom less than there are days (batch means; cluster-robust with few clusters, Cameron and Miller 2015). On fewer than
six days the rows are taken as independent, and the method says so. Shares are transformed by logit, losses by
logarithm, so that an interval never leaves the metric's range. At a perfect 0 or 1 nothing varies, and the rule of
three bounds what was not seen (Hanley and Lippman-Hand 1983).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from dayshift.definition.metric import NAMES, Metric, metric_named
from dayshift.diagnostics import DefinitionError, nearest, shorten
from dayshift.lifecycle.metrics import DAY_US, Estimate, Floats, Judged, estimate

LEVEL = 0.95
FEWEST_DAYS = 6
_LOSSES = ("log_loss", "brier", "rmse", "mae")


@dataclass(frozen=True)
class Score:
    """A metric's value with its 95 % interval; None where it has none. `rows` and `positives` are what it stands on."""

    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    positives: int | None
    larger_is_better: bool
    method: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """How much better a model is than another by a metric, on the same rows: positive is better, whatever the metric.

    `verdict` is "better", "worse" or "not shown".
    """

    metric: str
    against: str
    better_by: float | None
    low: float | None
    high: float | None
    other: float | None
    rows: int
    method: str

    @property
    def verdict(self) -> str:
        """What the interval shows."""
        if self.low is not None and self.low > 0:
            return "better"
        if self.high is not None and self.high < 0:
            return "worse"
        return "not shown"

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def metric_for(name: str, kind: str) -> Metric:
    """The metric of this name, for a "classifier" or a "regressor".

    >>> metric_for("rmse", "regressor").larger_is_better
    False

    Raises:
        DefinitionError: DS641, there is none, or it judges the other kind of model.
    """
    metric = metric_named(name)
    if metric is None:
        near = nearest(name, NAMES)
        raise DefinitionError(
            "DS641",
            f"there is no metric '{name}'",
            facts=(f"metrics: {shorten(NAMES, most=20)}",),
            hint=f'metric="{near}"' if near else None,
        )
    if metric.kind != kind:
        raise DefinitionError(
            "DS641",
            f"metric '{name}' judges a {metric.kind}, the model is a {kind}",
            hint='metric="rmse"' if kind != "classifier" else 'metric="roc_auc"',
        )
    return metric


def evaluate(metrics: Sequence[Metric], judged: Judged) -> tuple[Score, ...]:
    """Each metric on these rows, with its interval.

    >>> from dayshift.definition.metric import METRICS
    >>> rows = Judged(np.array([1.0, 2, 3]), np.array([1.5, 2, 2.5]), np.zeros(3, np.int64))
    >>> [(score.metric, round(score.value, 3)) for score in evaluate([METRICS["mae"]], rows)]
    [('mae', 0.333)]
    """
    return tuple(_score(metric, judged) for metric in metrics)


def _score(metric: Metric, judged: Judged) -> Score:
    found = estimate(metric, judged)
    rows = len(judged.label)
    positives = int(judged.label.sum()) if metric.kind == "classifier" else None
    if math.isnan(found.value):
        return Score(metric.name, None, None, None, rows, positives, metric.larger_is_better, "it has no value here")
    low, high, method = _interval(metric, found, _smaller_class(metric, judged))
    return Score(metric.name, found.value, low, high, rows, positives, metric.larger_is_better, method)


def compare(metric: Metric, judged: Judged, other: Floats, against: str) -> Difference:
    """The paired difference between these predictions and another model's for the same rows.

    >>> from dayshift.definition.metric import METRICS
    >>> rows = Judged(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]), np.zeros(3, np.int64))
    >>> compare(METRICS["mae"], rows, np.array([2.0, 3, 4]), "champion").better_by
    1.0
    """
    own, theirs = estimate(metric, judged), estimate(metric, judged.predicted(other))
    rows = len(judged.label)
    if math.isnan(own.value) or math.isnan(theirs.value):
        return Difference(metric.name, against, None, None, None, None, rows, "it has no value here")
    sign = 1 if metric.larger_is_better else -1
    gap = Estimate(sign * (own.value - theirs.value), sign * (own.influence - theirs.influence), own.time)
    error, quantile, method = spread(gap)
    return Difference(
        metric.name,
        against,
        gap.value,
        gap.value - quantile * error,
        gap.value + quantile * error,
        theirs.value,
        rows,
        f"paired, {method}",
    )


def spread(found: Estimate) -> tuple[float, float, str]:
    """The standard error, the t or normal quantile to multiply it by, and the method in words.

    >>> spread(Estimate(0.5, np.array([-0.1, 0.1]), np.array([0, 1])))[2]
    'rows as independent parts'
    """
    from scipy.stats import norm, t

    parts = found.influence / max(len(found.influence), 1)
    _, block = np.unique((found.time - found.time.min()) // DAY_US, return_inverse=True)
    days = int(block.max()) + 1
    if days < FEWEST_DAYS:
        return float(np.sqrt(np.sum(parts**2))), float(norm.ppf((1 + LEVEL) / 2)), "rows as independent parts"
    sums = np.bincount(block, parts)
    error = float(np.sqrt(days / (days - 1) * np.sum(sums**2)))
    return error, float(t.ppf((1 + LEVEL) / 2, days - 1)), f"t over {days} days"


def _interval(metric: Metric, found: Estimate, units: int) -> tuple[float | None, float | None, str]:
    error, quantile, method = spread(found)
    value = found.value
    if metric.name == "r2":
        return value - quantile * error, min(1.0, value + quantile * error), method
    if metric.name in _LOSSES:
        if value <= 0:
            return None, None, "nothing varies at a loss of 0"
        factor = math.exp(min(quantile * error / value, 700))
        return value / factor, value * factor, f"{method}, logarithm"
    if value <= 0 or value >= 1:
        unseen = min(1.0, 3 / max(units, 1))
        return (0.0, unseen, "rule of three") if value <= 0 else (1 - unseen, 1.0, "rule of three")
    centre, reach = math.log(value / (1 - value)), quantile * error / (value * (1 - value))
    return _share(centre - reach), _share(centre + reach), f"{method}, logit"


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


def _smaller_class(metric: Metric, judged: Judged) -> int:
    if metric.kind != "classifier" or metric.name == "accuracy":
        return len(judged.label)
    if metric.top is not None:
        return min(metric.top, len(judged.label))
    positives = int(judged.label.sum())
    return min(positives, len(judged.label) - positives)
