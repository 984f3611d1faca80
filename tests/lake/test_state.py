"""Saved states: whole, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayshift.diagnostics import NotReady
from dayshift.lake import Lake, State
from tests.lake.parts import code_of

BLOB = bytes(range(256)) * 40


@pytest.fixture
def state(tmp_path: Path) -> State:
    return Lake(tmp_path).state("late flights")


def _file(state: State) -> Path:
    return next(state._folder.glob("*.state"))


def test_a_state_comes_back_as_it_was_saved(state: State) -> None:
    """The newest of the fingerprint, or the newest up to a load; another fingerprint has none."""
    assert state.load("f1") is None
    state.save("f1", 1, b"one")
    state.save("f1", 2, BLOB)
    state.save("F2", 9, b"")
    assert state.load("f1") == (2, BLOB)
    assert state.load("f1", upto_load=1) == (1, b"one")
    assert state.load("f1", upto_load=0) is None
    assert state.load("F2") == (9, b"")
    assert state.load("f3") is None
    state.forget("f1")
    assert state.load("f1") is None
    assert state.load("F2") == (9, b"")


def test_the_newest_three_of_a_fingerprint_stay(state: State) -> None:
    """A state of an earlier load is still there when features lag behind; older ones go."""
    for load in range(1, 7):
        state.save("f1", load, b"%d" % load)
    state.save("f2", 1, b"other")
    assert [state.load("f1", upto_load=load) for load in (3, 4, 6)] == [None, (4, b"4"), (6, b"6")]
    assert state.load("f2") == (1, b"other")


@pytest.mark.parametrize("at", [0, 5, 20, 60, -1])
def test_a_flipped_bit_anywhere_is_refused(state: State, at: int) -> None:
    """A damaged state is DS403, never a smaller answer."""
    state.save("f1", 1, BLOB)
    path = _file(state)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(NotReady) as caught:
        state.load("f1")
    assert code_of(caught.value) == "DS403"
    assert str(path) in caught.value.problems[0].facts[0]


@pytest.mark.parametrize("length", [0, 10, 40, 200, 5_000])
def test_a_shortened_state_is_refused(state: State, length: int) -> None:
    """As a torn write or a full disk would leave it."""
    state.save("f1", 1, BLOB)
    path = _file(state)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(NotReady) as caught:
        state.load("f1")
    assert code_of(caught.value) == "DS403"


def test_a_state_under_another_name_is_refused(state: State) -> None:
    """A file that was renamed to another load is not the state of that load."""
    state.save("f1", 1, BLOB)
    path = _file(state)
    path.rename(path.with_name("000000000007-f1.state"))
    with pytest.raises(NotReady):
        state.load("f1")


def test_a_half_written_state_is_never_looked_at(state: State) -> None:
    """What a killed save leaves has another name, and goes with the next save."""
    state.save("f1", 1, b"one")
    torn = state._folder / ".000000000002-f1.state.0123456789ab"
    torn.write_bytes(b"DAYSHIFT")
    assert state.load("f1") == (1, b"one")
    state.save("f1", 2, b"two")
    assert not torn.exists()
