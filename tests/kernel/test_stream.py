"""A state's answers are a history's, wherever micro-batches end and whenever it is saved."""

import random

import numpy as np
import pytest

from dayshift.diagnostics import Bug, Refused
from dayshift.kernel import history
from dayshift.kernel.arrays import Answer, Events, Mask, Questions, Values
from dayshift.kernel.plan import Plan, compile_plan
from dayshift.kernel.stream import State
from tests.kernel.drawn import SCALES, TAPS, cuts, differing, log, part, plan


def _streamed(made: Plan, drawn: tuple, slack_us: int, seed: int) -> tuple[list[Answer], Mask, State]:
    rng, state = random.Random(seed), State(made, slack_us=slack_us)
    at = cuts(drawn[1].time.size, rng)
    answers, missed = [], []
    for first, last in zip(at, at[1:], strict=False):
        answers.append(state.advance(*part(drawn, first, last)))
        missed.append(state.unanswerable)
        if rng.random() < 0.2:
            state = State.restore(made, state.save())
    joined = []
    for column in range(len(made.columns)):
        valid = [batch[column].valid for batch in answers]
        values = np.concatenate([batch[column].values for batch in answers])
        joined.append(Answer(values, None if valid[0] is None else np.concatenate(valid)))
    return joined, np.concatenate(missed), state


@pytest.mark.parametrize("late", [0.0, 0.3])
@pytest.mark.parametrize("slack_us", [0, 15, 10_000])
@pytest.mark.parametrize("with_self", [False, True])
def test_the_stream_gives_the_bits_of_the_history(late: float, slack_us: int, with_self: bool) -> None:
    """Random micro-batches, saved and restored in between, late events, eviction: equal, or flagged."""
    made = plan("20us", None, with_self=with_self)
    for seed in range(3):
        drawn = log(made, 250, seed, late)
        streamed, missed, _ = _streamed(made, drawn, slack_us, seed)
        assert differing(history.answer(made, *drawn), streamed, ~missed) == 0
        assert missed.mean() < 0.4
        if late == 0.0 or slack_us == 10_000:
            assert not missed.any()


def test_memory_is_bounded_by_the_events_inside_the_largest_window() -> None:
    """Twenty times the log, the same memory; entities that fell silent are swept away."""
    made = plan("20us")
    drawn = log(made, 20_000, seed=5)
    state = State(made, slack_us=0)
    used, held = [], []
    for first in range(0, 20_000, 1000):
        state.advance(*part(drawn, first, first + 1000))
        used.append(state.bytes_used)
        held.append(state.held)
    assert used[-1] < 1.05 * used[1]
    assert max(held) < 200


def test_an_entity_costs_what_its_features_need() -> None:
    """A mean over three windows of one delay: a head of 12 words, and a ring of four entries of two words."""
    windows = TAPS.by("card").over("20us", "40us", "60us")
    made = compile_plan([*windows.count(), *windows.mean("cents")], SCALES)
    used = []
    for entities in (1, 11):
        state, n = State(made), np.arange(entities)
        events = {"taps": Events(n, n, {("card",): n}, {"cents": Values(n)})}
        state.advance(events, Questions(n, n, [n], n))
        used.append(state.bytes_used)
    assert used[1] - used[0] == 10 * 8 * (12 + 8)


def test_a_question_below_what_was_evicted_is_flagged() -> None:
    """It is not answered with a smaller value: the caller must ask the log."""
    made = plan("20us")
    drawn = log(made, 500, seed=6)
    state = State(made, slack_us=0)
    state.advance(*part(drawn, 0, 500))
    assert not state.unanswerable.any()
    _, questions = part(drawn, 400, 401)
    back = type(questions)(questions.time - 300, np.array([5000]), [np.zeros(1, np.int64)] * len(made.series))
    state.advance({}, back)
    assert state.unanswerable.tolist() == [True]


def test_damaged_bytes_are_refused() -> None:
    """A flipped bit anywhere, a missing end, other features: an error, never a smaller answer."""
    made = plan("20us")
    state = State(made)
    state.advance(*log(made, 50, seed=7))
    saved = state.save()
    for at in (0, 15, 60, len(saved) // 2, len(saved) - 1):
        damaged = bytearray(saved)
        damaged[at] ^= 4
        with pytest.raises(Refused, match=r"DS51[01]"):
            State.restore(made, bytes(damaged))
    for cut in (b"", saved[:10], saved[:-8]):
        with pytest.raises(Refused, match="DS510"):
            State.restore(made, cut)
    with pytest.raises(Refused, match="DS511"):
        State.restore(plan("40us"), saved)


def test_a_state_of_an_older_version_is_refused() -> None:
    """Its words would mean something else; the message says which version is understood."""
    made = plan("20us")
    state = State(made)
    state.advance(*log(made, 50, seed=7))
    saved = bytearray(state.save())
    saved[14:16] = (2).to_bytes(2, "little")
    with pytest.raises(Refused, match=r"DS510.*another kind or version") as refusal:
        State.restore(made, bytes(saved))
    assert refusal.value.problems[0].facts == ("this version is 3",)


def test_a_state_that_raised_goes_no_further() -> None:
    """A null in a column that is not optional is the engine's fault, and is said."""
    made = plan("20us")
    events, questions = log(made, 5, seed=8)
    events["taps"].columns["cents"] = type(events["taps"].columns["n"])(
        events["taps"].columns["cents"].values, np.zeros(5, np.bool_)
    )
    with pytest.raises(Bug, match="DS503"):
        State(made).advance(events, questions)


def test_a_late_event_changes_only_what_is_asked_after_it() -> None:
    """Far behind or just behind, it is entered in its place."""
    made = plan("20us", None)
    drawn = log(made, 120, seed=9, late=0.9)
    streamed, missed, _ = _streamed(made, drawn, 10_000, 9)
    assert differing(history.answer(made, *drawn), streamed, ~missed) == 0
