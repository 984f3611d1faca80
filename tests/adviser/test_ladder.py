"""The fixed sequence over cadences: where it stops, and that many questions cost no more than one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.evidence import Gain
from dayshift.adviser.interval import gain
from dayshift.adviser.ladder import RUNGS, Bracket, fixed_sequence
from tests.adviser.simulated import starts

DELTA = 1.0
BELOW, ACROSS, ABOVE = (0.0, 0.9), (0.5, 1.5), (1.0, 2.0)


def at(ends: tuple[float, float], weeks: int = 8) -> Gain:
    return Gain(sum(ends) / 2, *ends, (0.0,) * weeks, tuple(range(weeks)))


def test_it_goes_on_until_the_first_no() -> None:
    """Suffices climbs from every 2 weeks, too lazy comes down from the laziest; what lies behind a no is not asked."""
    assert fixed_sequence({2: at(BELOW), 4: at(BELOW), 8: at(ACROSS), 13: at(ABOVE)}, DELTA) == Bracket(4, 13)
    assert fixed_sequence({2: at(ACROSS), 4: at(BELOW), 8: at(ABOVE), 13: at(ACROSS)}, DELTA) == Bracket(None, None)
    assert fixed_sequence({2: at(ABOVE), 4: at(ABOVE), 8: at(ABOVE), 13: at(ABOVE)}, DELTA) == Bracket(None, 2)


def test_what_cannot_be_measured_is_no_rung() -> None:
    """The laziest cadences without six weeks are left out; a hole further down ends the sequence."""
    short = at(ABOVE, weeks=5)
    assert fixed_sequence({2: at(BELOW), 4: at(ABOVE), 8: short, 13: None}, DELTA) == Bracket(2, 4)
    assert fixed_sequence({2: at(ABOVE), 4: None, 8: at(ABOVE)}, DELTA) == Bracket(None, 8)
    assert fixed_sequence({2: at(BELOW), 4: None, 8: at(BELOW)}, DELTA) == Bracket(2, None)
    assert fixed_sequence({}, DELTA) == Bracket(None, None)


@given(st.dictionaries(st.sampled_from(RUNGS), st.sampled_from([BELOW, ACROSS, ABOVE, None])))
def test_nothing_suffices_that_is_too_lazy(ends: dict[int, tuple[float, float] | None]) -> None:
    """What suffices is always more eager than what is too lazy, whatever the intervals say."""
    found = fixed_sequence({every: one and at(one) for every, one in ends.items()}, DELTA)
    if found.suffices is not None and found.too_lazy is not None:
        assert found.suffices < found.too_lazy


def test_four_questions_err_no_more_often_than_one() -> None:
    """All true gains at delta: either direction makes any false claim in at most about 2.5 % of 800 histories."""
    random = np.random.default_rng(11)
    false = {"suffices": 0, "too lazy": 0}
    best = 0
    for _ in range(800):
        shared = random.standard_normal(12)
        weekly = {every: DELTA + shared + random.standard_normal(12) for every in RUNGS}
        gains = {every: gain(row, starts(12)) for every, row in weekly.items()}
        found = fixed_sequence(gains, DELTA)
        false["suffices"] += found.suffices is not None
        false["too lazy"] += found.too_lazy is not None
        best += any(one is not None and one.low >= DELTA for one in gains.values())
    assert max(false.values()) <= 0.035 * 800
    assert best > 1.5 * max(false.values())  # what the best of four would have claimed
