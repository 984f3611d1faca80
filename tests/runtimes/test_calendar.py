"""Cron expressions: what was due, what is due next."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.runtimes.calendar import is_due, last_due, next_due


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("until", "due"),
    [
        ("2026-01-08T02:00", "2026-01-08T02:00"),
        ("2026-01-08T02:00:59", "2026-01-08T02:00"),
        ("2026-01-08T01:59:59", "2026-01-07T02:00"),
    ],
)
def test_the_last_due_time_includes_its_own_minute(until: str, due: str) -> None:
    """A run is due from the very minute of its expression on."""
    assert last_due("0 2 * * *", at(until)) == at(due)


def test_zero_and_seven_are_sunday() -> None:
    """The days of the week are cron's, not Python's."""
    saturday = at("2026-01-03T00:00")
    assert next_due("0 2 * * 0", saturday) == next_due("0 2 * * 7", saturday) == at("2026-01-04T02:00")


def test_day_of_month_and_day_of_week_mean_either() -> None:
    """With both fields given, either is enough, as in every cron."""
    assert next_due("0 0 13 * 5", at("2026-01-03T00:00")) == at("2026-01-09T00:00")


def test_a_local_night_keeps_its_clock_time_when_clocks_change() -> None:
    """04:30 in Berlin is 03:30 UTC in winter and 02:30 UTC in summer."""
    assert next_due("30 4 * * *", at("2026-03-28T00:00"), "Europe/Berlin") == at("2026-03-28T03:30")
    assert next_due("30 4 * * *", at("2026-03-29T00:00"), "Europe/Berlin") == at("2026-03-29T02:30")


def test_what_never_ran_is_due_and_what_has_no_expression_never_is() -> None:
    """The first start runs at once."""
    assert is_due("0 2 * * *", None, at("2026-01-01T12:00"))
    assert not is_due(None, None, at("2026-01-01T12:00"))


def test_a_missed_night_is_due_until_it_has_run() -> None:
    """Between the expression's time and the next run, it stays due."""
    ran = at("2026-01-01T02:00")
    assert not is_due("0 2 * * *", ran, at("2026-01-02T01:59"))
    assert is_due("0 2 * * *", ran, at("2026-01-02T02:00"))
    assert is_due("0 2 * * *", ran, at("2026-01-05T11:00"))
    assert not is_due("0 2 * * *", at("2026-01-05T11:00"), at("2026-01-05T11:01"))


@given(st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)), st.sampled_from(["* * * * *", "*/7 3 * * 1-5"]))
def test_last_and_next_due_surround_the_moment(moment: dt.datetime, cron: str) -> None:
    """The last due time is not after a moment, the next one is after it, and none lies between."""
    now = moment.replace(tzinfo=dt.UTC)
    last, following = last_due(cron, now), next_due(cron, now)
    assert last <= now < following
    assert next_due(cron, last) == following
