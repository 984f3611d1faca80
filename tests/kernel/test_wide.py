"""Sums past 64 bits: history and stream give what Python's integers give."""

import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dayshift.definition import Column, Source
from dayshift.diagnostics import Refused
from dayshift.kernel import history, lanes
from dayshift.kernel.arrays import Answer, Events, Mask, Questions, Values
from dayshift.kernel.numbers import divide_total, fits, fixed_point, signed
from dayshift.kernel.plan import Plan, compile_plan
from dayshift.kernel.stream import State
from dayshift.semantics.reference import Event, Question
from dayshift.semantics.reference import answer as reference
from tests.kernel.drawn import cuts, differing, log, part

TAPS = Source("taps", time="at", key="id", schema={"card": str, "cents": Column(float), "n": int})
SCALE = 4


def _plan(*, with_self: bool) -> Plan:
    found = []
    for width in (["30us"], ["90us"], []):
        windows = TAPS.by("card").over(*width, including_self=with_self, closed="right")
        found += [*windows.mean("cents"), *windows.sum("cents"), *windows.std("cents"), *windows.mean("n")]
    return compile_plan(found, {("taps", "cents"): SCALE})


def _huge(made: Plan, seed: int, late: float, size: int = 220) -> tuple[dict[str, Events], Questions]:
    """Stretches of large values of one sign, so that sums pass 64 bits and come back."""
    events, questions = log(made, size, seed, late)
    rng = np.random.default_rng(seed)
    sign = np.where(np.sin(np.arange(size) / 25) > -0.5, 1, -1)
    values = sign * rng.integers(2**57, 2**58, size)
    small = np.where(rng.random(size) < 0.1, rng.integers(-9, 9, size), values)
    taps = replace(events["taps"], columns={"cents": Values(values), "n": Values(small * 8)})
    return {"taps": taps}, questions


def _streamed(made: Plan, drawn: tuple, seed: int, slack_us: int) -> tuple[list[Answer], Mask]:
    rng, state, at = random.Random(seed), State(made, slack_us=slack_us), cuts(drawn[1].time.size, random.Random(seed))
    answers, missed = [], []
    for first, last in zip(at, at[1:], strict=False):
        answers.append(state.advance(*part(drawn, first, last)))
        missed.append(state.unanswerable)
        if rng.random() < 0.2:
            state = State.restore(made, state.save())
    joined = []
    for column in range(len(made.columns)):
        masks = [np.asarray(batch[column].valid) for batch in answers]
        joined.append(Answer(np.concatenate([batch[column].values for batch in answers]), np.concatenate(masks)))
    return joined, np.concatenate(missed)


def _expected(drawn: tuple, q: int, width: int | None, name: str, own: bool) -> list[int]:
    """The values that question q sees, as Python's integers."""
    taps, questions = drawn[0]["taps"], drawn[1]
    entity, asked = taps.entities[("card",)], questions.entities[0]
    at = questions.time[q]
    inside = (taps.time <= at) & (np.arange(entity.size) < q) & (entity == asked[q]) & bool(asked[q] >= 0)
    if width is not None:
        inside &= taps.time > at - width
    if own and asked[q] >= 0:
        inside[q] = True
    return [int(value) for value in taps.columns[name].values[inside]]


@pytest.mark.parametrize("late", [0.0, 0.2])
@pytest.mark.parametrize("with_self", [False, True])
def test_means_and_sums_past_64_bits_are_exact(late: float, with_self: bool) -> None:
    """Bounded and unbounded windows, with late events, and the asking event, by history."""
    made = _plan(with_self=with_self)
    drawn = _huge(made, 1, late)
    answers = history.answer(made, *drawn)
    passed = 0
    for number, width in enumerate((30, 90, None)):
        for q in range(drawn[1].time.size):
            cents, n = (_expected(drawn, q, width, name, with_self) for name in ("cents", "n"))
            mean, total, _, whole = answers[4 * number : 4 * number + 4]
            assert bool(np.asarray(mean.valid)[q]) == bool(cents)
            if cents:
                assert mean.values[q] == float(Fraction(sum(cents), len(cents) * SCALE))
                assert total.values[q] == float(Fraction(sum(cents), SCALE))
                assert whole.values[q] == float(Fraction(sum(n), len(n)))
                passed += abs(sum(n)) >= 2**63
    assert passed > 200


@pytest.mark.parametrize("late", [0.0, 0.2])
@pytest.mark.parametrize("slack_us", [0, 20, 10_000])
@pytest.mark.parametrize("with_self", [False, True])
def test_the_stream_gives_the_bits_of_the_history_past_64_bits(late: float, slack_us: int, with_self: bool) -> None:
    """Windows slide, late events are put inside them, evicted ones leave, states are saved in between."""
    made = _plan(with_self=with_self)
    for seed in range(3):
        drawn = _huge(made, seed, late, 400)
        streamed, missed = _streamed(made, drawn, seed, slack_us)
        assert differing(history.answer(made, *drawn), streamed, ~missed) == 0
        assert missed.mean() < 0.4


def test_in_hindsight_sums_past_64_bits_are_exact() -> None:
    """The asking event is taken out or in."""
    made = _plan(with_self=False)
    drawn = _huge(made, 2, 0.2)
    taps, questions = drawn[0]["taps"], drawn[1]
    mean = history.answer(made, *drawn, hindsight=True)[11]
    for q in range(questions.time.size):
        entity = questions.entities[0][q]
        inside = (taps.entities[("card",)] == entity) & (taps.time <= questions.time[q])
        inside[q] = False
        seen = [int(value) for value in taps.columns["n"].values[inside]] if entity >= 0 else []
        assert not seen or mean.values[q] == float(Fraction(sum(seen), len(seen)))


def test_what_is_proved_to_fit_takes_the_short_way() -> None:
    """One huge value among many small ones needs no 128 bits."""
    made = compile_plan(TAPS.over("1d").mean("n"), {})
    values = np.ones(10_000, np.int64)
    values[7] = 2**60
    n, nobody = values.size, np.zeros(values.size, np.int64)
    events = {"taps": Events(np.arange(n), np.arange(n), {(): nobody}, {"n": Values(values)})}
    questions = Questions(np.array([n]), np.array([n]), [nobody[:1]])
    (lane,) = made.lanes
    assert lanes.prepare(made, lane, events, questions, False).materials["n"].high.size == 0
    values[8] = values[9] = 2**62
    assert lanes.prepare(made, lane, events, questions, False).materials["n"].high.size == n + 1


def test_a_sum_of_integers_that_is_no_int64_is_refused_by_all() -> None:
    """History, stream and reference: DS501; the mean of the same values is a number."""
    values = [2**53 - 1] * 1025
    nobody, size = np.zeros(1025, np.int64), 1025
    events = {"taps": Events(np.arange(size), np.arange(size), {(): nobody}, {"n": Values(np.array(values))})}
    questions = Questions(np.array([size]), np.array([size]), [nobody[:1]])
    told = [Event("taps", i, i, {"n": value}) for i, value in enumerate(values)]
    (total,), (mean,) = TAPS.over("1d").sum("n"), TAPS.over("1d").mean("n")
    made = compile_plan([total], {})
    for ask in (
        lambda: history.answer(made, events, questions),
        lambda: State(made).advance(events, questions),
        lambda: reference(total, Question(size, size, {}), told, {}),
    ):
        with pytest.raises(Refused, match="DS501"):
            ask()
    wanted = reference(mean, Question(size, size, {}), told, {})
    made = compile_plan([mean], {})
    assert history.answer(made, events, questions)[0].values.tolist() == [wanted]
    assert State(made).advance(events, questions)[0].values.tolist() == [wanted]


@given(
    total=st.integers(-(2**100), 2**100) | st.integers(-(2**64), 2**64),
    count=st.integers(1, 2**31),
    scale=st.sampled_from([1, 10, 10**9, 10**15, 2**20, 2**60]),
)
@example(total=2**63, count=1, scale=1)
@example(total=-(2**63), count=1, scale=1)
@example(total=-(2**63) - 1, count=3, scale=10)
def test_a_wide_mean_is_the_nearest_double(total: int, count: int, scale: int) -> None:
    """128 bits by anything that counts of events and scales make."""
    words = np.uint64((total >> 64) % 2**64), np.uint64(total % 2**64)
    assert signed(*words) == total
    assert bool(fits(*words)) == (-(2**63) <= total < 2**63)
    assert divide_total(*words, count, *fixed_point(scale)) == float(Fraction(total, count * scale))
