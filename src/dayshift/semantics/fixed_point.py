"""Numbers as integers: a value is quantised once, at the door, and exact from there on.

A column has a scale. A value `x` becomes the integer `q = round_half_even(x * scale)`, the product taken in IEEE double
arithmetic. The lake keeps `q / scale`, correctly rounded, and `round(x * scale)` gives `q` back:

- int and bool: scale 1, nothing is rounded. `|q| < 2**53`.
- float: scale `2**bits`; the product is exact. `|q| < 2**53`.
- decimal(d): scale `10**d`. The quotient carries one rounding error and the product another. Below `2**51` their sum is
  under 3/8, so rounding returns to `q`; at `2**51` and above it does not always (one in fourteen for hundredths), so
  a larger decimal is refused: `|q| < 2**51`, still 22 million millions with two digits.

Sums, means and variances are sums and products of these integers and end in one correctly rounded division.
"""

import math

from dayshift.definition.column import Column
from dayshift.diagnostics import Refused

LIMIT = 2**53
DECIMAL_LIMIT = 2**51
BITS_WHEN_UNKNOWN = 20
BITS_KEPT = 40
MOST_BITS = 60


def measure_bits(max_abs: float) -> int:
    """How many bits after the point to keep of a float column whose largest magnitude is `max_abs`.

    40 bits below the power of two that covers the largest value: an error of one part in a million millions, and
    room for values 8,192 times larger than any seen before one is refused.

    >>> measure_bits(0.0), measure_bits(1.0), measure_bits(1000.0), measure_bits(1024.0), measure_bits(2.0**50)
    (20, 40, 30, 30, 0)
    """
    if max_abs == 0.0:
        return BITS_WHEN_UNKNOWN
    mantissa, exponent = math.frexp(max_abs)
    covering = exponent - 1 if mantissa == 0.5 else exponent
    return min(max(BITS_KEPT - covering, 0), MOST_BITS)


def scale_of(column: Column, bits: int | None = None) -> int:
    """The scale of a numeric column; `bits` are those measured at the source's first load, for a float without its own.

    >>> scale_of(Column(int)), scale_of(Column("decimal", digits=2)), scale_of(Column(float), bits=4)
    (1, 100, 16)
    """
    if column.type == "decimal":
        return int(10 ** (column.digits or 0))
    if column.type == "float":
        chosen = column.bits if column.bits is not None else bits
        return 1 << (BITS_WHEN_UNKNOWN if chosen is None else chosen)
    return 1


def limit_of(column: Column) -> int:
    """What the magnitude of a quantised value of this column stays below.

    >>> limit_of(Column(int)) == LIMIT, limit_of(Column("decimal", digits=2)) == DECIMAL_LIMIT
    (True, True)
    """
    return DECIMAL_LIMIT if column.type == "decimal" else LIMIT


def quantise(value: float, scale: int, limit: int = LIMIT) -> int:
    """The integer that stands for a value: half-way cases go to the even neighbour.

    >>> quantise(12.34, 100), quantise(0.5, 1), quantise(1.5, 1), quantise(True, 1)
    (1234, 0, 2, 1)

    Raises:
        Refused: DS580, the value is not finite, or too large for its scale.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused("DS580", f"{value!r} is not a number that can be counted with")
    product = value if scale == 1 else value * float(scale)
    if abs(product) >= limit + 1:
        raise Refused("DS580", f"{value!r} is too large for a scale of {scale}", facts=(f"|value * scale| < {limit}",))
    whole = round(product)
    if abs(whole) >= limit:
        raise Refused("DS580", f"{value!r} is too large for a scale of {scale}", facts=(f"|value * scale| < {limit}",))
    return whole


def on_grid(whole: int, scale: int) -> float:
    """The double nearest to `whole / scale`.

    >>> on_grid(1234, 100), on_grid(1, 3)
    (12.34, 0.3333333333333333)
    """
    return whole / scale
