"""The arithmetic mean: AVG of SQL (ISO/IEC 9075-2), one correctly rounded division of two exact integers."""

from fractions import Fraction

from dayshift.semantics.seen import Seen


def value(seen: Seen) -> float | None:
    """The double nearest to `sum(q) / (n * scale)`; null for none.

    >>> value(Seen((1, 2, 2))), value(Seen((0.1, 0.2), scale=10)), value(Seen(()))
    (1.6666666666666667, 0.15, None)
    """
    if not seen.values:
        return None
    return float(Fraction(sum(seen.whole), len(seen.values) * seen.divisor))
