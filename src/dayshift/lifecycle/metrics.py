"""What each metric is worth on a set of judged rows, and how much each row contributes to it.

A metric here is a value together with its influence function: what one row moves it by, a mean of zero over the rows.
The spread of a metric then is the spread of a mean, whatever the metric, and the difference of two models on the same
rows is the difference of two influence functions. For the AUC this is the method of DeLong, DeLong and Clarke-Pearson
(1988); for the others the delta method (Hampel 1974). Average precision, with A(s) the positives and B(s) the rows that
score at least s, prec = A / B and P the share of positives: row j moves it by

    1/P · [ y_j (prec(s_j) − AP)  +  mean over positives i with s_i <= s_j of (y_j − prec(s_i)) / B(s_i) ].

Ties share their place: a metric never depends on the order of rows, except where precision@K per entity says so.
Labels are 0 or 1 for a classifier, numbers for a regressor; probabilities are cut at 0.5 where a metric needs a class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.definition.duration import MICROSECONDS
from dayshift.definition.metric import Metric
from dayshift.diagnostics import UsageError, shorten

Floats = NDArray[np.float64]
DAY_US = MICROSECONDS["d"]
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Judged:
    """Predictions beside the labels that came: arrays of the same length.

    `as_of[n]` in microseconds since 1970-01-01 UTC; `weight[n]` how many rows a row stands for (None: one each);
    `by` the columns that a precision@K per entity counts by.
    """

    label: Floats
    prediction: Floats
    as_of: NDArray[np.int64]
    weight: Floats | None = None
    by: Mapping[str, pl.Series] = field(default_factory=dict)

    @property
    def weights(self) -> Floats:
        """One number a row, their mean 1."""
        if self.weight is None:
            return np.ones(len(self.label))
        return np.asarray(self.weight / self.weight.mean(), np.float64)

    def predicted(self, prediction: Floats) -> "Judged":
        """The same rows with another model's predictions."""
        return replace(self, prediction=prediction)

    def only(self, mask: NDArray[np.bool_]) -> "Judged":
        """The rows where the mask is true."""
        by = {name: column.filter(pl.Series(mask)) for name, column in self.by.items()}
        weight = None if self.weight is None else self.weight[mask]
        return Judged(self.label[mask], self.prediction[mask], self.as_of[mask], weight, by)


@dataclass(frozen=True)
class Estimate:
    """A metric's value (NaN where it has none), the influence of each part on it (mean 0) and the part's time.

    Parts are rows, or days for a precision@K per day.
    """

    value: float
    influence: Floats
    time: NDArray[np.int64]


def estimate(metric: Metric, judged: Judged) -> Estimate:
    """The metric on these rows; NaN without influence when it has no value there (one class only, no rows).

    >>> from dayshift.definition.metric import metric_named
    >>> rows = Judged(np.array([0.0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.8]), np.zeros(4, np.int64))
    >>> estimate(metric_named("roc_auc"), rows).value
    0.75

    Raises:
        UsageError: DS642, a precision@K per entity lacks its column, or rows stand for several.
    """
    if metric.top is not None:
        return _per_day(metric, judged) if metric.per_day else _precision_at(metric.top, judged)
    if not len(judged.label):
        return _nothing(judged)
    return _COMPUTED[metric.name](judged)


def _nothing(judged: Judged) -> Estimate:
    return Estimate(float("nan"), np.zeros(len(judged.label)), judged.as_of)


def _ratio(judged: Judged, above: Floats, below: Floats) -> Estimate:
    weights = judged.weights
    bottom = float(np.mean(weights * below))
    if bottom == 0:
        return _nothing(judged)
    value = float(np.mean(weights * above)) / bottom
    return Estimate(value, weights * (above - value * below) / bottom, judged.as_of)


def _levels(judged: Judged) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The level of each row among the different predictions, ascending, and each level's positives and negatives."""
    _, level = np.unique(judged.prediction, return_inverse=True)
    weights = judged.weights
    positives = np.bincount(level, weights * judged.label).astype(np.float64)
    return level, positives, np.bincount(level, weights * (1 - judged.label)).astype(np.float64)


def _one_class(judged: Judged) -> bool:
    return not 0 < judged.label.mean() < 1


def _roc_auc(judged: Judged) -> Estimate:
    if _one_class(judged):
        return _nothing(judged)
    level, positives, negatives = _levels(judged)
    all_positive, all_negative = positives.sum(), negatives.sum()
    beaten = (np.cumsum(negatives) - negatives / 2) / all_negative  # the negatives that a positive here is above
    beating = (all_positive - np.cumsum(positives) + positives / 2) / all_positive
    value = float(np.sum(positives * beaten) / all_positive)
    share = all_positive / (all_positive + all_negative)
    own = np.where(judged.label == 1, (beaten[level] - value) / share, (beating[level] - value) / (1 - share))
    return Estimate(value, judged.weights * own, judged.as_of)


def _average_precision(judged: Judged) -> Estimate:
    if judged.label.sum() == 0:
        return _nothing(judged)
    level, positives, negatives = _levels(judged)
    above = np.cumsum((positives + negatives)[::-1])[::-1]
    precision = np.cumsum(positives[::-1])[::-1] / above
    value = float(np.sum(positives * precision) / positives.sum())
    counted = np.cumsum(positives / above)[level]
    weighed = np.cumsum(positives * precision / above)[level]
    share = positives.sum() / (positives.sum() + negatives.sum())
    own = (judged.label * (precision[level] - value) + judged.label * counted - weighed) / share
    return Estimate(value, judged.weights * own, judged.as_of)


def _log_loss(judged: Judged) -> Estimate:
    chance = np.clip(judged.prediction, _EPSILON, 1 - _EPSILON)
    return _ratio(judged, -np.log(np.where(judged.label == 1, chance, 1 - chance)), np.ones_like(chance))


def _squared(judged: Judged) -> Estimate:
    return _ratio(judged, (judged.prediction - judged.label) ** 2, np.ones_like(judged.label))


def _absolute(judged: Judged) -> Estimate:
    return _ratio(judged, np.abs(judged.prediction - judged.label), np.ones_like(judged.label))


def _right(judged: Judged) -> Floats:
    return np.asarray((judged.prediction >= 0.5) == (judged.label == 1), np.float64)


def _accuracy(judged: Judged) -> Estimate:
    return _ratio(judged, _right(judged), np.ones_like(judged.label))


def _balanced_accuracy(judged: Judged) -> Estimate:
    found = _ratio(judged, _right(judged) * judged.label, judged.label)
    spared = _ratio(judged, _right(judged) * (1 - judged.label), 1 - judged.label)
    return Estimate((found.value + spared.value) / 2, (found.influence + spared.influence) / 2, judged.as_of)


def _f1(judged: Judged) -> Estimate:
    said = (judged.prediction >= 0.5).astype(np.float64)
    return _ratio(judged, 2 * said * judged.label, said + judged.label)


def _rmse(judged: Judged) -> Estimate:
    squared = _squared(judged)
    value = float(np.sqrt(squared.value))
    return Estimate(value, squared.influence / (2 * value) if value else squared.influence, judged.as_of)


def _r2(judged: Judged) -> Estimate:
    weights = judged.weights
    spread = (judged.label - np.mean(weights * judged.label)) ** 2
    unexplained = _ratio(judged, (judged.prediction - judged.label) ** 2, spread)
    return Estimate(1 - unexplained.value, -unexplained.influence, judged.as_of)


_COMPUTED: dict[str, Callable[[Judged], Estimate]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _log_loss,
    "brier": _squared,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "rmse": _rmse,
    "mae": _absolute,
    "r2": _r2,
}


def _precision_at(top: int, judged: Judged) -> Estimate:
    """The share of positives among the `top` highest predictions; ties at the edge count by their share of places."""
    if not len(judged.label):
        return _nothing(judged)
    level, positives, negatives = _levels(judged)
    size = positives + negatives
    scale = 1.0 if judged.weight is None else len(judged.label) / judged.weight.sum()
    before = np.cumsum(size[::-1])[::-1] - size
    taken = np.clip((top * scale - before) / size, 0, 1)[level]
    return _ratio(judged, taken * judged.label, taken)


def _per_day(metric: Metric, judged: Judged) -> Estimate:
    assert metric.top is not None
    days, day = np.unique(judged.as_of // DAY_US, return_inverse=True)
    if metric.by is not None:
        values = _per_entity(metric, judged, metric.by)
    else:
        values = np.array([_precision_at(metric.top, judged.only(day == number)).value for number in range(len(days))])
    if not len(values):
        return _nothing(judged)
    value = float(values.mean())
    return Estimate(value, values - value, days * DAY_US)


def _per_entity(metric: Metric, judged: Judged, by: str) -> Floats:
    """For each day, the share of positives among the `top` entities with the highest prediction that day.

    An entity found positive is not looked at on later days: its card is blocked, its machine repaired. Ties stand in
    the order of the entities' keys. After the Fraud Detection Handbook (Le Borgne et al. 2022), card precision@K.
    """
    if by not in judged.by or judged.weight is not None:
        reason = f"needs column '{by}'" if by not in judged.by else "cannot count rows that stand for several"
        raise UsageError("DS642", f"metric '{metric.name}' {reason}", facts=(f"columns at hand: {shorten(judged.by)}",))
    rows = pl.DataFrame(
        {"day": judged.as_of // DAY_US, "entity": judged.by[by], "score": judged.prediction, "label": judged.label}
    )
    daily = rows.group_by("day", "entity").agg(pl.col("score").max(), pl.col("label").max())
    found: Any = pl.Series([], dtype=daily.schema["entity"])
    values = []
    for day in daily.sort("day", "score", "entity", descending=[False, True, False]).partition_by("day"):
        left = day.filter(~pl.col("entity").is_in(found.implode()))
        chosen = left.head(metric.top or 0)
        values.append(float(chosen["label"].mean() or 0.0))  # type: ignore[arg-type]
        found = pl.concat([found, chosen.filter(pl.col("label") == 1)["entity"]])
    return np.array(values)
