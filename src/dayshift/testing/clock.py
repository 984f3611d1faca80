"""A clock that stands still until a test moves it."""

import datetime as dt

from dayshift.definition import parse_duration


class FakeClock:
    """A clock for tests: call it for the time, `advance` it by a length.

    >>> clock = FakeClock("2024-03-01 06:00")
    >>> clock.advance("1h30m")
    datetime.datetime(2024, 3, 1, 7, 30, tzinfo=datetime.timezone.utc)
    >>> clock().isoformat()
    '2024-03-01T07:30:00+00:00'
    """

    def __init__(self, start: str | dt.datetime = "2024-01-01") -> None:
        at = dt.datetime.fromisoformat(start) if isinstance(start, str) else start
        self._now = at if at.tzinfo else at.replace(tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        """The time now."""
        return self._now

    def advance(self, length: str) -> dt.datetime:
        """Move on by a length such as "1h30m", and give the new time."""
        self._now += dt.timedelta(microseconds=parse_duration(length))
        return self._now
