"""Predictions of scikit-learn's gradient boosting on histograms for a few thousand rows, bit for bit and in half the time.

Its own `predict` opens a parallel region for each tree, which costs more than the tree where the rows are few. What is read
of it are attributes that are not public; so a forest is used only if it gives, on rows that lie on and around every threshold,
exactly what the estimator itself gives, and otherwise the estimator is asked as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dayshift.kernel import forest as kernel

MOST_ROWS = 20_000
_PROBES = 2_000


class Forest:
    """The trees of one fitted estimator.

    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> model = HistGradientBoostingRegressor().fit(np.arange(99.0).reshape(-1, 1), np.arange(99.0))
    >>> table = np.array([[3.0], [np.nan]])
    >>> bool((Forest.of(model)(table) == model.predict(table)).all())
    True
    """

    def __init__(self, estimator: Any, *, positive: bool) -> None:
        self._estimator, self._positive = estimator, positive
        self._trees = _trees(estimator)

    @staticmethod
    def of(estimator: Any) -> Forest | None:
        """The forest of an estimator; None where it is of another kind, or does not give its very numbers."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        if type(estimator) not in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
            return None
        try:
            found = Forest(estimator, positive=isinstance(estimator, HistGradientBoostingClassifier))
            probes = found._probes()
            return found if np.array_equal(found(probes), found._asked(probes)) else None
        except (
            AttributeError,
            KeyError,
            IndexError,
            TypeError,
            ValueError,
        ):  # another version keeps its trees in another way
            return None

    def __call__(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """One number a row, as `predict` of `estimator.py` gives it."""
        from dayshift.kernel import forest as kernel

        sums = np.full(len(table), self._estimator._baseline_prediction.item(), np.float64)
        kernel.add(self._trees, np.ascontiguousarray(table), sums)
        loss = self._estimator._loss
        if self._positive:
            return np.asarray(loss.predict_proba(sums.reshape(-1, 1)), np.float64)[:, 1]
        return np.asarray(loss.link.inverse(sums), np.float64)

    def _asked(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._positive:
            return np.asarray(self._estimator.predict_proba(table)[:, 1], np.float64)
        return np.asarray(self._estimator.predict(table), np.float64)

    def _probes(self) -> NDArray[np.float64]:
        """Rows whose values are thresholds of their columns, a bit less, a bit more, missing, or without end."""
        chance = np.random.default_rng(0)
        columns = []
        for column in range(self._estimator.n_features_in_):
            known = self._trees.threshold[(self._trees.feature == column) & np.isfinite(self._trees.threshold)]
            around = [known, np.nextafter(known, -np.inf), np.nextafter(known, np.inf), [np.nan, -np.inf, np.inf, 0.0]]
            columns.append(chance.choice(np.concatenate(around), _PROBES))
        return np.column_stack(columns)


def _trees(estimator: Any) -> kernel.Trees:
    from dayshift.kernel import forest as kernel

    if estimator._preprocessor is not None or estimator.n_trees_per_iteration_ != 1 or not estimator._predictors:
        raise ValueError("its trees are others")
    parts = [predictor.nodes for (predictor,) in estimator._predictors]
    nodes = np.concatenate(parts)
    if nodes["is_categorical"].any():
        raise ValueError("its trees know categories")
    sizes = np.array([len(part) for part in parts])
    roots = np.cumsum(sizes) - sizes
    leaf, own = nodes["is_leaf"] != 0, np.arange(len(nodes))
    left = np.where(leaf, own, nodes["left"] + np.repeat(roots, sizes))
    right = np.where(leaf, own, nodes["right"] + np.repeat(roots, sizes))
    return kernel.Trees(
        np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        np.where(leaf, np.inf, nodes["num_threshold"]),
        np.column_stack([left, right]).astype(np.int64).ravel(),
        np.where(leaf, 1, nodes["missing_go_to_left"]).astype(np.int64),
        nodes["value"].astype(np.float64),
        roots.astype(np.int64),
    )
