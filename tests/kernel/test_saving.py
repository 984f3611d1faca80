"""A state as bytes: of the moment it was copied, whoever makes the bytes and whenever."""

import pytest

from dayshift.definition import Column, Source
from dayshift.diagnostics import Bug
from dayshift.kernel.plan import Plan, compile_plan
from dayshift.kernel.stream import State
from tests.kernel.drawn import differing, log, part, plan


def test_a_copy_is_of_its_moment_and_room_is_used_again_only_when_it_is_free() -> None:
    """Two copies at once do not share room; a third takes that of the first when it is gone."""
    made = plan("20us")
    drawn, state = log(made, 300, seed=3), State(made)
    state.advance(*part(drawn, 0, 100))
    first, saved = state.snapshot(), state.save()
    state.advance(*part(drawn, 100, 200))
    second, later = state.snapshot(), state.save()
    assert b"".join(first()) == saved
    assert b"".join(second()) == later
    del first
    state.advance(*part(drawn, 200, 300))
    third = state.snapshot()
    assert b"".join(second()) == later
    assert b"".join(third()) == state.save()


def _plan(bits: int) -> Plan:
    source = Source("s", time="at", key="id", schema={"id": int, "x": Column(float), "k": int})
    other = Source("t", time="at", key="id", schema={"id": int, "k": int})
    features = [*source.over("1h").sum("x"), *source.over("1h").std("x"), *other.over("1h").count()]
    return compile_plan(features, {("s", "x"): 2**bits})


def test_a_state_can_follow_other_scales_and_nothing_else() -> None:
    """It is then the state of the other plan, byte for byte."""
    state = State(_plan(20))
    state.rescale(_plan(30))
    assert state.save() == State(_plan(30)).save()
    assert State.restore(_plan(30), state.save()).plan is not None
    with pytest.raises(Bug, match="DS503"):
        state.rescale(plan("20us"))


def test_large_states_are_copied_in_pieces() -> None:
    """More than one piece, and the restored state answers as the first would."""
    made = plan("20us", None)
    drawn = log(made, 20_000, seed=5)
    state = State(made, slack_us=10**9)
    state.advance(*part(drawn, 0, 19_000))
    parts = state.snapshot()()
    assert len(parts) > 3
    again = State.restore(made, b"".join(parts))
    assert differing(state.advance(*part(drawn, 19_000, 20_000)), again.advance(*part(drawn, 19_000, 20_000))) == 0
