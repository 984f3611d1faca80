"""Times of every form, against Python's own calendar."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.lifecycle.door.times import from_times, one_time, parse_times

UTC = dt.UTC


def micros(values: pl.Series) -> list[int | None]:
    return values.dt.epoch("us").to_list()


def micros_of(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=UTC)) // dt.timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", "2024-03-01T00:00:00+00:00"),
        ("2024-03-01 10:20", "2024-03-01T10:20:00+00:00"),
        ("2024-03-01T10:20:30", "2024-03-01T10:20:30+00:00"),
        ("2024-03-01 10:20:30.5", "2024-03-01T10:20:30.500000+00:00"),
        ("2024-03-01 10:20:30.123456789", "2024-03-01T10:20:30.123456+00:00"),
        ("1969-12-31 23:59:59.9999999", "1969-12-31T23:59:59.999999+00:00"),
        ("2024-03-01T10:20:30Z", "2024-03-01T10:20:30+00:00"),
        ("2024-03-01T10:20:30.25Z", "2024-03-01T10:20:30.250000+00:00"),
        ("2024-03-01T10:20:30+02:00", "2024-03-01T08:20:30+00:00"),
        ("2024-03-01T10:20:30.1-0530", "2024-03-01T15:50:30.100000+00:00"),
        ("2024-03-01 10:20+02", "2024-03-01T08:20:00+00:00"),
        ("1709288430", "2024-03-01T10:20:30+00:00"),
        ("1709288430123", "2024-03-01T10:20:30.123000+00:00"),
        ("1709288430123456", "2024-03-01T10:20:30.123456+00:00"),
        ("1709288430123456789", "2024-03-01T10:20:30.123456+00:00"),
        ("-1", "1969-12-31T23:59:59+00:00"),
        (" 2024-03-01 ", "2024-03-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_read_the_same_alone_and_in_a_column(text: str, expected: str) -> None:
    """Text with and without fraction, zone and offset, and epochs of four units: equal by both ways of reading."""
    assert one_time(text, "UTC") == micros_of(expected)
    assert micros(parse_times(pl.Series([text, "2020-01-01T00:00:00", text]), "UTC"))[::2] == [micros_of(expected)] * 2


BAD = [
    "2024-13-01",
    "2024-02-30",
    "2024-1-1",
    "24-01-01",
    "2024-01-01 24:00:00",
    "2024-01-01 10:00:60",
    "2024-01-01 1:2:3",
]
BAD += [
    "yesterday",
    "1.5",
    "2024-01-01T",
    "2024-01-01 10",
    "2024-01-01T10:00:00+25:00",
    "20240101T000000",
    "9" * 19,
    "1e9",
    "",
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_time_is_none_alone_and_first_and_last_in_a_column(text: str) -> None:
    """No lenient reading depends on what stands beside a value."""
    assert one_time(text, "UTC") is None
    for column in ([text, "2020-01-01 00:00:00"], ["2020-01-01 00:00:00", text], ["2020-01-01", text], [text]):
        found = parse_times(pl.Series(column), "UTC")
        assert found[column.index(text)] is None
        assert found.null_count() == 1


def test_local_times_around_a_change_of_clocks_follow_the_rule() -> None:
    """Twice: the first is meant. Never: refused. The same for text, datetimes and dates."""
    texts = ["2024-10-27 02:30:00", "2024-03-31 02:30:00", "2024-03-31 01:59:59", "2024-03-31 03:00:00"]
    expected = [
        micros_of("2024-10-27T00:30:00+00:00"),
        None,
        micros_of("2024-03-31T00:59:59+00:00"),
        micros_of("2024-03-31T01:00:00+00:00"),
    ]
    assert [one_time(text, "Europe/Berlin") for text in texts] == expected
    assert micros(parse_times(pl.Series(texts), "Europe/Berlin")) == expected
    naive = pl.Series([dt.datetime.fromisoformat(text) for text in texts])
    for unit in ("ms", "us", "ns"):
        assert micros(from_times(naive.dt.cast_time_unit(unit), "Europe/Berlin")) == expected


def test_typed_times_of_every_unit_and_zone_are_one_instant() -> None:
    """ns, µs, ms; naive, UTC and another zone: scenario 9."""
    when = dt.datetime(2024, 3, 31, 0, 30, 0, 125_000)
    expected = [micros_of("2024-03-31T00:30:00.125000+00:00")]
    for unit in ("ns", "us", "ms"):
        naive = pl.Series([when]).dt.cast_time_unit(unit)
        assert micros(from_times(naive, "UTC")) == expected
        assert (
            micros(from_times(naive.dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"), "Europe/Berlin"))
            == expected
        )


def test_nanoseconds_are_cut_towards_the_past() -> None:
    """Also before 1970, as the digits of text are."""
    values = pl.Series([-1, 1_999], dtype=pl.Int64).cast(pl.Datetime("ns"))
    assert micros(from_times(values, "UTC")) == [-1, 1]


MOMENTS = st.datetimes(min_value=dt.datetime(1900, 1, 1), max_value=dt.datetime(2199, 12, 31))
FORMS = st.sampled_from(
    [
        "%Y-%m-%d",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%S.%fZ",
        "%Y-%m-%d %H:%M:%S+05:30",
    ]
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])


@given(
    st.lists(
        st.one_of(st.tuples(MOMENTS, FORMS).map(lambda pair: pair[0].strftime(pair[1])), st.sampled_from([*BAD, None])),
        max_size=12,
    ),
    ZONES,
)
def test_a_column_is_read_as_its_values_one_by_one(texts: list[str | None], zone: str) -> None:
    """Mixed forms, bad values and nulls, in any order: the fast way and the slow one agree on each value."""
    found = micros(parse_times(pl.Series(texts, dtype=pl.String), zone))
    assert found == [None if text is None else one_time(text, zone) for text in texts]


@given(MOMENTS, ZONES)
def test_an_instant_written_in_a_zone_is_read_back(moment: dt.datetime, zone: str) -> None:
    """Every local time that exists once comes back as itself."""
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    found = one_time(local.replace(tzinfo=None).isoformat(sep=" "), zone)
    twice = local.replace(fold=1 - local.fold).astimezone(UTC) != local.astimezone(UTC)
    expected = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    assert found == expected or (twice and local.fold == 1)
