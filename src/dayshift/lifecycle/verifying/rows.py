"""Rows of two tables brought together by the question that they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dayshift.lifecycle.verifying.bits import differing

_ROW, _TIMES = "#row", "#times"


@dataclass(frozen=True)
class Aligned:
    """Rows of a table beside those of the log, question by question.

    `found[n]` answers the same question as `right[n]`. `lost`: questions without a row; `doubled`: further rows of a
    question; `unasked`: rows of a question that nobody asked.
    """

    found: pl.DataFrame
    right: pl.DataFrame
    lost: pl.DataFrame
    doubled: pl.DataFrame
    unasked: pl.DataFrame


def align(found: pl.DataFrame, right: pl.DataFrame, names: Sequence[str]) -> Aligned:
    """Bring the rows of a table to those that the log gives, by the columns that name a question.

    >>> one, log = pl.DataFrame({"id": [3, 1, 1]}), pl.DataFrame({"id": [1, 2]})
    >>> met = align(one, log, ["id"])
    >>> [frame["id"].to_list() for frame in (met.found, met.lost, met.doubled, met.unasked)]
    [[1, 1], [2], [1], [3]]
    """
    none = found.clear()
    if _equal(found, right, names):
        return Aligned(found, right, right.clear(), none, none)
    found = found.sort(names, maintain_order=True)
    if _equal(found, right, names):
        return Aligned(found, right, right.clear(), none, none)
    names = list(names)
    questions = right.select(names).with_row_index(_ROW).unique(names, keep="first", maintain_order=True)
    rows = found.select(names).join(questions, on=names, how="left", nulls_equal=True, maintain_order="left")[_ROW]
    asked = rows.is_not_null()
    times = found.select(pl.int_range(pl.len()).over(names)).to_series()
    lost = questions.join(found.select(names), on=names, how="anti", nulls_equal=True)[_ROW].sort()
    return Aligned(
        found=found.filter(asked),
        right=right[rows.drop_nulls()],
        lost=right[lost],
        doubled=found.filter(asked & (times > 0)),
        unasked=found.filter(~asked),
    )


def _equal(found: pl.DataFrame, right: pl.DataFrame, names: Sequence[str]) -> bool:
    return found.height == right.height and not any(differing(found[name], right[name]).any() for name in names)
