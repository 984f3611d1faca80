"""What a written time means."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.semantics.instants import instant, microseconds

aware = st.datetimes(
    dt.datetime(1900, 1, 1),
    dt.datetime(2100, 1, 1),
    timezones=st.sampled_from([dt.UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")]),
)


@given(at=aware)
def test_every_way_of_writing_an_instant_gives_the_instant(at: dt.datetime) -> None:
    """Numbers in every unit that can hold it, and texts with and without an offset."""
    us = microseconds(at)
    utc = at.astimezone(dt.UTC)
    assert instant(str(us), "us") == us
    assert instant(str(us * 1_000 + 999), "ns") == us
    assert instant(utc.isoformat(), "text") == us
    assert instant(utc.replace(tzinfo=None).isoformat(), "naive[us]") == us
    assert instant(utc.replace(tzinfo=None).isoformat(sep=" ") + "Z", "text") == us


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01T00:00", "2024-03-01", "12:00", "2024-03-01T25:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """A date alone is no time either."""
    with pytest.raises(ValueError, match=r"time|month|hour|Invalid"):
        instant(text, "text")
