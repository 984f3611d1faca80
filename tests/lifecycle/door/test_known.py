"""The hashes that a source has shown."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.lifecycle.door import known as module
from dayshift.lifecycle.door.keys import U64
from dayshift.lifecycle.door.known import KnownHashes, repeated

TOP = 2**64 - 1
HASHES = st.one_of(
    st.integers(0, 50),
    st.integers(0, TOP),
    st.integers(TOP - 50, TOP),
    st.integers(0, 200).map(lambda low: (513 << 54) + low),
    st.integers(0, 200).map(lambda top: top << 55),
)
PARTS = st.lists(st.lists(HASHES, max_size=200), max_size=8)


def plainly(odd: int) -> KnownHashes:
    """A set whose hashes stand where this number puts them; 1: where they are themselves."""
    known = KnownHashes()
    known._odd = np.uint64(odd)
    return known


def array(values: list[int]) -> U64:
    return np.array(values, np.uint64)


@given(parts=PARTS, odd=st.sampled_from([1, 0x9E3779B97F4A7C15]), many=st.sampled_from([1, 50, 1_000]))
def test_known_hashes_are_a_set(parts: list[list[int]], odd: int, many: int) -> None:
    """Whatever was added, in which pieces, and however close together, `seen` says exactly that."""
    known, model = plainly(odd), set[int]()
    probes = sorted({near % 2**64 for part in parts for value in part for near in (value - 1, value, value + 1)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_MANY", many)
        for part in parts:
            known.add(array(part))
            model |= set(part)
            assert known.seen(array(probes)).tolist() == [value in model for value in probes]
            assert len(known) == len(model)


@pytest.mark.parametrize("step", [1, 2**40 + 1, 2**52 + 2**13 + 1])
def test_hashes_at_one_place_are_found(step: int) -> None:
    """Thousands that begin alike, and as many at the upper end: slower, and right, in little memory."""
    known = plainly(1)
    hashes = np.concatenate(
        [np.arange(4_000, dtype=np.uint64) * np.uint64(step), TOP - np.arange(4_000, dtype=np.uint64)]
    )
    for part in np.array_split(np.random.default_rng(7).permutation(hashes), 9):
        known.add(part)
    assert known.seen(hashes).all()
    others = np.arange(4_000, dtype=np.uint64) + np.uint64(2**50)
    assert np.array_equal(known.seen(others), np.isin(others, hashes))
    assert len(known) == len(set(hashes.tolist()))
    assert sum(words.size for words in known._words) < 100_000


def test_a_large_set_grows_by_small_and_large_parts() -> None:
    """Half a million hashes, some of them again and again: all are found, and nothing else, at about 20 bytes each."""
    random = np.random.default_rng(7)
    hashes = random.integers(0, TOP, 500_000, np.uint64)
    known = KnownHashes()
    known.add(np.append(hashes[:200_000], hashes[:100_000]))
    for part in np.split(hashes[200_000:320_000], 60):
        known.add(part)
        known.add(part[::2])
    known.add(hashes)
    assert len(known) == hashes.size
    assert known.seen(hashes).all()
    assert not known.seen(random.integers(0, TOP, 100_000, np.uint64)).any()
    assert sum(words.nbytes for words in known._words) < 22 * hashes.size


def test_arrays_of_any_make_are_taken() -> None:
    """Read-only ones, as a column of a table gives, every second word of one, none."""
    hashes = np.arange(10, dtype=np.uint64)
    hashes.flags.writeable = False
    known = KnownHashes()
    known.add(hashes[:0])
    known.add(hashes[::2])
    assert known.seen(hashes).tolist() == [True, False] * 5
    assert known.seen(hashes[:0]).tolist() == []
    assert not repeated(hashes[::3]).any()


@given(st.lists(HASHES, max_size=60))
def test_the_repeated_are_those_that_stand_there_twice(values: list[int]) -> None:
    """Each of them, the first one too."""
    often = Counter(values)
    assert repeated(array(values)).tolist() == [often[value] > 1 for value in values]
