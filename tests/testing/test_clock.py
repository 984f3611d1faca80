"""The clock that stands still."""

import datetime as dt

from dayshift.testing import FakeClock


def test_the_clock_moves_only_when_it_is_told() -> None:
    """Two looks give one time; a naive start is UTC."""
    clock = FakeClock(dt.datetime(2024, 3, 1))
    assert clock() == clock() == dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    clock.advance("1d")
    assert clock() == dt.datetime(2024, 3, 2, tzinfo=dt.UTC)
