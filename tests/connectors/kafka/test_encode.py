"""Rows as JSON messages, exact to the bit."""

import datetime as dt
import json
import math
import struct
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.kafka.encode import keys_of, values_of

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def bits(value: Any) -> bytes:
    return struct.pack("d", WORDS[value] if isinstance(value, str) else value)


@given(st.lists(st.none() | st.floats(), min_size=1, max_size=20))
def test_a_float_reads_back_as_the_same_bits(values: list[float | None]) -> None:
    """Any double: subnormals, -0.0, the largest; what is no number or infinite is a word, and null is null."""
    found = [json.loads(text)["x"] for text in values_of(pl.DataFrame({"x": values}, schema={"x": pl.Float64}))]
    for value, got in zip(values, found, strict=True):
        if value is None:
            assert got is None
        elif math.isnan(value):
            assert got == "NaN"
        else:
            assert bits(got) == bits(value)


@pytest.mark.parametrize("odd", [0.5, math.nan])
def test_a_row_is_written_in_the_same_words_whatever_numbers_stand_beside_it(odd: float) -> None:
    """The path for numbers that JSON has no word for writes all else as the other does."""
    frame = pl.DataFrame(
        {
            "_load": [3],
            "_position": [17],
            "_policy": ["as_known"],
            "at": [dt.datetime(2024, 5, 1, 10, 0, 0, 5, tzinfo=dt.UTC)],
            "day": [dt.date(2024, 5, 1)],
            "name": ['é"\\\n\x00'],
            "last": [[1.5, None]],
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "raw": [b"\x00\xff"],
            "sure": [True],
            "none": pl.Series([None], dtype=pl.Int64),
            "big": [2**63 - 1],
            "odd": [odd],
        }
    )
    (text,) = values_of(frame)
    assert json.loads(text) == {
        "load": 3,
        "position": 17,
        "at": "2024-05-01T10:00:00.000005Z",
        "day": "2024-05-01",
        "name": 'é"\\\n\x00',
        "last": [1.5, None],
        "kind": "a",
        "raw": "00ff",
        "sure": True,
        "none": None,
        "big": 2**63 - 1,
        "odd": odd if math.isfinite(odd) else "NaN",
    }
    assert b"\n" not in text


def test_a_number_within_a_list_is_never_turned_into_null() -> None:
    """Last values may be infinite too."""
    frame = pl.DataFrame({"last": [[1.0, math.inf], [math.nan, -0.0]]})
    assert [json.loads(text)["last"] for text in values_of(frame)] == [[1.0, "Infinity"], ["NaN", -0.0]]


def test_the_key_is_the_key_columns_as_json() -> None:
    """One column by itself, several as a list, times as in the value; none where a column is absent, as in quarantine."""
    at = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    frame = pl.DataFrame({"id": ["a:b", None], "n": [1, 2], "at": [at, at]})
    assert keys_of(frame, ["id"]) == [b'"a:b"', b"null"]
    assert keys_of(frame, ["n", "at"])[0] == b'[1,"2024-05-01T00:00:00.000000Z"]'
    assert keys_of(frame, ["customer"]) == [None, None]
    assert keys_of(frame.head(0), ["id"]) == []


TYPES: dict[str, tuple[pl.DataType | type[pl.DataType], st.SearchStrategy[Any]]] = {
    "n": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "small": (pl.Int8, st.integers(-128, 127)),
    "text": (pl.String, st.text(max_size=8)),
    "x": (pl.Float64, st.floats(allow_nan=False, allow_infinity=False)),
    "sure": (pl.Boolean, st.booleans()),
    "at": (pl.Datetime("us", "UTC"), st.datetimes(dt.datetime(1, 1, 2), timezones=st.just(dt.UTC))),
    "day": (pl.Date, st.dates()),
    "raw": (pl.Binary, st.binary(max_size=4)),
}


def plainly(value: Any) -> bytes:
    """A value as JSON, by Python's own writer; texts with their characters, times to the microsecond."""
    if isinstance(value, dt.datetime):
        value = f"{value.year:04}-{value:%m-%dT%H:%M:%S.%fZ}"
    if isinstance(value, dt.date):
        value = f"{value.year:04}-{value:%m-%d}"
    if isinstance(value, bytes):
        value = value.hex()
    return json.dumps(value, ensure_ascii=False).encode()


@given(st.data(), st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3, unique=True))
def test_a_key_says_what_the_value_says(data: st.DataObject, names: list[str]) -> None:
    """Of any type, alone or among others, in one piece of memory or in several: as the same column in the row."""
    rows = data.draw(st.lists(st.fixed_dictionaries({name: st.none() | TYPES[name][1] for name in names}), max_size=8))
    schema = {name: TYPES[name][0] for name in names}
    frame = pl.concat([pl.DataFrame(rows[at:end], schema) for at, end in ((0, 3), (3, None))], rechunk=False)
    keys, values = keys_of(frame, names), values_of(frame)
    for row, key, value in zip(rows, keys, values, strict=True):
        shown = json.loads(value)
        assert key is not None
        assert json.loads(key) == (shown[names[0]] if len(names) == 1 else [shown[name] for name in names])
        if len(names) == 1 and names[0] not in ("x", "text"):
            assert key == plainly(row[names[0]])


def test_finite_numbers_whose_sum_is_not_are_numbers() -> None:
    """The sum only answers for all of them at once."""
    frame = pl.DataFrame({"x": [1.5e308, 1.5e308, None]})
    assert [json.loads(text)["x"] for text in values_of(frame)] == [1.5e308, 1.5e308, None]
    assert values_of(pl.DataFrame({"x": [math.inf, -math.inf]})) == [b'{"x":"Infinity"}', b'{"x":"-Infinity"}']


def test_rows_without_columns_to_show_are_empty_objects() -> None:
    """As many messages as rows."""
    assert values_of(pl.DataFrame({"_state": [1, 2]})) == [b"{}", b"{}"]
    assert values_of(pl.DataFrame({"a": []})) == []
