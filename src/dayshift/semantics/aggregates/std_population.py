"""The population standard deviation: STDDEV_POP of SQL (ISO/IEC 9075-2)."""

import math

from dayshift.semantics.aggregates import variance_population
from dayshift.semantics.seen import Seen


def value(seen: Seen) -> float | None:
    """The IEEE square root of the population variance as already rounded; 0 for one value, null for none.

    >>> value(Seen((1, 5))), value(Seen((3,))), value(Seen(()))
    (2.0, 0.0, None)
    """
    squared = variance_population.value(seen)
    return None if squared is None else math.sqrt(squared)
