"""How far a window of days lies from its reference, column by column: what the alarm rules of `detectors.py` look at.

A column is counted once on a grid: 256 quantiles of its first days, continued beyond both ends in ever longer steps, so
that a value a thousand times too large still has its place. All distances of all windows are then sums over counts. The
reference of a day are the 28 days before the latest three (as in `lifecycle/monitor.py`), so that a shift does not hide in it.
PSI counts on about ten bins, grid cells put together by deciles; nulls are a bin of their own.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.adviser.days import Days, numbers_of
from dayshift.adviser.detectors import chi2_p, ks_p, psi, wasserstein
from dayshift.lifecycle.monitor import FEWEST, LATEST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
REFERENCE_DAYS, CELLS, BINS, FEW_VALUES = 28, 256, 10, 12
KINDS = ("psi", "ks", "wasserstein", "chi2", "nulls", "repeats", "outside")


@dataclass(frozen=True)
class Column:
    """One thing watched: its grid (upper ends of cells), the bin of each cell (cells: grid, above it, null) and whether its
    values are few (then chi-square compares them, else KS and Wasserstein)."""

    name: str
    grid: Floats
    bin_of: Ints
    few: bool
    codes: dict[str, int] | None = None

    @property
    def cells(self) -> int:
        """How many cells: the grid's, one above, one for null."""
        return len(self.grid) + 2

    @property
    def bins(self) -> int:
        """How many bins."""
        return int(self.bin_of[-1]) + 1

    def numbers(self, column: pl.Series) -> Floats:
        """The values as numbers: text by this column's codes, unknown text as a code of its own."""
        if self.codes is None:
            return numbers_of(column)[0]
        text = column.cast(pl.String)
        coded = text.replace_strict(self.codes, default=len(self.codes), return_dtype=pl.Float64)
        return np.where(text.is_null().to_numpy(), np.nan, coded.to_numpy())

    def counts(self, values: Floats, group: Ints, groups: int) -> Floats:
        """Values counted by group and cell: float64[groups, cells]."""
        cell = np.searchsorted(self.grid, values, side="left")
        cell[np.isnan(values)] = self.cells - 1
        return (
            np.bincount(group * self.cells + cell, minlength=groups * self.cells).reshape(groups, -1).astype(np.float64)
        )

    def binned(self, counts: Floats) -> Floats:
        """Counts by cell (last axis) as counts by bin."""
        starts = np.flatnonzero(np.diff(self.bin_of, prepend=-1))
        return np.asarray(np.add.reduceat(counts, starts, axis=-1))


def column_of(name: str, values: pl.Series | Floats, first: NDArray[np.bool_]) -> Column:
    """The grid of a column, laid through those of its values that `first` marks (all when there are none)."""
    codes = None
    if isinstance(values, pl.Series):
        values, known = numbers_of(values)
        codes = None if known is None else dict(known)
    there = values[first & np.isfinite(values)]
    if not len(there):
        there = values[np.isfinite(values)]
    different = np.unique(there) if len(there) else np.zeros(1)
    if len(different) <= FEW_VALUES or codes is not None:
        grid = different[:200]
        inner = np.arange(len(grid))
    else:
        grid = np.unique(np.quantile(there, np.arange(1, CELLS + 1) / CELLS, method="inverted_cdf"))
        cuts = np.unique(np.quantile(there, np.arange(1, BINS) / BINS, method="inverted_cdf"))
        inner = np.searchsorted(cuts, grid, side="left")
    span = max(float(grid[-1] - grid[0]), abs(float(grid[-1])), 1e-9)
    tail = span * 10.0 ** np.arange(4)
    below, above = grid[0] - tail[::-1], grid[-1] + tail
    if len(different) <= FEW_VALUES or codes is not None:
        bin_of = np.concatenate([np.zeros(4), inner + 1, np.full(5, inner[-1] + 2), [inner[-1] + 3]])
    else:
        bin_of = np.concatenate([np.zeros(4), inner, np.full(5, inner[-1]), [inner[-1] + 1]])
    # bins that no cell has are closed up, so that bin numbers are consecutive
    _, bin_of = np.unique(bin_of, return_inverse=True)
    few = len(different) <= FEW_VALUES or codes is not None
    return Column(name, np.concatenate([below, grid, above]), bin_of.astype(np.int64), few, codes)


def watched_columns(days: Days, sub: pl.DataFrame, prediction: Floats, most: int = 40) -> list[tuple[Column, Floats]]:
    """The watched columns with their values on the drawn rows: at most `most` features in their order, and the predictions."""
    early = days.day[days.drawn] < max(days.count // 2, 1)
    rows = np.flatnonzero(days.drawn)
    found = []
    for name in sub.columns[:most]:
        column = column_of(name, sub[name][rows], early)
        found.append((column, column.numbers(sub[name][rows])))
    given = prediction[rows]
    if np.isfinite(given).any():
        found.append((column_of("prediction", given, early), given))
    return found


def references(counts: Floats) -> Floats:
    """For each day (first axis) the counts of its reference; zeros where fewer than 14 days are there."""
    total = np.concatenate([np.zeros((1, *counts.shape[1:])), np.cumsum(counts, axis=0)])
    day = np.arange(len(counts))
    end = np.maximum(day - LATEST + 1, 0)
    start = np.maximum(end - REFERENCE_DAYS, 0)
    found = total[end] - total[start]
    found[end - start < FEWEST] = 0
    return np.asarray(found)


def distances(column: Column, reference: Floats, window: Floats) -> Floats:
    """The distances [kind, window] of counts [window, cell]: PSI, KS p, Wasserstein, chi-square p, p of the share of nulls,
    how much the window repeats itself, 1 / (1 - share of its fullest cell), and the share of its values outside the range of
    the reference (and one more).

    NaN where the reference or the window is empty, or the kind does not apply; an absent p value is 1.
    """
    known = (reference.sum(-1) > 0) & (window.sum(-1) > 0)
    there, then = window[:, :-1], reference[:, :-1]
    full = known & (there.sum(-1) > 0) & (then.sum(-1) > 0)
    out = np.full((len(KINDS), len(window)), np.nan)
    out[0] = np.where(known, psi(column.binned(reference), column.binned(window)), np.nan)
    if column.few:
        out[3] = np.where(full, chi2_p(column.binned(then_with(reference)), column.binned(then_with(window))), np.nan)
    else:
        out[1] = np.where(full, ks_p(then, there), np.nan)
        points = np.append(column.grid, column.grid[-1])
        out[2] = np.where(full, wasserstein(then, there, points), np.nan)
    rows = there.sum(-1)
    other = 1 - there.max(-1) / np.maximum(rows, 1)
    out[5] = np.where(known & (rows >= FEW_VALUES), 1 / np.maximum(other, 0.5 / np.maximum(rows, 1)), np.nan)
    below = np.cumsum(then, -1) == 0
    above = np.cumsum(then[:, ::-1], -1)[:, ::-1] == 0
    beyond = (there * (below | above)).sum(-1)
    out[6] = np.where(full, (beyond + 1) / np.maximum(rows, 1), np.nan)
    nulls = np.stack([window[:, -1], there.sum(-1)], -1)
    usual = np.stack([reference[:, -1], then.sum(-1)], -1)
    out[4] = np.where(known, chi2_p(usual, nulls), np.nan)
    return out


def then_with(counts: Floats) -> Floats:
    """The counts with no nulls among them."""
    found = counts.copy()
    found[..., -1] = 0
    return found


def by_hour(column: Column, values: Floats, days: Days) -> Floats:
    """Counts by day, hour and bin."""
    group = days.day[days.drawn] * 24 + days.hour[days.drawn]
    return column.binned(column.counts(values, group, days.count * 24)).reshape(days.count, 24, -1)


def sliding(hours: Floats) -> Floats:
    """What the last 24 hours held at the end of each hour, counts [day, hour, bin]; the first day by itself."""
    gone = np.cumsum(hours, axis=1)
    before = np.concatenate([np.zeros_like(hours[:1]), hours[:-1]])
    left = before.sum(axis=1, keepdims=True) - np.cumsum(before, axis=1)
    return np.asarray(gone + left)
