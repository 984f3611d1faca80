"""The values of the last n events by (event time, arrival), latest first: Chronon's and Tecton's LAST_K, with an order
that leaves no ties.
"""

from dayshift.semantics.seen import Seen, Value


def value(seen: Seen) -> tuple[Value, ...]:
    """A tuple of n values, latest first; null where there is none.

    >>> value(Seen(("a", "b", "c"), arguments={"n": 2})), value(Seen(("a",), arguments={"n": 2}))
    (('c', 'b'), ('a', None))
    """
    count = int(seen.arguments["n"])
    latest = seen.values[::-1][:count]
    return latest + (None,) * (count - len(latest))
