"""The comparison is of bits, for every type of column, and rows meet whatever their order."""

from __future__ import annotations

import datetime as dt
import math
import struct

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.lifecycle.verifying.bits import differing, same, shown
from dayshift.lifecycle.verifying.rows import align

PATTERNS = st.sampled_from(
    [0, 1 << 63, 1, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0x7FF8000000000001, 0x3FF0000000000000]
)
BITS = st.one_of(PATTERNS, st.integers(0, 2**64 - 1))
CELLS = st.one_of(st.none(), BITS)


def _column(cells: list[int | None]) -> pl.Series:
    values = np.array([0 if cell is None else cell for cell in cells], np.uint64).view(np.float64)
    valid = [cell is not None for cell in cells]
    frame = pl.DataFrame({"value": values, "valid": pl.Series(valid, dtype=pl.Boolean)})
    return frame.select(pl.when("valid").then("value")).to_series()


@given(st.lists(st.tuples(CELLS, CELLS), max_size=12))
def test_floats_differ_exactly_where_their_bits_do(pairs: list[tuple[int | None, int | None]]) -> None:
    """Null equals null; every other pair is judged by its 64 bits, NaNs, zeros and infinities among them."""
    one, other = (_column([pair[side] for pair in pairs]) for side in (0, 1))
    assert differing(one, other).tolist() == [a != b for a, b in pairs]


@given(BITS, BITS)
def test_plain_floats_are_judged_alike(one: int, other: int) -> None:
    """One value is compared as a column is."""
    values = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in (one, other)]
    assert same(*values) == (one == other)


@given(st.lists(st.one_of(st.none(), st.lists(CELLS, max_size=3)), max_size=5), st.integers(0, 4))
def test_lists_of_floats_are_compared_inside(cells: list[list[int | None] | None], at: int) -> None:
    """A list is equal to itself; one with a bit turned is not."""
    column = pl.Series([None if cell is None else _column(cell).to_list() for cell in cells], dtype=pl.List(pl.Float64))
    assert not differing(column, column).any()
    if at < len(cells) and cells[at]:
        other = column.to_list()
        other[at] = [*other[at][:-1], 12345.678]
        changed = pl.Series(other, dtype=pl.List(pl.Float64))
        assert differing(column, changed).tolist() == [number == at for number in range(len(cells))]


def test_structs_are_compared_inside() -> None:
    """Field by field, and by whether there is one at all."""
    kind = pl.Struct({"a": pl.Float64, "b": pl.String})
    one = pl.Series([{"a": 0.0, "b": "x"}, {"a": 1.0, "b": "y"}, None], dtype=kind)
    other = pl.Series([{"a": -0.0, "b": "x"}, {"a": 1.0, "b": "y"}, None], dtype=kind)
    assert differing(one, other).tolist() == [True, False, False]


def test_every_other_type_is_compared_by_value() -> None:
    """Texts, whole numbers, truths, days and times; 32-bit floats by their bits."""
    time = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    columns: list[tuple[pl.Series, pl.Series]] = [
        (pl.Series(["a", None, "b"]), pl.Series(["a", None, "c"])),
        (pl.Series([1, None, 2]), pl.Series([1, None, 3])),
        (pl.Series([True, None, False]), pl.Series([True, None, True])),
        (pl.Series([time, None, time]), pl.Series([time, None, time + dt.timedelta(microseconds=1)])),
        (pl.Series([1.5, None, 0.0], dtype=pl.Float32), pl.Series([1.5, None, -0.0], dtype=pl.Float32)),
    ]
    for one, other in columns:
        assert differing(one, other).tolist() == [False, False, True]


def test_a_value_is_shown_with_all_its_bits() -> None:
    """Two NaNs that differ do not look alike."""
    assert shown(0.1 + 0.2) == "0.30000000000000004"
    assert shown(math.nan) != shown(struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000001))[0])
    assert shown("a") == "'a'"


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=10)


@given(ROWS, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=10, unique=True))
def test_every_row_is_met_once(found: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    """Met, doubled, lost and unasked rows together are all rows there are, and are what counting says."""
    schema = {"a": pl.Int64, "b": pl.Int64}
    frames = [pl.DataFrame(rows, schema=schema, orient="row") for rows in (found, right)]
    met = align(frames[0], frames[1], ["a", "b"])
    assert met.found.rows() == met.right.rows()
    assert sorted(met.found.rows()) == sorted(row for row in found if row in right)
    assert sorted(met.lost.rows()) == sorted(set(right) - set(found))
    assert sorted(met.unasked.rows()) == sorted(row for row in found if row not in right)
    assert met.doubled.height == sum(found.count(row) - 1 for row in right if row in found)
