"""How much of the answer one feature knows by itself.

The feature's values fall into bins (quantiles, or words), each bin answers with the mean label that it had in the older
half, and the newer half judges. So nothing but the feature can help, any shape of dependence is found, and nothing is
learned by heart.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

BINS = 256
FEWEST = 50
"""Rows that each half must have."""
Floats = NDArray[np.float64]


def skill_of_one(column: pl.Series, label: Floats, kind: str) -> float:
    """The ROC AUC (classifier) or the R2 (regressor) of one feature on the newer half; NaN where it cannot be told.

    Rows in the order of time; a word that the older half does not know answers with the mean.

    >>> label = np.tile([0.0, 1.0], 200)
    >>> skill_of_one(pl.Series(label), label, "classifier"), skill_of_one(pl.Series([7] * 400), label, "classifier")
    (1.0, 0.5)
    """
    half = len(label) // 2
    if half < FEWEST:
        return float("nan")
    if kind != "classifier" and column.dtype.is_numeric():
        return max(_linear(column, label, half), _by_bins(column, label, half, kind))
    return _by_bins(column, label, half, kind)


def _by_bins(column: pl.Series, label: Floats, half: int, kind: str) -> float:
    code = _codes(column, half)
    older, newer = slice(0, half), slice(half, None)
    count = np.bincount(code[older], minlength=code.max() + 1)
    total = np.bincount(code[older], label[older], minlength=count.size)
    mean = label[older].mean()
    answer = ((total + mean) / (count + 1))[code[newer]]
    return auc(answer, label[newer]) if kind == "classifier" else _r2(answer, label[newer])


def _codes(column: pl.Series, half: int) -> NDArray[np.int64]:
    """A bin for each value; that of null is 0."""
    plain = column.cast(pl.Int8) if column.dtype == pl.Boolean else column.to_physical()
    if plain.dtype.is_numeric() and not isinstance(column.dtype, pl.Categorical | pl.Enum):
        values = plain.cast(pl.Float64).fill_null(np.nan).to_numpy()
        known = values[:half][~np.isnan(values[:half])]
        if not known.size:
            nothing: NDArray[np.int64] = np.isnan(values).astype(np.int64)
            return nothing
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
        inside = 1 + 2 * np.searchsorted(edges, values, "left")
        at_edge = np.isin(values, edges)  # a value that many rows hold is a bin of its own
        codes: NDArray[np.int64] = np.where(np.isnan(values), 0, inside + at_edge)
        return codes
    words = column.cast(pl.String)
    ranks: NDArray[np.int64] = words.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    return ranks


def auc(answer: Floats, label: Floats) -> float:
    """The ROC AUC, ties counted half; NaN with one class only.

    >>> auc(np.array([0.1, 0.2, 0.2, 0.9]), np.array([0.0, 0, 1, 1]))
    0.875
    """
    positive = label > 0.5
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    ranks = pl.Series(answer).rank("average").to_numpy()
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def _r2(answer: Floats, label: Floats) -> float:
    spread = float(((label - label.mean()) ** 2).sum())
    return 1 - float(((label - answer) ** 2).sum()) / spread if spread else float("nan")


def _linear(column: pl.Series, label: Floats, half: int) -> float:
    """The R2 of a straight line through the older half."""
    values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = ~np.isnan(values)
    older, newer = np.flatnonzero(known[:half]), half + np.flatnonzero(known[half:])
    if older.size < FEWEST or newer.size < max(FEWEST, 0.5 * (len(label) - half)):
        return float("nan")
    x, y = values[older] - values[older].mean(), label[older] - label[older].mean()
    spread = float((x**2).sum())
    slope = float((x * y).sum()) / spread if spread else 0.0
    return _r2(label[older].mean() + slope * (values[newer] - values[older].mean()), label[newer])
