"""The smallest value: MIN of SQL (ISO/IEC 9075-2). It is looked for among the events that count now, so a value that
has left the window cannot stay behind (a running minimum cannot forget).
"""

from dayshift.semantics.seen import Seen, Value


def value(seen: Seen) -> Value:
    """The smallest value, in the column's own type; false is smaller than true; null for none.

    >>> value(Seen((3, 1, 2))), value(Seen((True, False))), value(Seen(()))
    (1, False, None)
    """
    return min(seen.values, default=None)
