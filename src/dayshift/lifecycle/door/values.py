"""A column's values as they come, in the canonical type of its declaration; null where a value is not of that type.

Each conversion is fast for what files usually hold, and hands the few values that it did not understand to a slow
reading, one by one, which decides. The fast way accepts nothing that the slow one would not, with the same result.
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import numpy as np
import polars as pl

from dayshift.definition.column import Column
from dayshift.engines.contract import DTYPES
from dayshift.lifecycle.door import times
from dayshift.semantics.fixed_point import DECIMAL_LIMIT

_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_WORDS = {
    form: value
    for words, value in ((_TRUE, True), (_FALSE, False))
    for word in words
    for form in (word, word.title(), word.upper())
}
_INT = re.compile(r"[+-]?[0-9]+(?:\.0*)?")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
COMPUTED_ULPS = 4
SHORT_DECIMAL = 16  # so many bytes of text hold at most 15 digits and a point: each such number has a double of its own

EXPECTED = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false (also t, f, yes, no, y, n, 1, 0)",
    "datetime": times.EXPECTED,
    "date": "a date such as 2024-03-31",
}


def expected(column: Column) -> str:
    """What a value of the column may look like, for messages."""
    return (
        f"a number with at most {column.digits} digits after the point"
        if column.type == "decimal"
        else EXPECTED[column.type]
    )


def convert(column: Column, raw: pl.Series, timezone: str) -> tuple[pl.Series, pl.Series | None]:
    """The canonical values, and which values are blank text and count as absent (None: no one is).

    >>> convert(Column(int), pl.Series(["7", " 8 ", "9.0", "x", "", None]), "UTC")[0].to_list()
    [7, 8, 9, None, None, None]
    """
    if isinstance(raw.dtype, pl.Decimal | pl.Categorical | pl.Enum):
        raw = raw.cast(pl.String)
    wanted = DTYPES[column.type]
    if raw.dtype == pl.Null:
        return raw.cast(wanted), None
    if raw.dtype != pl.String:
        return _TYPED[column.type](column, raw, timezone), None
    if column.type == "str":
        return raw, None
    values = _TEXT[column.type](column, raw, timezone)
    if values.null_count() == raw.null_count():
        return values, None
    return _slowly(column, raw, values, timezone)


def _slowly(column: Column, raw: pl.Series, values: pl.Series, timezone: str) -> tuple[pl.Series, pl.Series | None]:
    missed = (values.is_null() & raw.is_not_null()).arg_true()
    texts = raw.gather(missed)
    single = one_value(column, timezone)
    known = {text: single(text.strip()) for text in texts.unique()}
    found = pl.Series(
        [known[text] for text in texts], dtype=pl.Int64 if column.type == "datetime" else DTYPES[column.type]
    )
    if column.type == "datetime":
        found = found.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    values = values.scatter(missed, found)
    blank_at = missed.filter(texts.str.strip_chars() == "")
    if not len(blank_at):
        return values, None
    return values, pl.repeat(False, len(raw), dtype=pl.Boolean, eager=True).scatter(blank_at, True)


# Text, fast


def _ints(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    return raw.cast(pl.Int64, strict=False)


def _floats(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    return raw.cast(pl.Float64, strict=False)


def _decimals(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del timezone
    longest = cast(int, raw.str.len_bytes().max() or 0)
    if longest > SHORT_DECIMAL:
        short = raw.str.len_bytes() <= SHORT_DECIMAL
        raw = raw.to_frame("t").select(pl.when(short).then("t"))["t"]
    values = decimal_on_grid(column, raw.cast(pl.Float64, strict=False))
    zero = values == 0
    if zero.any() and raw.filter(zero).str.contains("[1-9].*[eE]").any():
        tiny = zero & raw.str.contains("[1-9].*[eE]")
        values = values.to_frame("v").select(pl.when(~tiny).then("v"))["v"]
    return values


def _bools(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    return raw.replace_strict(_WORDS, default=None, return_dtype=pl.Boolean)


def _dates(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    well = raw.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    return raw.to_frame("t").select(pl.when(well).then("t"))["t"].str.to_date("%Y-%m-%d", strict=False)


def _datetimes(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column
    return times.parse_times(raw, timezone)


_TEXT: dict[str, Callable[[Column, pl.Series, str], pl.Series]] = {
    "int": _ints,
    "float": _floats,
    "decimal": _decimals,
    "bool": _bools,
    "date": _dates,
    "datetime": _datetimes,
}


# Text, one value at a time: what decides


def one_value(column: Column, timezone: str) -> Callable[[str], Any]:
    """A function from stripped text to the canonical value, None when it is not of the column's type."""

    def whole(text: str) -> int | None:
        if not _INT.fullmatch(text):
            return None
        value = int(text.split(".", maxsplit=1)[0])
        return value if -(2**63) <= value < 2**63 else None

    def number(text: str) -> float | None:
        return float(text) if _FLOAT.fullmatch(text) else None

    def day(text: str) -> dt.date | None:
        try:
            return dt.date.fromisoformat(text) if len(text) == 10 else None
        except ValueError:
            return None

    return {
        "int": whole,
        "float": number,
        "decimal": lambda text: one_decimal(column, text),
        "bool": lambda text: _WORDS.get(text, _WORDS.get(text.lower())),
        "date": day,
        "datetime": lambda text: times.one_time(text, timezone),
    }[column.type]


def one_decimal(column: Column, text: str) -> float | None:
    """The double nearest to a decimal of exactly the declared digits; None when it has more digits, or is too large.

    >>> one_decimal(Column("decimal", digits=2), "2.5000"), one_decimal(Column("decimal", digits=2), "1.005")
    (2.5, None)
    """
    if not _PLAIN.fullmatch(text):
        return None
    scale = 10 ** (column.digits or 0)
    try:
        exact = Decimal(text) if len(text) < 60 else None
    except InvalidOperation:
        return None
    if exact is None:
        return None
    whole, parts = exact.as_integer_ratio()
    if (whole * scale) % parts:
        return None
    q = whole * scale // parts
    return q / scale if abs(q) < DECIMAL_LIMIT else None


def decimal_on_grid(column: Column, values: pl.Series, ulps: int = 0) -> pl.Series:
    """The doubles that are the nearest to a decimal of the declared digits, null for all others.

    `ulps`: how many units in its last place a double may be away from that nearest one, which is then taken for it.
    Numbers that were computed as doubles (cents multiplied by 0.01) are a unit or two away; text never is.
    """
    # In NumPy: Polars multiplies by the reciprocal where a column is divided by a number, which is not correctly rounded.
    scale = float(10 ** (column.digits or 0))
    x = values.to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        q = np.rint(x * scale)
        nearest = q / scale
        away = np.abs(nearest - x) <= ulps * np.spacing(np.abs(nearest)) if ulps else nearest == x
        on_grid = away & (np.abs(q) < DECIMAL_LIMIT)
    if values.null_count():
        on_grid &= values.is_not_null().to_numpy()
    found = pl.Series(nearest + 0.0)
    return found if on_grid.all() else found.to_frame("x").select(pl.when(pl.Series(on_grid)).then("x"))["x"]


# Other types


def _any_str(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    if raw.dtype.is_nested():
        return json_text(raw)
    if raw.dtype == pl.Binary:
        return raw.cast(pl.String, strict=False)
    return raw.cast(pl.String)


def json_text(raw: pl.Series) -> pl.Series:
    """Lists and structs as JSON."""
    import json

    values = [None if value is None else json.dumps(value, default=str) for value in raw.to_list()]
    return pl.Series(raw.name, values, dtype=pl.String)


def _any_int(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    if raw.dtype.is_float():
        whole = (raw == raw.round(0)) & (raw.abs() < 2.0**63)
        raw = raw.to_frame("x").select(pl.when(whole).then("x"))["x"]
    return raw.cast(pl.Int64, strict=False) if raw.dtype.is_numeric() else _none(raw, pl.Int64)


def _any_float(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    return raw.cast(pl.Float64, strict=False) if raw.dtype.is_numeric() else _none(raw, pl.Float64)


def _any_decimal(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    if raw.dtype == pl.Float32:
        return _decimals(column, raw.cast(pl.String), timezone)
    if not raw.dtype.is_numeric():
        return _none(raw, pl.Float64)
    return decimal_on_grid(column, raw.cast(pl.Float64), COMPUTED_ULPS if raw.dtype.is_float() else 0)


def _any_bool(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    if raw.dtype == pl.Boolean:
        return raw
    if not raw.dtype.is_numeric():
        return _none(raw, pl.Boolean)
    return raw.to_frame("x").select(pl.when(pl.col("x").is_in([0, 1])).then(pl.col("x") == 1))["x"]


def _any_date(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column, timezone
    if raw.dtype == pl.Date:
        return raw
    if not isinstance(raw.dtype, pl.Datetime):
        return _none(raw, pl.Date)
    naive = raw.dt.replace_time_zone(None)
    days = naive.dt.date()
    return days.to_frame("d").select(pl.when(days.cast(naive.dtype) == naive).then("d"))["d"]


def _any_datetime(column: Column, raw: pl.Series, timezone: str) -> pl.Series:
    del column
    if raw.dtype.is_temporal() and raw.dtype in (pl.Date, pl.Datetime):
        return times.from_times(raw, timezone)
    return times.from_numbers(raw) if raw.dtype.is_integer() else _none(raw, DTYPES["datetime"])


def _none(raw: pl.Series, dtype: Any) -> pl.Series:
    return pl.repeat(None, len(raw), dtype=dtype, eager=True)


_TYPED: dict[str, Callable[[Column, pl.Series, str], pl.Series]] = {
    "str": _any_str,
    "int": _any_int,
    "float": _any_float,
    "decimal": _any_decimal,
    "bool": _any_bool,
    "date": _any_date,
    "datetime": _any_datetime,
}
