"""The stored hash of keys."""

import datetime as dt
import hashlib

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.lifecycle.door.keys import hash_column, key_hash

MASK = 2**64 - 1


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def slowly(text: str) -> int:
    data = text.encode()
    if len(data) > 256:
        return mix(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little"))
    h = len(data)
    for start in range(0, len(data), 8):
        h = mix(h ^ int.from_bytes(data[start : start + 8].ljust(8, b"\0"), "little"))
    return mix(h)


def test_the_hash_never_changes() -> None:
    """It is stored: these values hold for every version, machine and process."""
    frame = pl.DataFrame({"s": ["", "a", "payment-0000001", "é" * 200], "n": [0, 1, -1, 2**40]})
    assert key_hash(frame, ["s"]).to_list() == [slowly(text) - 2**64 * (slowly(text) >> 63) for text in frame["s"]]
    assert key_hash(frame, ["n"]).to_list()[:2] == [0, mix(1)]
    assert key_hash(frame, ["s", "n"]).n_unique() == 4


@given(st.lists(st.one_of(st.none(), st.text(max_size=30), st.text(min_size=250, max_size=300)), max_size=20))
def test_texts_are_hashed_as_the_definition_says(texts: list[str | None]) -> None:
    """The vectorised hash against a plain one, for any mixture of lengths."""
    found = hash_column(pl.Series(texts, dtype=pl.String)).tolist()
    assert found == [0x9E3779B97F4A7C15 if text is None else slowly(text) for text in texts]


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=20))
def test_integers_are_hashed_as_the_definition_says(values: list[int | None]) -> None:
    """Any of them, with nulls and without, and a column's values are as they were."""
    nothing = 0x9E3779B97F4A7C15
    for some in (values, [value for value in values if value is not None]):
        column = pl.Series(some, dtype=pl.Int64)
        assert hash_column(column).tolist() == [nothing if value is None else mix(value & MASK) for value in some]
        assert column.to_list() == some


def test_every_canonical_type_has_a_hash() -> None:
    """Numbers, truth, days, times; -0.0 and 0.0 are one value."""
    now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for values in (
        [True, False],
        [dt.date(2024, 1, 1), dt.date(2024, 1, 2)],
        [now, now + dt.timedelta(microseconds=1)],
        [0.5, 0.25],
    ):
        assert len(set(hash_column(pl.Series(values)).tolist())) == 2
    assert len(set(hash_column(pl.Series([0.0, -0.0])).tolist())) == 1


def test_hashes_spread_evenly() -> None:
    """A hundred thousand counting keys: no two hashes are equal, and every bucket gets its share."""
    hashes = hash_column(pl.Series([f"k{n}" for n in range(100_000)]))
    assert len(np.unique(hashes)) == 100_000
    shares = np.bincount((hashes >> np.uint64(58)).astype(int), minlength=64)
    assert 1_300 < shares.min() < shares.max() < 1_830
