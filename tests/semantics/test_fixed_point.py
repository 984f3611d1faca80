"""Numbers as integers."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Column, decimal
from dayshift.diagnostics import Refused
from dayshift.semantics.fixed_point import (
    DECIMAL_LIMIT,
    LIMIT,
    limit_of,
    measure_bits,
    on_grid,
    quantise,
    scale_of,
)


@given(q=st.integers(1 - DECIMAL_LIMIT, DECIMAL_LIMIT - 1), digits=st.integers(0, 15))
def test_a_decimal_comes_back_from_the_table(q: int, digits: int) -> None:
    """What the lake keeps, q / scale, quantises to q again, up to the decimals' limit."""
    assert quantise(on_grid(q, 10**digits), 10**digits, DECIMAL_LIMIT) == q


@given(q=st.integers(1 - LIMIT, LIMIT - 1), bits=st.integers(0, 60))
def test_a_float_comes_back_from_the_table(q: int, bits: int) -> None:
    """With a power of two nothing is lost up to 2**53."""
    assert quantise(on_grid(q, 2**bits), 2**bits) == q


def test_beyond_the_limit_a_decimal_would_not_come_back() -> None:
    """The limit is not caution: above it hundredths are lost."""
    lost = [q for q in range(DECIMAL_LIMIT, 2 * DECIMAL_LIMIT, 2**40 + 1) if round(q / 100 * 100.0) != q]
    assert lost


@given(x=st.floats(-1e6, 1e6), bits=st.integers(0, 30))
def test_a_float_is_rounded_half_to_even_exactly(x: float, bits: int) -> None:
    """The same as rounding the exact product."""
    assert quantise(x, 2**bits) == round(Fraction(x) * 2**bits)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 2.0**53, -(2**53), 1e300])
def test_what_does_not_fit_is_refused(value: float) -> None:
    """Never wrapped, never clipped."""
    with pytest.raises(Refused, match="DS580"):
        quantise(value, 1)


def test_the_limits_are_exclusive() -> None:
    """The largest that fits, fits."""
    assert quantise(2**53 - 1, 1) == 2**53 - 1
    with pytest.raises(Refused):
        quantise(float(DECIMAL_LIMIT), 1, DECIMAL_LIMIT)


@given(x=st.floats(1e-300, 1e300))
def test_measured_bits_leave_room(x: float) -> None:
    """The largest value seen takes at most 2**40 steps, unless the clamp at 0 or 60 bits applies."""
    bits = measure_bits(x)
    assert 0 <= bits <= 60
    if 0 < bits < 60:
        assert Fraction(2) ** 39 < Fraction(x) * 2**bits <= Fraction(2) ** 40


def test_a_column_has_its_scale() -> None:
    """Declared bits go before measured ones, and an unknown magnitude gets 20."""
    assert scale_of(Column(float, bits=3), bits=9) == 8
    assert scale_of(Column(float), bits=9) == 512
    assert scale_of(Column(float)) == 2**20
    assert scale_of(decimal(3)) == 1000
    assert [scale_of(Column(each)) for each in (int, bool)] == [1, 1]
    assert limit_of(Column(float)) == 2**53
