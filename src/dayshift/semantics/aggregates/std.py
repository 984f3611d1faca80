"""The sample standard deviation: STDDEV_SAMP of SQL (ISO/IEC 9075-2)."""

import math

from dayshift.semantics.aggregates import variance
from dayshift.semantics.seen import Seen


def value(seen: Seen) -> float | None:
    """The IEEE square root of the sample variance as already rounded; null for fewer than two.

    >>> value(Seen((1, 5))), value(Seen((3, 3, 3))), value(Seen((3,)))
    (2.8284271247461903, 0.0, None)
    """
    squared = variance.value(seen)
    return None if squared is None else math.sqrt(squared)
