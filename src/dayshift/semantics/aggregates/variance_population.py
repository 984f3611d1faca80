"""The population variance: VAR_POP of SQL (ISO/IEC 9075-2), divided by n.

From exact integers the textbook formula cancels nothing: what makes it unsafe in floating point (Chan, Golub, LeVeque
1983, doi:10.1080/00031305.1983.10483115) does not happen.
"""

from fractions import Fraction

from dayshift.semantics.seen import Seen


def value(seen: Seen) -> float | None:
    """The double nearest to `(n * sum(q*q) - sum(q)**2) / (n * scale)**2`; 0 for one value, null for none.

    >>> value(Seen((1, 2, 3, 4))), value(Seen((7,))), value(Seen(()))
    (1.25, 0.0, None)
    """
    count = len(seen.values)
    if count == 0:
        return None
    spread = count * sum(q * q for q in seen.whole) - sum(seen.whole) ** 2
    return float(Fraction(spread, (count * seen.divisor) ** 2))
