"""The largest value: MAX of SQL (ISO/IEC 9075-2). It is looked for among the events that count now, so a spike that
has left the window cannot stay behind (a running maximum cannot forget).
"""

from dayshift.semantics.seen import Seen, Value


def value(seen: Seen) -> Value:
    """The largest value, in the column's own type; true is larger than false; null for none.

    >>> value(Seen((3, 1, 2))), value(Seen((2.5, 2.25), scale=4)), value(Seen(()))
    (3, 2.5, None)
    """
    return max(seen.values, default=None)
