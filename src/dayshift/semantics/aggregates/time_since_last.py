"""How long ago the last event by (event time, arrival) happened: the "recency" of Fader, Hardie, Lee 2005 ("RFM and CLV",
doi:10.1509/jmkr.2005.42.4.415), counted from the question's own time and never from a clock. It reads no column.
"""

from dayshift.semantics.seen import Seen


def value(seen: Seen) -> int | None:
    """`as_of` minus the last event's time in microseconds; null for none.

    >>> value(Seen((None, None), times=(10, 40), as_of=100)), value(Seen((), as_of=100))
    (60, None)
    """
    return seen.as_of - seen.times[-1] if seen.times else None
