"""What is read as values at once is, value by value, what the contract makes of the text."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.connectors.contract import Chunk, Texts
from dayshift.connectors.files.jsonl import read_objects
from dayshift.connectors.plain_json import PlainReader, as_text
from dayshift.definition.settings import SourceSettings
from dayshift.lifecycle.door.values import convert

SOURCE = ds.Source(
    "payments",
    time="at",
    key="id",
    schema={
        "n": ds.optional(int),
        "x": ds.optional(float),
        "amount": ds.optional(ds.decimal(2)),
        "fraud": ds.optional(bool),
        "day": ds.optional("date"),
        "other": ds.optional("datetime"),
    },
)
SETTINGS = SourceSettings(http=True)
HEAD = '"id": "a", "at": "2024-05-01T00:00:00Z"'

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**14), max_value=10**14).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "-0", "-0.0", "0.0", "1e5", "1E-3", "01", "1.", ".5", "-", "+1", "0.005", "999999999999999", "2.50",
                     "123456789012345.6", "9007199254740993", "0.1", "0.30", "2.675", "1.5", "99999999999999.99"]),
)  # fmt: skip
TIMES = st.one_of(
    st.datetimes().map(lambda when: when.isoformat()),
    st.datetimes().map(lambda when: when.isoformat(sep=" ") + "Z"),
    st.builds(
        lambda when, part, zone: f"{when:%Y-%m-%dT%H:%M:%S}{part}{zone}",
        st.datetimes(),
        st.sampled_from(["", ".5", ".123456789", ".1234567890", "."]),
        st.sampled_from(["Z", "", "+01:00", "-23:59", "+24:00", "+0100", "+01", "z", "Z ", "+01:60"]),
    ),
    st.dates().map(str),
    st.sampled_from(["2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29T12:00:00Z", "2024-13-01T00:00:00Z", "2024-04-31",
                     "2024-05-01T24:00:00Z", "2024-05-01T23:59:60Z", "1899-12-31T00:00:00Z", "2100-01-01", " 2024-05-01", ""]),
)  # fmt: skip
TEXTS = st.text(max_size=6).map(json.dumps) | st.text(max_size=6).map(lambda text: json.dumps(text, ensure_ascii=False))
VALUES = st.one_of(
    NUMBERS,
    TIMES.map(json.dumps),
    TEXTS,
    st.sampled_from(["true", "false", "null", "tru", "[1]", '{"a":1}', '"true"', "NaN"]),
)
NAMES = st.sampled_from(["id", "at", "n", "x", "amount", "fraud", "day", "other", "new", "n ", "\\u006e"])
SPACE = st.sampled_from(["", " ", "\t", "  ", "\r"])
MEMBERS = st.lists(st.tuples(NAMES, SPACE, VALUES, SPACE), max_size=5)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """The text of an object, mostly one that is plain."""
    if draw(st.booleans()):
        members = [f'"{name}"{a}:{b}{value}' for name, a, value, b in draw(MEMBERS)]
    else:
        fitting = {"n": NUMBERS, "x": NUMBERS, "amount": NUMBERS, "fraud": st.sampled_from(["true", "false", "null"]),
                   "day": TIMES.map(json.dumps), "other": TIMES.map(json.dumps) | NUMBERS}  # fmt: skip
        some = draw(st.lists(st.sampled_from(sorted(fitting)), unique=True, max_size=3))
        members = [HEAD, *(f'"{name}": {draw(fitting[name])}' for name in some)]
    text = draw(SPACE) + "{" + ", ".join(members) + "}" + draw(SPACE) + draw(st.sampled_from(["", "", "", "}", ","]))
    return text.encode("utf-8", "surrogatepass")


def by_contract(texts: list[bytes], source: ds.Source, settings: SourceSettings) -> pl.DataFrame | None:
    """The same by way of text; None when a text is no object."""
    found = read_objects(texts)
    if found.faults:
        return None
    columns = {}
    for name, column in source.columns.items():
        raw = (
            found.frame[name]
            if name in found.frame.columns
            else pl.repeat(None, len(texts), dtype=pl.String, eager=True)
        )
        columns[name], blank = convert(column, raw, settings.timezone)
        assert blank is None
        assert columns[name].null_count() == raw.null_count(), (name, raw.to_list())
    return pl.DataFrame(columns)


def bits(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    """Values with the sign of a zero."""
    return [tuple(repr(value) for value in row) for row in frame.rows()]


@given(st.lists(objects(), min_size=1, max_size=4), st.sampled_from(["UTC", "Europe/Berlin"]))
@example([b'{"id": "a", "at": "2024-05-01T00:00:00Z", "amount": 2.5, "x": 0.1, "n": -7}'], "UTC")
@example([b'{"id": "\xff", "at": "2024-05-01T00:00:00Z"}'], "UTC")
def test_what_is_plain_is_what_the_contract_makes_of_the_text(texts: list[bytes], timezone: str) -> None:
    """Whatever the objects are: they are read as the contract reads them, or not at all."""
    settings = SourceSettings(http=True, timezone=timezone)
    found = PlainReader(SOURCE, settings)(texts)
    if found is not None:
        expected = by_contract(texts, SOURCE, settings)
        assert expected is not None, texts
        assert found.schema == expected.schema
        assert bits(found) == bits(expected)


@given(st.integers(-(10**13), 10**13), st.integers(0, 4))
def test_decimals_are_the_nearest_doubles(cents: int, digits: int) -> None:
    """A decimal is one correctly rounded division, whatever its digits."""
    source = ds.Source("s", time="at", key="id", schema={"amount": ds.decimal(digits)})
    sign, text = "-" if cents < 0 else "", f"{abs(cents):0{digits + 1}d}"
    number = sign + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)
    found = PlainReader(source, SETTINGS)([f'{{{HEAD}, "amount": {number}}}'.encode()])
    if cents:
        assert found is not None
        assert found["amount"][0] == float(number)


def test_ordinary_events_are_plain() -> None:
    """The way exists for these: any order of names, spaces or none, umlauts, absent and null values, numbers as text columns."""
    texts = [
        '{"id": "ä", "at": "2024-05-01T01:00:00.5+01:00", "n": 7, "x": 1.25, "amount": 12.3, "fraud": true}'.encode(),
        b'{"at":"2024-05-01 00:00:00","id":12,"day":"2024-02-29","other":1714521600000,"n":null}',
    ]
    found = PlainReader(SOURCE, SETTINGS)(texts)
    assert found is not None
    assert bits(found) == bits(by_contract(texts, SOURCE, SETTINGS))  # type: ignore[arg-type]
    assert found["id"].to_list() == ["ä", "12"]


def test_columns_that_are_ignored_do_not_slow_it_down() -> None:
    """A column that nobody declared is read as text once; from then on it is passed over, unless the section wants it."""
    texts = [f'{{{HEAD}, "more": "x", "also": -1.50}}'.encode()]
    ignoring = PlainReader(SOURCE, SourceSettings(http=True, on_new_column="ignore"))
    stopping = PlainReader(SOURCE, SourceSettings(http=True, on_new_column="stop"))
    for reader in (ignoring, stopping):
        assert reader(texts) is None
        reader.pass_over(["id", "more", "also"])
    assert ignoring(texts).columns == list(SOURCE.columns)  # type: ignore[union-attr]
    assert ignoring([f'{{{HEAD}, "more": "x", "more": 2}}'.encode()]) is None
    assert stopping(texts) is None


@pytest.mark.parametrize(
    ("source", "can"),
    [
        (SOURCE, True),
        (ds.Source("s", time="at", key="id", where=pl.col("kind") == "a"), False),
        (ds.Source("s", time="at", key="id", where=pl.col("id") == "a"), True),
        (ds.Source("s", time="at", key="id", derive={"id": ds.sql("a || b")}), False),
        (ds.Source("s", time="at", key="id", schema={"x": ds.decimal(18)}), False),
        (ds.Source("s", time="at", key="id", where=~pl.any_horizontal(pl.all().cast(pl.String) == "bad")), False),
        (ds.Source("s", time="at", key="id", where=pl.col("^i.*$") == "a"), False),
        (ds.Source("s", time="at", key="id", derive={"n": pl.col("id").map_elements(len, pl.Int64)}), True),
    ],
)
def test_sources_whose_text_is_needed_are_read_as_text(source: ds.Source, can: bool) -> None:
    """An expression of the user may read columns that are not declared: these it sees as they came."""
    assert PlainReader.can(source, SETTINGS) is can


def test_what_stands_beside_is_declared_or_ignored() -> None:
    """What the section says of columns that nobody declared holds for a key or a header too."""
    source = ds.Source("s", time="at", key="id", schema={"mine": str})
    for policy, name, can in (
        ("evolve", "k", False),
        ("stop", "k", False),
        ("ignore", "k", True),
        ("stop", "mine", True),
    ):
        given = SourceSettings(topic="t", brokers="b", key_column=name, on_new_column=policy)  # type: ignore[arg-type]
        assert PlainReader.can(source, given) is can


def test_a_chunk_goes_back_to_its_text() -> None:
    """With the columns beside the objects, and with objects that hold nothing."""
    frame = pl.DataFrame({"id": [None], "key": ["k"]}, schema={"id": pl.Int64, "key": pl.String})
    chunk = Chunk(frame, "t/0", pl.Series([4]), texts=Texts([b"{}"], ("key",)))
    assert as_text(chunk).frame.rows(named=True) == [{"key": "k"}]
    chunk = Chunk(frame, "t/0", pl.Series([4]), texts=Texts([b'{"id": 1.50}'], ("key",)))
    assert as_text(chunk).frame.rows(named=True) == [{"id": "1.5", "key": "k"}]
    assert as_text(as_text(chunk)).texts is None
