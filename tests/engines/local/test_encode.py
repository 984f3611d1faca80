"""Values as the kernel takes them: exact integers, nulls apart."""

from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Column, decimal
from dayshift.engines.local.encode import integers
from dayshift.semantics.fixed_point import on_grid, quantise


@given(st.lists(st.one_of(st.none(), st.integers(-(2**51) + 1, 2**51 - 1)), min_size=1))
def test_decimals_from_the_lake_give_their_integers_back(wholes: list[int | None]) -> None:
    """`round(value * scale)` of a stored value is the integer that was stored."""
    column = pl.Series([None if whole is None else on_grid(whole, 100) for whole in wholes], dtype=pl.Float64)
    found = integers(column, decimal(2), 100)
    assert [None if whole is None else whole for whole in wholes] == [
        value if found.valid is None or found.valid[row] else None for row, value in enumerate(found.values.tolist())
    ]


@given(st.lists(st.floats(-(2.0**20), 2.0**20), min_size=1))
def test_floats_are_rounded_as_the_meaning_says(values: list[float]) -> None:
    """Half-way cases go to the even neighbour."""
    found = integers(pl.Series(values), Column(float, bits=4), 16)
    assert found.values.tolist() == [quantise(value, 16) for value in values]


def test_days_moments_and_truths_are_integers() -> None:
    """Days and microseconds since 1970, and 0 or 1."""
    day = pl.Series([dt.date(1970, 1, 3), None])
    assert integers(day, Column(dt.date), 1).values.tolist() == [2, 0]
    at = pl.Series([5, None], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    assert integers(at, Column(dt.datetime), 1).values.tolist() == [5, 0]
    truth = integers(pl.Series([True, None, False]), Column(bool), 1)
    assert truth.values.tolist() == [1, 0, 0]
    assert truth.valid is not None
    assert truth.valid.tolist() == [True, False, True]
