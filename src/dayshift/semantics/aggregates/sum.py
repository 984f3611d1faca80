"""The exact sum: SUM of SQL (ISO/IEC 9075-2), null for none; integers are added, and divided once at the end.

Floating-point sums depend on the order of their terms (Goldberg 1991, "What every computer scientist should know about
floating-point arithmetic", doi:10.1145/103162.103163); sums of integers do not.
"""

from fractions import Fraction

from dayshift.semantics.seen import Seen


def value(seen: Seen) -> int | float | None:
    """The sum: an int for integers and booleans, else the double nearest to the exact sum; null for none.

    >>> value(Seen((0.1, 0.2, 0.3), scale=10)), 0.1 + 0.2 + 0.3
    (0.6, 0.6000000000000001)
    >>> value(Seen((True, True, False))), value(Seen(()))
    (2, None)
    """
    if not seen.values:
        return None
    total = sum(seen.whole)
    return total if seen.scale is None else float(Fraction(total, seen.scale))
