"""Values of every type, as text and as stored types, fast and one by one."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Column, decimal
from dayshift.lifecycle.door.values import convert, one_decimal, one_value


def read(column: Column, *texts: object) -> list:
    return convert(column, pl.Series(texts), "UTC")[0].to_list()


def test_whole_numbers_may_have_a_sign_spaces_and_a_point_with_zeros() -> None:
    """What pandas writes for a column with absent values, 5.0, is 5; 5.5, 1e3 and 2**63 are none."""
    assert read(Column(int), "5", "+5", "-07", " 5 ", "5.0", "5.", "5.5", "1e3", str(2**63), "1_0", "٣") == [
        5,
        5,
        -7,
        5,
        5,
        5,
        *[None] * 5,
    ]


def test_numbers_are_the_nearest_double() -> None:
    """Exponents and bare points are fine; words are not."""
    assert read(Column(float), "0.1", ".5", "5.", "-1e-3", " 7 ", "1,5", "0x10", "1_0", "abc") == [
        0.1,
        0.5,
        5.0,
        -0.001,
        7.0,
        *[None] * 4,
    ]


def test_decimals_have_at_most_their_digits_whatever_they_look_like() -> None:
    """1.005 is not rounded to two digits; zeros behind are no digits; nothing tiny becomes zero."""
    column = decimal(2)
    assert read(column, "1.10", "1.1000", "11e-1", "-0", "1e2") == [1.1, 1.1, 1.1, 0.0, 100.0]
    assert (
        read(column, "1.005", "1e-400", "1e-3", "0.0000000000001", "nan", "inf", "1.00000000000000000001") == [None] * 7
    )
    assert read(column, "22517998136852.47", "22517998136852.48", "90000000000000.011") == [
        22517998136852.47,
        None,
        None,
    ]


@given(st.integers(-(10**17), 10**17), st.integers(0, 6), st.integers(0, 4))
def test_a_decimal_is_exact_or_refused(unscaled: int, places: int, digits: int) -> None:
    """Against exact fractions: accepted if and only if the text's own value has so many digits, and fits."""
    text = str(Decimal(unscaled).scaleb(-places))
    scaled = Fraction(unscaled, 10**places) * 10**digits
    expected = float(scaled / 10**digits) if scaled.denominator == 1 and abs(scaled) < 2**51 else None
    column = decimal(digits)
    assert read(column, text) == [expected]
    assert one_decimal(column, text) == expected


def test_truth_has_six_words_for_each_side() -> None:
    """Upper, lower and title case."""
    assert read(Column(bool), "true", "T", "Yes", "1", "FALSE", "n", "0", "tRuE", "2", "on") == [
        *[True] * 4,
        *[False] * 3,
        True,
        None,
        None,
    ]


def test_dates_are_iso_days() -> None:
    """2024-02-30 never was; a time is no date."""
    found = read(Column("date"), "2024-02-29", " 2024-02-29", "2024-02-30", "2024-2-3", "2024-02-29 00:00", "20240229")
    assert [None if day is None else day.isoformat() for day in found] == [
        "2024-02-29",
        "2024-02-29",
        None,
        None,
        None,
        None,
    ]


def test_blank_text_is_absent_but_for_text_columns() -> None:
    """A quoted empty field of a number says nothing; of a text it says the empty text."""
    values, blank = convert(Column(int), pl.Series(["", " ", "x", "1"]), "UTC")
    assert values.to_list() == [None, None, None, 1]
    assert blank is not None
    assert blank.to_list() == [True, True, False, False]
    assert read(Column(str), "", "a") == ["", "a"]


STORED = [
    (Column(int), pl.Series([1.0, 2.5, None]), [1, None, None]),
    (Column(int), pl.Series([1, 255], dtype=pl.UInt8), [1, 255]),
    (Column(int), pl.Series([2**64 - 1], dtype=pl.UInt64), [None]),
    (Column(float), pl.Series([1, 2]), [1.0, 2.0]),
    (Column(float), pl.Series([Decimal("1.25")]), [1.25]),
    (decimal(2), pl.Series([1.1, 1.005]), [1.1, None]),
    (decimal(2), pl.Series([1.1], dtype=pl.Float32), [1.1]),
    (decimal(2), pl.Series([Decimal("1.10"), Decimal("1.15")]), [1.1, 1.15]),
    (decimal(1), pl.Series([Decimal("1.15")]), [None]),
    (Column(bool), pl.Series([0, 1, 2]), [False, True, None]),
    (Column(str), pl.Series([1, 2]), ["1", "2"]),
    (Column(str), pl.Series([[1], None]), ["[1]", None]),
    (Column(int), pl.Series([True]), [None]),
    (Column(float), pl.Series([None, None]), [None, None]),
]


@pytest.mark.parametrize(
    ("column", "raw", "expected"),
    STORED,
    ids=lambda value: getattr(value, "type", None) or str(getattr(value, "dtype", "")),
)
def test_stored_types_are_converted_only_where_nothing_is_lost(column: Column, raw: pl.Series, expected: list) -> None:
    """A value that would change becomes null, and its row goes to quarantine."""
    assert convert(column, raw, "UTC")[0].to_list() == expected


TEXT = st.text(st.sampled_from("0123456789+-.eE_ ,nNaifty/:TtruesFlYyo"), max_size=8)


@given(st.lists(TEXT, min_size=1, max_size=10), st.sampled_from(["int", "float", "bool", "date", "decimal"]))
def test_a_column_of_text_is_read_as_its_values_one_by_one(texts: list[str], kind: str) -> None:
    """The fast way accepts nothing that the deciding one would not, and gives the same value."""
    column = Column(kind, digits=2 if kind == "decimal" else None)
    single = one_value(column, "UTC")
    found = convert(column, pl.Series(texts, dtype=pl.String), "UTC")[0].to_list()
    for value, text in zip(found, texts, strict=True):
        expected = single(text.strip())
        assert value == expected or (str(value) == str(expected) == "nan")


def test_a_double_that_was_computed_is_the_decimal_next_to_it_and_text_never_is() -> None:
    """Cents multiplied by 0.01 are a unit or two in the last place away; written digits say what they say."""
    column, cents = Column("decimal", digits=2), np.arange(100_000)
    came, _ = convert(column, pl.Series(cents * 0.01), "UTC")
    assert came.to_numpy().tolist() == (cents / 100).tolist()
    refused, _ = convert(column, pl.Series([1.005, 57.1600001]), "UTC")
    assert refused.null_count() == 2
    assert convert(column, pl.Series(["57.160000000000004"]), "UTC")[0].null_count() == 1
