"""Times as they come, as integer microseconds UTC.

- Text: `YYYY-MM-DD`, or with ` ` or `T` and `HH:MM`, `HH:MM:SS` or `HH:MM:SS.` with 1 to 9 digits; then nothing, `Z`,
  or an offset `+HH:MM`, `+HHMM`, `+HH`.
- Whole numbers since 1970-01-01 UTC: seconds below 10**11, milliseconds below 10**14, microseconds below 10**17, else
  nanoseconds. (10**11 seconds are in the year 5138; milliseconds of before March 1973 would be taken for seconds.)
- Datetimes of any unit and zone, and dates (midnight).

Nanoseconds are cut to microseconds, towards the past. What has neither a zone nor an offset is local time in the
source's `timezone`. Where a clock is set back, an hour of local time happens twice: the first is meant. Where it is set
forward, an hour never happens: such a time is refused, for nothing says what was meant.

Polars' parser is lenient ("2024-1-1", "24-01-01" for the year 24, a sixtieth second), so a pattern checks each text
first; it costs a third of the parsing.
"""

import datetime as dt
import re
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl

from dayshift.engines.contract import TIME

EXPECTED = "a time such as 2024-03-31 01:59:59.5, 2024-03-31T01:59:59Z, or whole s, ms, µs or ns since 1970"
_MOST_SHAPES = 8
_TABLED = (1900, 2099)
_SHAPE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?P<sep>[ T])?(?(sep)[0-9]{2}:[0-9]{2}(?P<seconds>:[0-9]{2}(?P<part>\.[0-9]{1,9})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})?|)"
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"


def parse_times(text: pl.Series, timezone: str) -> pl.Series:
    """The times of a text column; null where there is none that is allowed.

    >>> parse_times(pl.Series(["2024-01-01T01:00:00+01:00", "1704067200", "2024-13-01", None]), "UTC").to_list()
    [datetime.datetime(2024, 1, 1, 0, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC')), datetime.datetime(2024, 1, 1, 0, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC')), None, None]
    """
    parts: list[tuple[pl.Series, pl.Series]] = []
    rest = text
    where: pl.Series | None = None
    for _ in range(_MOST_SHAPES):
        sample = rest.drop_nulls()
        reader = _reader(str(sample[0])) if len(sample) else None
        if reader is None:
            break
        found = reader(rest, timezone)
        if where is None and found.null_count() == text.null_count():
            return found
        parts.append((found, where if where is not None else pl.int_range(len(text), eager=True)))
        left = found.is_null() & rest.is_not_null()
        where = parts[-1][1].filter(left)
        rest = rest.filter(left)
    result = pl.repeat(None, len(text), dtype=TIME, eager=True)
    for found, indices in parts:
        result = result.scatter(indices.filter(found.is_not_null()), found.drop_nulls())
    return _one_by_one(result, text, timezone)


def _one_by_one(result: pl.Series, text: pl.Series, timezone: str) -> pl.Series:
    """The texts of shapes that are rare in this column."""
    left = (result.is_null() & text.is_not_null()).arg_true()
    values = [(index, one_time(str(value), timezone)) for index, value in zip(left, text.gather(left), strict=True)]
    good = [(index, value) for index, value in values if value is not None]
    if not good:
        return result
    found = pl.Series([value for _, value in good], dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return result.scatter(pl.Series([index for index, _ in good], dtype=pl.UInt32), found)


class _Shape:
    """Reads all texts of one shape: a pattern that decides, and Polars' parser."""

    def __init__(self, pattern: str, form: str, *, aware: bool) -> None:
        self._pattern, self._form, self._aware = pattern, form, aware

    def __call__(self, text: pl.Series, timezone: str) -> pl.Series:
        well = text.str.contains(self._pattern)
        if not well.all():
            text = text.to_frame("t").select(pl.when(well).then("t"))["t"]
        found = text.str.to_datetime(self._form, strict=False, time_unit="us")
        return found.cast(TIME) if self._aware else local_to_utc(found, timezone)


def _numbers(text: pl.Series, timezone: str) -> pl.Series:
    del timezone
    well = text.str.contains(r"^[+-]?[0-9]{1,19}$")
    return from_numbers(text.to_frame("t").select(pl.when(well).then("t"))["t"].cast(pl.Int64, strict=False))


@cache
def _of_shape(sep: str | None, seconds: bool, part: bool, zone: str | None) -> _Shape:
    if sep is None:
        return _Shape(f"^{_DATE}$", "%Y-%m-%d", aware=False)
    pattern, form = f"^{_DATE}{sep}{_CLOCK}", f"%Y-%m-%d{sep}%H:%M"
    if seconds:
        pattern, form = f"{pattern}:[0-5][0-9]", f"{form}:%S"
    if part:
        pattern, form = rf"{pattern}(?:\.[0-9]{{1,9}})?", f"{form}%.f"
    if zone == "Z":
        return (
            _Shape(f"{pattern}Z$", f"{form}Z", aware=True)
            if not part
            else _Shape(f"{pattern}Z$", f"{form}%#z", aware=True)
        )
    if zone is not None:
        return _Shape(f"{pattern}[+-](?:[01][0-9]|2[0-3]):?(?:[0-5][0-9])?$", f"{form}%#z", aware=True)
    return _Shape(f"{pattern}$", form, aware=False)


def _reader(sample: str) -> _Shape | None:
    if _NUMBER.fullmatch(sample):
        return _numbers  # type: ignore[return-value]
    found = _SHAPE.fullmatch(sample)
    if found is None:
        return None
    zone = found["zone"]
    return _of_shape(
        found["sep"], found["seconds"] is not None, found["part"] is not None, "Z" if zone == "Z" else zone and "+"
    )


def local_to_utc(times: pl.Series, timezone: str) -> pl.Series:
    """Naive datetimes in a zone as UTC; null where the local time never happened."""
    if timezone == "UTC":
        return times.dt.replace_time_zone("UTC").cast(TIME)
    zoned = times.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    found = zoned.dt.convert_time_zone("UTC").cast(TIME)
    far = ~times.dt.year().is_between(*_TABLED)
    return _beyond_tables(found, times, far.fill_null(False).arg_true(), timezone) if far.any() else found


def _beyond_tables(found: pl.Series, times: pl.Series, far: pl.Series, timezone: str) -> pl.Series:
    """Polars knows the changes of clocks from a table that ends in 2099; Python from the zone's rule."""
    values = [_in_zone(when, timezone) for when in times.gather(far)]
    exact = pl.Series(values, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return found.scatter(far, exact)


def from_numbers(numbers: pl.Series) -> pl.Series:
    """Whole numbers since 1970 of the unit that their size tells, as times."""
    n = pl.col("n")
    size = n.abs()
    micros = (
        pl.when(size < 10**11)
        .then(n * 1_000_000)
        .when(size < 10**14)
        .then(n * 1_000)
        .when(size < 10**17)
        .then(n)
        .otherwise(n // 1_000)
    )
    allowed = n != -(2**63)
    frame = numbers.cast(pl.Int64, strict=False).to_frame("n").select(pl.when(allowed).then(micros))
    return frame.to_series().cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIME)


def from_times(times: pl.Series, timezone: str) -> pl.Series:
    """Datetimes of any unit and zone, or dates, as UTC."""
    if times.dtype == pl.Date:
        return local_to_utc(times.cast(pl.Datetime("us")), timezone)
    zone = times.dtype.time_zone  # type: ignore[attr-defined]
    if times.dtype.time_unit == "ns":  # type: ignore[attr-defined]
        times = (times.to_physical() // 1_000).cast(pl.Datetime("us"))
        times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(zone) if zone else times
    times = times.dt.cast_time_unit("us")
    return times.dt.convert_time_zone("UTC").cast(TIME) if zone else local_to_utc(times, timezone)


def one_time(text: str, timezone: str) -> int | None:
    """A single text as microseconds UTC, by Python's own calendar; None when it is not allowed.

    >>> one_time("2024-03-31 02:30", "Europe/Berlin"), one_time("2024-10-27 02:30", "Europe/Berlin")
    (None, 1729989000000000)
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _one_number(int(text))
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    zone, part = found["zone"], (found["part"] or ".")[1:7].ljust(6, "0")
    plain = text[: len(text) - len(zone or "")].split(".")[0].replace("T", " ")
    try:
        when = dt.datetime.fromisoformat(plain) + dt.timedelta(microseconds=int(part))
        if zone is None:
            return _in_zone(when, timezone)
        if zone != "Z" and (int(zone[1:3]) > 23 or int(zone[3:].strip(":") or 0) > 59):
            return None
        minutes = 0 if zone == "Z" else int(f"{zone[0]}1") * (60 * int(zone[1:3]) + int(zone[3:].strip(":") or 0))
    except (ValueError, OverflowError):
        return None
    return _micros(when) - minutes * 60_000_000


def _one_number(number: int) -> int | None:
    if not -(2**63) < number < 2**63:
        return None
    size = abs(number)
    if size < 10**11:
        return number * 1_000_000
    if size < 10**14:
        return number * 1_000
    return number if size < 10**17 else number // 1_000


def _in_zone(when: dt.datetime, timezone: str) -> int | None:
    if timezone == "UTC":
        return _micros(when)
    zone = ZoneInfo(timezone)
    utc = when.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if utc.astimezone(zone).replace(tzinfo=None) != when:
        return None
    return _micros(utc.replace(tzinfo=None))


def _micros(when: dt.datetime) -> int:
    return (when - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)  # noqa: DTZ001
