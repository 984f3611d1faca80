"""What a written time means: an instant in integer microseconds UTC.

A time with an offset or a time zone is that instant. A time without one is UTC: no session's or machine's time zone is
ever asked. Digits finer than a microsecond are cut off towards the past. A wall clock that a time zone shows twice (the
hour that comes again when daylight saving ends) is two instants when it is written with its offset or kept as an instant
in a time zone; those cannot be confused because the instant is what is stored.
"""

import datetime as dt
import re

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_TEXT = re.compile(r"(.*?\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?")

KINDS = ("s", "ms", "us", "ns", "text", "naive[ms]", "naive[us]", "naive[ns]", "zoned[ms]", "zoned[us]", "zoned[ns]")
"""How a column of times may be written: whole numbers since 1970-01-01 00:00 UTC; ISO texts, with or without an offset;
a datetime column without a time zone, or with one, in each unit (both given here as ISO texts, "zoned" with an offset).
"""


def instant(written: str, kind: str) -> int | None:
    """Microseconds UTC of one written time; None for null, an empty text.

    >>> instant("1383456600", "s"), instant("1383456600000000999", "ns")
    (1383456600000000, 1383456600000000)
    >>> instant("2013-11-03T01:30:00-04:00", "text"), instant("2013-11-03 05:30", "naive[us]")
    (1383456600000000, 1383456600000000)

    Raises:
        ValueError: the text is no time.
    """
    if not written:
        return None
    if kind in _PER_SECOND:
        return int(written) * 1_000_000 // _PER_SECOND[kind]
    found = _TEXT.fullmatch(written)
    if found is None:
        raise ValueError(f"{written!r} is not a time")
    clock, fraction, offset = found.groups()
    whole = dt.datetime.fromisoformat(clock + (offset or "Z"))
    digits = int((fraction or "").ljust(9, "0"))
    return microseconds(whole) + digits // 1_000


def microseconds(at: dt.datetime) -> int:
    """Microseconds since 1970-01-01 00:00 UTC of an aware datetime.

    >>> microseconds(dt.datetime(1970, 1, 2, tzinfo=dt.UTC))
    86400000000
    """
    return (at - EPOCH) // dt.timedelta(microseconds=1)
