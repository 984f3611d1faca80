"""The value of the last event by (event time, arrival): LAST_VALUE of SQL (ISO/IEC 9075-2, "window functions") with
IGNORE NULLS and an order that leaves no ties.
"""

from dayshift.semantics.seen import Seen, Value


def value(seen: Seen) -> Value:
    """The last event's value; null for none.

    >>> value(Seen(("b", "a"))), value(Seen(()))
    ('a', None)
    """
    return seen.values[-1] if seen.values else None
