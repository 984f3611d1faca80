"""What a model is worth on the rows that judge: the mean of its daily metrics.

Scores of models that were fitted at different times are on different scales, and a ranking of a whole week under a new
model each day would mix them; days are also what a person looks at. A day with one class only says nothing about a ranking
and is left out. Where most days hold too few of the rarer class, whole weeks are judged instead.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.definition.metric import Metric
from dayshift.lifecycle.metrics import DAY_US, Floats, Judged, estimate

FEWEST_RARE_A_DAY, FEWEST_ROWS_A_DAY = 5, 20
_BOTH_CLASSES = ("f1", "balanced_accuracy")


@dataclass(frozen=True)
class Sample:
    """The rows that judge, in order of time: their numbers, labels, times, how many each stands for (None: one each), and
    the columns that a metric counts by."""

    rows: np.ndarray[tuple[int], np.dtype[np.int64]]
    label: Floats
    as_of: np.ndarray[tuple[int], np.dtype[np.int64]]
    weight: Floats | None
    by: Mapping[str, pl.Series]

    def judged(self, first: int, end: int, prediction: Floats) -> Judged:
        """The rows from place `first` to before `end`, with predictions for them."""
        weight = None if self.weight is None else self.weight[first:end]
        by = {name: column[first:end] for name, column in self.by.items()}
        return Judged(self.label[first:end], prediction, self.as_of[first:end], weight, by)


def worth(metric: Metric, judged: Judged, daily: bool) -> float:
    """The mean of the daily metrics, or the metric of all rows at once; NaN where there is none. Rows in order of time.

    >>> from dayshift.definition.metric import METRICS
    >>> two_days = Judged(np.array([0.0, 1, 1, 0]), np.array([0.1, 0.2, 0.3, 0.4]), DAY_US * np.array([0, 0, 1, 1]))
    >>> worth(METRICS["roc_auc"], two_days, daily=True), worth(METRICS["roc_auc"], two_days, daily=False)
    (0.5, 0.5)
    """
    if not daily or metric.per_day:
        return _value(metric, judged)
    if not len(judged.label):
        return float("nan")
    day = judged.as_of // DAY_US
    edges = [*np.flatnonzero(np.diff(day, prepend=day[0] - 1)), len(day)]
    days = [_value(metric, _slice(judged, a, b)) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no day with a value: NaN is the answer
        return float(np.nanmean(days))


def days_suffice(sample: Sample, rare: float | None, classifies: bool) -> bool:
    """Whether the median day holds enough to be judged by itself."""
    _, day = np.unique(sample.as_of // DAY_US, return_inverse=True)
    if not classifies:
        return not len(day) or float(np.median(np.bincount(day))) >= FEWEST_ROWS_A_DAY
    if rare is None or not len(day):
        return True
    return float(np.median(np.bincount(day, sample.label == rare))) >= FEWEST_RARE_A_DAY


def _value(metric: Metric, judged: Judged) -> float:
    ranks = metric.ranks and metric.top is None
    if (ranks or metric.name in _BOTH_CLASSES) and not 0 < judged.label.mean() < 1:
        return float("nan")
    return estimate(metric, judged).value


def _slice(judged: Judged, first: int, end: int) -> Judged:
    weight = None if judged.weight is None else judged.weight[first:end]
    return Judged(judged.label[first:end], judged.prediction[first:end], judged.as_of[first:end], weight, judged.by)
