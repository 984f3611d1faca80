"""How much a model's metric suffers when one feature is shuffled (permutation importance, Breiman 2001)."""

import numpy as np
import polars as pl

from dayshift.definition.metric import Metric
from dayshift.learners.estimator import Model, predict
from dayshift.lifecycle.metrics import Judged, estimate

MOST_ROWS = 5_000


def importance(model: Model, metric: Metric, judged: Judged, features: pl.DataFrame, seed: int) -> dict[str, float]:
    """The loss of the metric for each feature, greatest first; positive means that the feature helps.

    `features` are the judged rows; of more than 5,000 a random part is taken. Empty when the metric has no value there.
    """
    random = np.random.default_rng(seed)
    chosen = np.arange(features.height)
    if features.height > MOST_ROWS:
        chosen = np.sort(random.choice(features.height, MOST_ROWS, replace=False))
    rows = features[chosen.tolist()] if len(chosen) < features.height else features
    mask = np.zeros(features.height, np.bool_)
    mask[chosen] = True
    part = judged.only(mask)
    whole = estimate(metric, part).value
    if np.isnan(whole):
        return {}
    sign = 1 if metric.larger_is_better else -1
    losses = {}
    for name in model.columns:
        shuffled = rows.with_columns(rows[name].gather(random.permutation(rows.height)))
        losses[name] = sign * (whole - estimate(metric, part.predicted(predict(model, shuffled))).value)
    return dict(sorted(losses.items(), key=lambda item: -item[1]))
