"""The sample variance: VAR_SAMP of SQL (ISO/IEC 9075-2), divided by n - 1 (Bessel's correction)."""

from fractions import Fraction

from dayshift.semantics.seen import Seen


def value(seen: Seen) -> float | None:
    """The double nearest to `(n * sum(q*q) - sum(q)**2) / (n * (n-1) * scale**2)`; null for fewer than two.

    >>> value(Seen((1, 2, 3, 4))), value(Seen((5, 5))), value(Seen((7,)))
    (1.6666666666666667, 0.0, None)
    """
    count = len(seen.values)
    if count < 2:
        return None
    spread = count * sum(q * q for q in seen.whole) - sum(seen.whole) ** 2
    return float(Fraction(spread, count * (count - 1) * seen.divisor**2))
