"""The exact sum: SUM of SQL (ISO/IEC 9075-2), null for none; integers are added, and divided once at the end.

Floating-point sums depend on the order of their terms (Goldberg 1991, "What every computer scientist should know about
floating-point arithmetic", doi:10.1145/103162.103163); sums of integers do not.
"""

from fractions import Fraction

from dayshift.diagnostics import Refused
from dayshift.semantics.seen import Seen


def value(seen: Seen) -> int | float | None:
    """The sum: an int for integers and booleans, else the double nearest to the exact sum; null for none.

    Raises:
        Refused: DS501, the sum of integers is no int64.

    >>> value(Seen((0.1, 0.2, 0.3), scale=10)), 0.1 + 0.2 + 0.3
    (0.6, 0.6000000000000001)
    >>> value(Seen((True, True, False))), value(Seen(()))
    (2, None)
    """
    if not seen.values:
        return None
    total = sum(seen.whole)
    if seen.scale is not None:
        return float(Fraction(total, seen.scale))
    if not -(2**63) <= total < 2**63:
        raise Refused(
            "DS501",
            "the sum of one window is an integer of more than 64 bits",
            facts=("sums of integers are integers from -2**63 to 2**63 - 1",),
            hint="declare the column as float, ask for the mean, or give the window a shorter width",
        )
    return total
