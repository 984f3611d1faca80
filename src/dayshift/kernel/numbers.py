"""Exact integers in, correctly rounded doubles out.

A window's sum is a difference of two prefix sums. Prefix sums may wrap (modulo 2**64, or 2**128 as two uint64 for
squares): the difference is still right as long as the window's own sum fits, and that is proved, from the largest
absolute value and the number of events, or from the sum of an entity's absolute values. Where it is not proved, sums are
taken in 128 bits, which hold whatever 2**64 values of 64 bits add up to.

Every division of exact integers is rounded once, to nearest, ties to even, like Python's `float(Fraction(n, d))`. When
numerator and denominator both fit into 53 bits, the processor's own division does that. Otherwise 54 bits of the
quotient are found by long division in 128 bits; what is left of the remainder decides the rounding. Powers of two are
taken out of the denominator first, for they only move the exponent.
"""

import math
from typing import Any

import numpy as np

from dayshift.kernel.jit import bare, inner, kernel

EXACT = 2**53
"""Below this magnitude an integer is a double without loss."""

U0, U1, U32 = np.uint64(0), np.uint64(1), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_TOP = np.uint64(1 << 63)
_63 = np.uint64(63)
_SMALL = 2**31


def fixed_point(scale: int) -> tuple[int, float]:
    """`(m, f)` with `1 / scale == f / m`, m odd and f a power of two, so that multiplying by f loses nothing.

    >>> fixed_point(100)
    (25, 0.25)
    """
    exponent = (scale & -scale).bit_length() - 1
    return scale >> exponent, 2.0**-exponent


@kernel
def multiply(a: Any, b: Any) -> Any:
    """The 128-bit product of two uint64 as (high, low)."""
    a0, a1, b0, b1 = a & _LOW, a >> U32, b & _LOW, b >> U32
    low = a0 * b0
    mid = a1 * b0 + (low >> U32)
    other = a0 * b1 + (mid & _LOW)
    return a1 * b1 + (mid >> U32) + (other >> U32), (other << U32) | (low & _LOW)


@kernel
def add(ah: Any, al: Any, bh: Any, bl: Any) -> Any:
    """The sum of two 128-bit numbers modulo 2**128."""
    low = al + bl
    carry = U1 if low < al else U0
    return ah + bh + carry, low


@kernel
def subtract(ah: Any, al: Any, bh: Any, bl: Any) -> Any:
    """The difference of two 128-bit numbers modulo 2**128."""
    borrow = U1 if al < bl else U0
    return ah - bh - borrow, al - bl


@kernel
def magnitude(value: Any) -> Any:
    """|value| of an int64 as uint64; right for -2**63 too."""
    return U0 - np.uint64(value) if value < 0 else np.uint64(value)


@kernel
def bit_length(high: Any, low: Any) -> Any:
    """The position of the highest bit of a 128-bit number, counted from 1; 0 for zero."""
    length: Any = 0
    word = low
    if high != U0:
        length, word = 64, high
    step = np.uint64(32)
    while step != U0:
        if (word >> step) != U0:
            word = word >> step
            length += np.int64(step)
        step = step >> U1
    return length + 1 if word != U0 else length


@kernel
def shift_left(high: Any, low: Any, by: Any) -> Any:
    """A 128-bit number times 2**by, 0 <= by < 128."""
    if by == 0:
        return high, low
    if by >= 64:
        return low << np.uint64(by - 64), U0
    return (high << np.uint64(by)) | (low >> np.uint64(64 - by)), low << np.uint64(by)


@kernel
def divide_wide(nh: Any, nl: Any, dh: Any, dl: Any) -> Any:
    """N / D correctly rounded, for 0 <= N < 2**127 and 0 < D < 2**127 given as two uint64 each."""
    n_bits, d_bits = bit_length(nh, nl), bit_length(dh, dl)
    if n_bits == 0:
        return 0.0
    exponent = n_bits - d_bits
    if exponent > 0:
        dh, dl = shift_left(dh, dl, exponent)
    else:
        nh, nl = shift_left(nh, nl, -exponent)
    if nh < dh or (nh == dh and nl < dl):
        nh, nl = shift_left(nh, nl, 1)
        exponent -= 1
    quotient = U0
    for _ in range(54):
        quotient = quotient << U1
        if nh > dh or (nh == dh and nl >= dl):
            nh, nl = subtract(nh, nl, dh, dl)
            quotient = quotient | U1
        nh, nl = (nh << U1) | (nl >> _63), nl << U1
    half, rest = quotient & U1, nh | nl
    quotient = quotient >> U1
    if half != U0 and (rest != U0 or (quotient & U1) != U0):
        quotient = quotient + U1
    return math.ldexp(float(np.int64(quotient)), exponent - 52)


@bare
def divide_long(total: Any, count: Any, odd: Any, factor: Any) -> Any:
    """What `divide` does with numbers that are no doubles."""
    dh, dl = multiply(np.uint64(count), np.uint64(odd))
    value = divide_wide(U0, magnitude(total), dh, dl) * factor
    return -value if total < 0 else value


@inner
def divide(total: Any, count: Any, odd: Any, factor: Any) -> Any:
    """`total / (count * odd) * factor` correctly rounded: int64 by positive int64s; `factor` = 2.0**-exponent."""
    if -EXACT <= total <= EXACT and count < _SMALL and odd < _SMALL and count * odd <= EXACT:
        return (float(total) / float(count * odd)) * factor
    return divide_long(total, count, odd, factor)


@kernel
def fits(high: Any, low: Any) -> Any:
    """Whether a 128-bit number in two's complement is an int64."""
    return high == U0 - (low >> _63)


@kernel
def widen(value: Any) -> Any:
    """An int64 as a 128-bit number in two's complement."""
    v = np.uint64(value)
    return U0 - (v >> _63), v


@kernel
def divide_total(high: Any, low: Any, count: Any, odd: Any, factor: Any) -> Any:
    """The same as `divide` for a total of 128 bits in two's complement."""
    if fits(high, low):
        return divide(np.int64(low), count, odd, factor)
    negative = high >= _TOP
    if negative:
        high, low = subtract(U0, U0, high, low)
    dh, dl = multiply(np.uint64(count), np.uint64(odd))
    value = divide_wide(high, low, dh, dl) * factor
    return -value if negative else value


def signed(high: int, low: int) -> int:
    """The integer that two words are in two's complement.

    >>> signed(2**64 - 1, 2**64 - 5)
    -5
    """
    value = ((int(high) % 2**64) << 64) | (int(low) % 2**64)
    return value - 2**128 if value >= 2**127 else value


@kernel
def variance(count: Any, total: Any, square: Any, scale: Any, sample: Any) -> Any:
    """`(n*Q - S**2) / (n * (n - 1 or n) * scale**2)` correctly rounded, and whether it could be: if not, use `exact`.

    Args:
        count, total: the number n and the sum S (int64) of the values.
        square: the sum Q of their squares as (high, low) uint64.
        scale: (odd, factor) of the fixed point; see `fixed_point`.
        sample: whether to divide by n - 1.
    """
    n = np.uint64(count)
    odd, factor = scale
    high, low = multiply(n, square[1])
    upper, above = multiply(n, square[0])[1], multiply(n, square[0])[0]
    upper_sum = high + upper
    if above != U0 or upper_sum < high or upper_sum >= _TOP:
        return 0.0, False
    absolute = magnitude(total)
    sh, sl = multiply(absolute, absolute)
    nh, nl = subtract(upper_sum, low, sh, sl)
    weight = np.uint64(count - 1) if sample else n
    dh, dl = multiply(n, weight)
    oh, ol = multiply(np.uint64(odd), np.uint64(odd))
    if dh != U0 or oh != U0:
        if dh != U0 or bit_length(U0, dl) + bit_length(oh, ol) > 127:
            return 0.0, False
        first, second = multiply(dl, ol), multiply(dl, oh)
        dh, dl = first[0] + second[1], first[1]
    else:
        dh, dl = multiply(dl, ol)
        if dh >= _TOP:
            return 0.0, False
    if nh == U0 and dh == U0 and nl <= np.uint64(EXACT) and dl <= np.uint64(EXACT):
        value = float(np.int64(nl)) / float(np.int64(dl))
    else:
        value = divide_wide(nh, nl, dh, dl)
    return value * (factor * factor), True


@kernel
def square_prefix(values: Any, high: Any, low: Any) -> None:
    """Prefix sums of squares: `high[i], low[i]` is the sum of the first i, modulo 2**128; both have n + 1 entries."""
    h, l = U0, U0
    high[0], low[0] = h, l
    for i in range(values.size):
        a = magnitude(values[i])
        sh, sl = multiply(a, a)
        h, l = add(h, l, sh, sl)
        high[i + 1], low[i + 1] = h, l


@kernel
def sign_extended_prefix(values: Any, high: Any) -> None:
    """The high words of 128-bit prefix sums of int64 values; the low words are the int64 prefix sums."""
    h, l = U0, U0
    high[0] = h
    for i in range(values.size):
        v = np.uint64(values[i])
        h, l = add(h, l, U0 - (v >> _63), v)
        high[i + 1] = h


@kernel
def largest(values: Any) -> Any:
    """The largest absolute value; 0 for none."""
    low, high = np.int64(0), np.int64(0)
    for i in range(values.size):
        low, high = min(low, values[i]), max(high, values[i])
    return max(high, -low)


@kernel
def may_pass(values: Any, start: Any) -> Any:
    """Whether the absolute values of some entity, `start[e]`..`start[e + 1]`, add up to 2**63 or more."""
    for e in range(start.size - 1):
        total = U0
        for i in range(start[e], start[e + 1]):
            a = magnitude(values[i])
            total = total + a
            if total >= _TOP or a >= _TOP:
                return True
    return False


def exact_variance(count: int, total: int, square: int, scale: int, sample: bool) -> float:
    """The same as `variance` in Python's integers, for what passes 128 bits on the way.

    >>> exact_variance(2, 4, 10, 1, True)
    2.0
    """
    from fractions import Fraction

    weight = count - 1 if sample else count
    return float(Fraction(count * square - total * total, count * weight * scale * scale))
