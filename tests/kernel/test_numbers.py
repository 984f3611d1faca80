"""Division and variances of exact integers are rounded as Python's Fraction rounds them."""

from fractions import Fraction

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from dayshift.kernel.numbers import divide, divide_wide, exact_variance, fixed_point, variance

EDGES = [2**53 - 1, 2**53, 2**53 + 1, 2**54 - 1, 2**62, 2**63 - 1]
WIDE = st.one_of(st.integers(0, 2**127 - 1), st.integers(0, 127).map(lambda k: (1 << k) - 1 if k else 0))
SCALES = st.sampled_from([1, 10, 100, 10**9, 10**15, 2**20, 2**60])


def _words(value: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(value >> 64), np.uint64(value % 2**64)


@given(numerator=WIDE, denominator=WIDE.filter(bool))
@example(numerator=2**54 + 1, denominator=2)
@example(numerator=2**54 + 3, denominator=2)
@example(numerator=(2**53 + 1) * 3 + 1, denominator=3)
@example(numerator=1, denominator=2**127 - 1)
@example(numerator=2**127 - 1, denominator=1)
def test_a_wide_quotient_is_the_nearest_double(numerator: int, denominator: int) -> None:
    """128 bits by 128 bits, ties to even, huge and tiny."""
    found = divide_wide(*_words(numerator), *_words(denominator))
    assert found == float(Fraction(numerator, denominator))


@given(
    total=st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([s * e for e in EDGES for s in (1, -1)])),
    count=st.one_of(st.integers(1, 2**40), st.integers(1, 9)),
    scale=SCALES,
)
@example(total=-(2**63), count=1, scale=1)
@example(total=2**53 + 1, count=1, scale=1)
@example(total=0, count=7, scale=100)
def test_a_mean_is_the_nearest_double(total: int, count: int, scale: int) -> None:
    """Negative ones and those that pass 2**53 included."""
    found = divide(total, count, *fixed_point(scale))
    assert found == float(Fraction(total, count * scale))


@given(
    values=st.lists(st.integers(-(2**52), 2**52) | st.integers(-9, 9), min_size=2, max_size=6),
    scale=SCALES,
    sample=st.booleans(),
)
@example(values=[2**52, -(2**52)] * 3, scale=10**15, sample=True)
@example(values=[7, 7, 7], scale=100, sample=False)
def test_a_variance_is_the_nearest_double(values: list[int], scale: int, sample: bool) -> None:
    """Either the kernel has it, or it says that it has not and Python's integers have it."""
    n, total, square = len(values), sum(values), sum(v * v for v in values)
    mean = Fraction(total, n)
    wanted = float(sum((v - mean) ** 2 for v in values) / (n - sample) / scale**2)
    found, done = variance(n, total, _words(square), fixed_point(scale), sample)
    assert exact_variance(n, total, square, scale, sample) == wanted
    assert found == wanted or not done
