"""The value of the first event by (event time, arrival): FIRST_VALUE of SQL (ISO/IEC 9075-2, "window functions") with
IGNORE NULLS and an order that leaves no ties.
"""

from dayshift.semantics.seen import Seen, Value


def value(seen: Seen) -> Value:
    """The first event's value; null for none.

    >>> value(Seen(("b", "a"))), value(Seen(()))
    ('b', None)
    """
    return seen.values[0] if seen.values else None
