"""Whether values are the same: of the same bits.

A null equals a null and nothing else, -0.0 is not 0.0, and a NaN equals a NaN of the same bits. Polars' own comparison
would call 0.0 and -0.0, and any two NaNs, equal.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
_INTEGER = {pl.Float64: np.int64, pl.Float32: np.int32}


def differing(one: pl.Series, other: pl.Series) -> Mask:
    """Where two columns of one type and length do not hold the same bits.

    >>> differing(pl.Series([0.0, None, 1.5]), pl.Series([-0.0, None, 1.5])).tolist()
    [True, False, False]
    """
    kind = one.dtype
    if kind.is_float():
        return _floats(one, other)
    if isinstance(kind, pl.List | pl.Array) and _holds_floats(kind):
        return _lists(one, other)
    if isinstance(kind, pl.Struct) and _holds_floats(kind):
        found = (one.is_null() != other.is_null()).to_numpy()
        for name in one.struct.fields:
            found = found | differing(one.struct.field(name), other.struct.field(name))
        return found
    return np.asarray(one.ne_missing(other).to_numpy(), np.bool_)


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are of one kind and the same bits.

    >>> same(0.0, -0.0), same(float("nan"), float("nan")), same(1, 1.0), same(None, None)
    (False, True, False, True)
    """
    if isinstance(one, float) and isinstance(other, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    return type(one) is type(other) and bool(one == other)


def shown(value: Any) -> str:
    """A value as text that loses no bit.

    >>> shown(0.1), shown(-0.0), shown(None)
    ('0.1', '-0.0', 'null')
    """
    if value is None:
        return "null"
    if isinstance(value, float) and math.isnan(value):
        return f"nan (bits {struct.pack('>d', value).hex()})"
    return value.isoformat() if isinstance(value, dt.datetime | dt.date) else repr(value)


def _floats(one: pl.Series, other: pl.Series) -> Mask:
    kind = _INTEGER[pl.Float64 if one.dtype == pl.Float64 else pl.Float32]
    bits = [each.fill_null(0.0).rechunk().to_numpy().view(kind) for each in (one, other)]
    found: Mask = bits[0] != bits[1]
    if one.null_count() or other.null_count():
        found |= (one.is_null() != other.is_null()).to_numpy()
    return found


def _lists(one: pl.Series, other: pl.Series) -> Mask:
    """Row by row: lists with floats in them are rare, and short."""
    found: Mask = (one.is_null() != other.is_null()).to_numpy() | one.list.len().ne_missing(other.list.len()).to_numpy()
    for row in np.flatnonzero(~found & one.is_not_null().to_numpy()):
        found[row] = bool(differing(one[int(row)], other[int(row)]).any())
    return found


def _holds_floats(kind: pl.DataType) -> bool:
    if isinstance(kind, pl.List | pl.Array):
        return _holds_floats(kind.inner)  # type: ignore[arg-type]
    if isinstance(kind, pl.Struct):
        return any(_holds_floats(field.dtype) for field in kind.fields)  # type: ignore[arg-type]
    return kind.is_float()
