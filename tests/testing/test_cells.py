"""What a cell says."""

import math
from fractions import Fraction

import pytest

from dayshift.diagnostics import DayshiftError
from dayshift.testing.cells import arithmetic, parse_cell, parse_time


def test_numbers_are_exact_until_one_rounding() -> None:
    """A decimal literal in a cell is the decimal, not the double next to it."""
    assert arithmetic("0.1 + 0.2") == Fraction(3, 10)
    assert parse_cell("0.1 + 0.2", "float") == 0.3
    assert parse_cell("sqrt(2)", "float") == math.sqrt(2.0)
    assert parse_cell("-2**3", "float") == -8.0


def test_null_is_null_in_every_type() -> None:
    """And the text "null" cannot be written, which is the price."""
    assert [parse_cell("null", kind) for kind in ("int", "float", "str", "bool", "datetime", "date")] == [None] * 6


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1.5", "int"),
        ("yes", "bool"),
        ("1 +", "float"),
        ("i", "float"),
        ("__import__('os')", "float"),
        ("12:00", "datetime"),
    ],
)
def test_a_bad_cell_is_an_error(text: str, kind: str) -> None:
    """Nothing is guessed, and nothing is evaluated but arithmetic."""
    with pytest.raises((ValueError, DayshiftError)):
        parse_cell(text, kind)


def test_a_clock_takes_the_day() -> None:
    """A date alone is its midnight."""
    assert parse_time("01:00", "1970-01-02") == 25 * 3_600_000_000
    assert parse_time("1970-01-02") == parse_time("1970-01-02 00:00:00.000000")
