"""Columns in half the memory, where a model would hardly notice."""

from __future__ import annotations

import polars as pl

INT32 = 2**31
LEVELS = 2**16
"""So many different values at least must stay possible between a column's smallest and its largest."""


def small(column: pl.Series) -> pl.Series:
    """A column of 64-bit numbers in 32 bits; text, times, dates and narrower numbers stay what they are.

    Integers that fit become 32-bit integers. Other numbers become 32-bit floats, unless these would be too coarse for
    where they lie (a large offset with a small spread) or cannot hold them.

    >>> [str(small(pl.Series([0, top])).dtype) for top in (7, 2**40)]
    ['Int32', 'Float32']
    >>> small(pl.Series([1e9, 1e9 + 1])).dtype, small(pl.Series([1e300, 0.0])).dtype
    (Float64, Float64)
    """
    if column.dtype not in (pl.Int64, pl.UInt64, pl.Float64):
        return column
    low, high = column.min(), column.max()
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return column.cast(pl.Float32 if column.dtype == pl.Float64 else pl.Int32)
    if column.dtype != pl.Float64 and low >= -INT32 and high < INT32:
        return column.cast(pl.Int32)
    largest, spread = max(abs(low), abs(high)), high - low
    too_coarse = largest * 2.0**-24 * LEVELS > spread > 0
    return column if too_coarse or largest > 3e38 else column.cast(pl.Float32)
