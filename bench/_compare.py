"""Two tables of answers, value for value: what is lost, what is there twice, and what differs in any bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass
class Count:
    """Values compared and how many differ in a bit; rows that are lost, doubled, or that nobody asked for.

    `first` says where the first difference is.
    """

    values: int = 0
    differing: int = 0
    lost: int = 0
    doubled: int = 0
    unasked: int = 0
    first: str = ""

    def __add__(self, other: Count) -> Count:
        return Count(
            *(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)[:-1]),
            self.first or other.first,
        )

    @property
    def clean(self) -> bool:
        """Whether nothing at all is wrong."""
        return not (self.differing or self.lost or self.doubled or self.unasked)


def total(counts: Iterable[Count]) -> Count:
    """All of them together."""
    return sum(counts, Count())


def compare(
    found: pl.DataFrame, expected: pl.DataFrame, keys: Sequence[str], columns: Sequence[str], *, whole: bool = True
) -> Count:
    """What was found against what is expected, matched by the keys.

    With `whole` every row of the one must be in the other; else rows that are only found are not looked at.

    >>> one = pl.DataFrame({"id": [1, 2, 2], "x": [0.5, None, None]})
    >>> two = pl.DataFrame({"id": [1, 2, 3], "x": [0.25, None, 1.0]})
    >>> compare(one, two, ["id"], ["x"])
    Count(values=2, differing=1, lost=1, doubled=1, unasked=0, first="x of {'id': 1}: 0.5, not 0.25")
    """
    once = found.unique(keys, keep="first", maintain_order=True)
    lost, unasked = expected.join(once, on=keys, how="anti"), once.join(expected, on=keys, how="anti")
    both = once.select(*keys, *columns).join(
        expected.select(*keys, *(pl.col(name).alias(f"{name}#") for name in columns)), on=keys
    )
    differing, first = 0, ""
    for name in columns:
        wrong = np.flatnonzero(_differ(both[name], both[f"{name}#"]))
        differing += wrong.size
        if wrong.size and not first:
            row = both.row(int(wrong[0]), named=True)
            first = f"{name} of { {key: row[key] for key in keys} }: {row[name]!r}, not {row[f'{name}#']!r}"
    if not first and lost.height:
        first = f"lost: {lost.select(keys).row(0, named=True)}"
    return Count(
        values=both.height * len(columns),
        differing=differing,
        lost=lost.height,
        doubled=found.height - once.height,
        unasked=unasked.height if whole else 0,
        first=first,
    )


def _differ(left: pl.Series, right: pl.Series) -> NDArray[np.bool_]:
    if left.dtype != right.dtype:
        return np.ones(left.len(), np.bool_)
    if left.dtype != pl.Float64:
        return left.ne_missing(right).to_numpy()
    null = left.is_null().to_numpy() != right.is_null().to_numpy()
    bits = [side.fill_null(0.0).to_numpy().view(np.int64) for side in (left, right)]
    return np.asarray(null | (bits[0] != bits[1]))
