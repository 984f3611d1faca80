"""What a new model must show before it becomes the champion."""

from __future__ import annotations

from dataclasses import dataclass, field

from dayshift.diagnostics import Place, users_place


@dataclass(frozen=True)
class Gate:
    """A condition on a metric over the holdout, in the metric's own direction (a loss is better when smaller).

    `at_least` (`at_most` for a loss) is absolute. `worse_than_champion_by` is the largest loss against the champion,
    judged on the same rows, that is still let through.

    >>> Gate("roc_auc", at_least=0.6).metric
    'roc_auc'
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    worse_than_champion_by: float | None = None
    place: Place | None = field(default_factory=users_place, compare=False)
