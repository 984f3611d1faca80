"""Dense numbers for keys and words: equal values, equal numbers; null and unknown are nobody."""

from __future__ import annotations

import datetime as dt
from hashlib import blake2b

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.engines.local.numbering import Dictionary, Numberings, Span, stack

pairs = st.lists(st.tuples(st.sampled_from(["a", "b", "ü", None]), st.sampled_from([1, -(10**15), None])), max_size=12)
SCHEMA = {"word": pl.String, "number": pl.Int64}


@given(pairs, pairs)
def test_a_dictionary_numbers_tuples_as_they_appear_and_keeps_them(first: list, second: list) -> None:
    """It grows without renumbering, and gives the same numbers after it was saved."""
    known = Dictionary(pl.Schema(SCHEMA))
    seen: list = []
    for part in (first, second):
        frame = pl.DataFrame(part, schema=SCHEMA, orient="row")
        known.learn(frame)
        seen += [each for each in dict.fromkeys(part) if None not in each and each not in seen]
        wanted = [seen.index(each) if each in seen else -1 for each in part]
        assert known.codes(frame).tolist() == wanted
        known = Dictionary.restore(known.save())
        assert known.size == len(seen)


@given(
    st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=1),
    st.lists(st.one_of(st.none(), st.integers(-99, 99))),
)
def test_close_integers_are_numbered_without_hashing(values: list, asked: list) -> None:
    """The same relation as a dictionary's, though other numbers."""
    frame, other = (pl.DataFrame({"k": pl.Series(each, dtype=pl.Int64)}) for each in (values, asked))
    span = Span.of(frame)
    if span is None:
        assert set(values) == {None}
        return
    low = min(value for value in values if value is not None)
    high = max(value for value in values if value is not None)
    inside = [value - low if value is not None and low <= value <= high else -1 for value in asked]
    assert span.codes(other).tolist() == inside


def test_integers_far_apart_are_hashed() -> None:
    """And so is everything that must be saved."""
    assert Span.of(pl.DataFrame({"k": [0, 10**12]})) is None
    lasting = Numberings({})
    assert lasting.learn(("s", "k"), pl.DataFrame({"k": [7, 5, 7]})).tolist() == [0, 1, 0]
    assert list(lasting.dictionaries) == [("s", "k")]
    fresh = Numberings()
    assert fresh.learn(("s", "k"), pl.DataFrame({"k": [7, 5, 7]})).tolist() == [2, 0, 2]
    assert fresh.dictionaries == {}


def test_words_have_the_hashes_of_the_meaning() -> None:
    """The first eight bytes of BLAKE2b, little-endian, for words that are old and new alike."""
    known = Dictionary(pl.Schema({"word": pl.String}))
    for words in (["a"], ["a", "ü"]):
        known.learn(pl.DataFrame({"word": words}))
        wanted = [int.from_bytes(blake2b(w.encode(), digest_size=8).digest(), "little", signed=True) for w in words]
        assert known.hashes().tolist() == wanted


def test_the_key_of_no_columns_is_one_entity() -> None:
    """Everything together."""
    assert stack(pl.DataFrame({"a": [1, 2]}), []).to_series().to_list() == [0, 0]


SAMPLES = {
    pl.String: ["a", "b", "ü", "", None],
    pl.Int64: [1, 2, -(10**15), None],
    pl.Float64: [0.0, -0.0, 1.5, None],
    pl.Boolean: [True, False, None],
    pl.Date: [dt.date(1970, 1, 1), dt.date(2024, 2, 29), None],
    pl.Datetime("us", "UTC"): [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 2, tzinfo=dt.UTC), None],
}


@given(st.data())
def test_an_index_gives_the_numbers_of_the_table(data: st.DataObject) -> None:
    """Of every type of key, alone and together, learned and asked for, saved and restored in between."""
    kinds = data.draw(st.lists(st.sampled_from(list(SAMPLES)), min_size=1, max_size=3))
    schema = pl.Schema({f"c{number}": kind for number, kind in enumerate(kinds)})
    rows = st.lists(st.tuples(*(st.sampled_from(SAMPLES[kind]) for kind in kinds)), max_size=8)
    plain, indexed = Dictionary(schema), Dictionary(schema)
    indexed.index()
    for _ in range(4):
        part = pl.DataFrame(data.draw(rows), schema=schema, orient="row")
        plain.learn(part)
        assert indexed.number(part).tolist() == plain.codes(part).tolist()
        other = pl.DataFrame(data.draw(rows), schema=schema, orient="row")
        assert indexed.codes(other).tolist() == plain.codes(other).tolist()
        assert indexed.size == plain.size
        if data.draw(st.booleans()):
            assert indexed.frame(schema.names()).equals(plain.frame(schema.names()))
            indexed = Dictionary.restore(indexed.frozen().save())
            indexed.index()
    codes = pl.Series([*range(plain.size), None], dtype=pl.Int64)
    if len(kinds) == 1:
        assert indexed.values(codes).equals(plain.values(codes), null_equal=True)


def test_a_frozen_dictionary_knows_nothing_of_later() -> None:
    """Whatever is learned after it was taken."""
    known = Dictionary(pl.Schema({"word": pl.String}))
    known.index()
    known.learn(pl.DataFrame({"word": ["a", "b"]}))
    frozen = known.frozen()
    before = frozen.save()
    for number in range(100):
        known.learn(pl.DataFrame({"word": [f"w{number}"]}))
        assert known.frozen().size == 3 + number
    assert frozen.save() == before
    assert known.values(np.array([0, 101])).to_list() == ["a", "w99"]
    assert known.hashes().size == 102
