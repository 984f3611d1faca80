"""The metrics by name: which direction is better, for which kind of model. How they are computed stands in `lifecycle/metrics.py`."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric: its name, whether a greater value is better, and the kind of model that it judges.

    `ranks` says that only the order of the predictions matters. `top` is the K of precision@K, `per_day` whether K is
    counted for each day, `by` the column whose values are counted once a day (cards, customers, machines).

    >>> metric_named("rmse").larger_is_better, metric_named("precision@100_per_day_by_card").by
    (False, 'card')
    """

    name: str
    larger_is_better: bool
    kind: str = "classifier"
    ranks: bool = False
    top: int | None = None
    per_day: bool = False
    by: str | None = None


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", True, ranks=True),
        Metric("average_precision", True, ranks=True),
        Metric("log_loss", False),
        Metric("brier", False),
        Metric("accuracy", True),
        Metric("balanced_accuracy", True),
        Metric("f1", True),
        Metric("rmse", False, "regressor"),
        Metric("mae", False, "regressor"),
        Metric("r2", True, "regressor"),
    )
}

_PRECISION_AT = re.compile(r"precision@([1-9]\d{0,8})(?:(_per_day)(?:_by_(\w+))?)?")

NAMES = (*sorted(METRICS), "precision@K", "precision@K_per_day", "precision@K_per_day_by_COLUMN")


def metric_named(name: object) -> Metric | None:
    """The metric of this name, or None when there is none. K in `precision@K` is any whole number from 1.

    >>> metric_named("precision@100").top
    100
    >>> metric_named("auc")
    """
    if not isinstance(name, str):
        return None
    found = _PRECISION_AT.fullmatch(name)
    if found is None:
        return METRICS.get(name)
    return Metric(name, True, ranks=True, top=int(found[1]), per_day=found[2] is not None, by=found[3])


def usual_metrics(kind: str) -> tuple[str, ...]:
    """The names of the metrics that every model of this kind ("classifier", "regressor") is judged by.

    >>> usual_metrics("regressor")
    ('rmse', 'mae', 'r2')
    """
    return tuple(metric.name for metric in METRICS.values() if metric.kind == kind)


__all__ = ["METRICS", "NAMES", "Metric", "metric_named", "usual_metrics"]
