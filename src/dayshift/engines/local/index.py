"""Numbers of a few rows at a time, at a cost that does not grow with how many are known.

One column of integers, days or moments is numbered by the kernel's table (`IntegerIndex`), everything else by a Python
dictionary (`Index`); which of them it is changes no number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from math import isnan
from typing import Any

import numpy as np
import polars as pl

from dayshift.kernel.arrays import Int64, Mask
from dayshift.kernel.integers import Integers


def index_of(known: pl.DataFrame) -> Index | IntegerIndex:
    """The index for tuples of these types, in which these have the first numbers."""
    whole = known.width == 1 and (known.dtypes[0].is_integer() or known.dtypes[0].is_temporal())
    return IntegerIndex(known) if whole else Index(known)


class Index:
    """Tuples to numbers by a Python dictionary, whose order of insertion is the order of the numbers.

    Equal means what it means to a join: both zeros are one, a NaN is nobody. A row with a null in it has no number.

    >>> index = Index(pl.DataFrame({"k": [3.0]}))
    >>> index.learn(pl.DataFrame({"k": [float("nan"), None, 3.0, -0.0, 0.0]})).tolist()
    [-1, -1, 0, 1, 1]
    """

    def __init__(self, known: pl.DataFrame) -> None:
        self._numbers: dict[Any, int] = dict(zip(_tuples(known), range(known.height), strict=True))
        self._values: list[Any] = list(self._numbers)

    @property
    def size(self) -> int:
        """How many tuples are known."""
        return len(self._values)

    def learn(self, frame: pl.DataFrame) -> Int64:
        """The number of each row, new ones among them."""
        found = _tuples(frame)
        codes = list(map(self._numbers.get, found))
        if None in codes:
            codes = [self._learn(each) if code is None else code for each, code in zip(found, codes, strict=True)]
        return np.array(codes, np.int64)

    def codes(self, frame: pl.DataFrame) -> Int64:
        """The number of each row, -1 where it is unknown or holds a null."""
        codes = map(self._numbers.get, _tuples(frame))
        return np.array([-1 if code is None else code for code in codes], np.int64)

    def values(self, codes: Int64 | pl.Series, dtype: pl.DataType) -> pl.Series:
        """The value of each number; null for null."""
        known = self._values
        return _series([None if code is None else known[code] for code in codes], dtype)

    def since(self, number: int) -> list[Any]:
        """The values from this number on."""
        return self._values[number:]

    def frame_since(self, number: int, schema: pl.Schema) -> pl.DataFrame:
        """The tuples from this number on as a frame."""
        new = self._values[number:]
        columns = [new] if len(schema) == 1 else list(zip(*new, strict=True))
        return pl.DataFrame(
            [_series(column, dtype).alias(name) for column, (name, dtype) in zip(columns, schema.items(), strict=True)]
        )

    def _learn(self, each: Any) -> int:
        if each is None or (type(each) is tuple and None in each):
            return -1
        found = self._numbers.setdefault(each, len(self._values))
        if found == len(self._values):
            self._values.append(each)
        return found


class IntegerIndex:
    """What `Index` says, for one column of integers, days or moments.

    >>> IntegerIndex(pl.DataFrame({"k": [3]})).learn(pl.DataFrame({"k": [7, None, 3]})).tolist()
    [1, -1, 0]
    """

    def __init__(self, known: pl.DataFrame) -> None:
        self._numbers = Integers()
        self.learn(known)

    @property
    def size(self) -> int:
        """How many values are known."""
        return self._numbers.size

    def learn(self, frame: pl.DataFrame) -> Int64:
        """The number of each row, new ones among them."""
        return _where_given(frame, self._numbers.learn)

    def codes(self, frame: pl.DataFrame) -> Int64:
        """The number of each row, -1 where it is unknown or null."""
        return _where_given(frame, self._numbers.codes)

    def values(self, codes: Int64 | pl.Series, dtype: pl.DataType) -> pl.Series:
        """The value of each number; null for null."""
        return _whole(self._numbers.values, dtype).gather(codes)

    def since(self, number: int) -> list[Any]:
        """The values from this number on, days and moments as integers."""
        values: list[Any] = self._numbers.values[number:].tolist()
        return values

    def frame_since(self, number: int, schema: pl.Schema) -> pl.DataFrame:
        """The values from this number on as a frame."""
        return pl.DataFrame(
            [_whole(self._numbers.values[number:], dtype).alias(name) for name, dtype in schema.items()]
        )


def _where_given(frame: pl.DataFrame, numbers: Callable[[Int64], Int64]) -> Int64:
    """The numbers of a column's values, -1 for null."""
    column = frame.to_series()
    if not column.null_count():
        return numbers(_integers(column))
    codes, given = np.full(frame.height, -1, np.int64), column.is_not_null().to_numpy()
    codes[given] = numbers(_integers(column.drop_nulls()))
    return codes


def _integers(column: pl.Series) -> Int64:
    if column.dtype == pl.Int64:
        return column.to_numpy()
    return column.to_physical().cast(pl.Int64).to_numpy()


def _whole(values: Int64, dtype: pl.DataType) -> pl.Series:
    found = pl.Series(values=values)
    return found.cast(pl.Int32).cast(dtype) if dtype == pl.Date else found.cast(dtype)


def _tuples(frame: pl.DataFrame) -> list[Any]:
    """The rows of one column as its values, of several as tuples; days and moments as integers."""
    columns = [_plain(column) for column in frame.iter_columns()]
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))


def _plain(column: pl.Series) -> list[Any]:
    if column.dtype.is_temporal():
        return column.to_physical().to_list()
    found = column.to_list()
    if column.dtype.is_float() and column.is_nan().any():
        return [None if each is None or isnan(each) else each for each in found]
    return found


def _series(values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    if not dtype.is_temporal():
        return pl.Series(values=values, dtype=dtype)
    return pl.Series(values=values, dtype=pl.Int32 if dtype == pl.Date else pl.Int64).cast(dtype)


class Hashes:
    """Hashes of words by number, in an array that grows by doubling."""

    def __init__(self) -> None:
        self.size = 0
        self._room: Int64 = np.empty(16, np.int64)

    @property
    def array(self) -> Int64:
        """The hashes."""
        return self._room[: self.size]

    def extend(self, words: Iterable[str]) -> None:
        """Add those of the next words."""
        new = np.fromiter(map(_hash, words), np.int64)
        if self.size + new.size > self._room.size:
            room = np.empty(2 * (self.size + new.size), np.int64)
            room[: self.size] = self.array
            self._room = room
        self._room[self.size : self.size + new.size] = new
        self.size += new.size

    def keep(self, kept: Mask) -> None:
        """Forget all but those whose number is marked."""
        self._room = self.array[kept[: self.size]]
        self.size = self._room.size


def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little", signed=True)
