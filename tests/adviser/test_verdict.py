"""Verdicts: what the interval says, what forbids it to say anything, and what contradicts it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Finding, Gain
from dayshift.adviser.interval import gain
from dayshift.adviser.verdict import contradictions, few_positives, finding, judge, weeks_needed
from tests.adviser.simulated import starts

DELTA = 0.01


def a_gain(low: float, high: float, weeks: int = 12, seed_sd: float | None = None) -> Gain:
    return Gain((low + high) / 2, low, high, (0.0,) * weeks, tuple(range(weeks)), seeds=2, seed_sd=seed_sd)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.010, 0.03, NEEDED),
        (0.0099, 0.03, UNDECIDED),
        (-0.01, 0.0099, NOT_NEEDED),
        (-0.01, 0.010, UNDECIDED),
        (-0.03, -0.02, NOT_NEEDED),
    ],
)
def test_the_ends_of_the_interval_decide(low: float, high: float, verdict: str) -> None:
    """Needed from the lower end at delta, not needed with the upper end below it, else undecided."""
    found = finding("x", "one over another", a_gain(low, high), DELTA)
    assert found.verdict == verdict
    assert found.reasons == ()


def test_at_delta_either_decision_errs_in_a_fortieth() -> None:
    """Where the true gain is delta itself, needed and not needed are each said in at most about 2.5 of 100 histories."""
    random = np.random.default_rng(7)
    said = []
    for _ in range(800):
        found = finding("x", "", gain(DELTA + 0.01 * random.standard_normal((2, 12)), starts(12)), DELTA)
        said.append(found.verdict)
    assert said.count(NEEDED) <= 0.035 * len(said)
    assert said.count(NOT_NEEDED) <= 0.035 * len(said)


def test_few_weeks_decide_nothing() -> None:
    """Five weeks, however clear, are not enough evidence; six may be."""
    found = finding("x", "", a_gain(0.05, 0.06, weeks=5), DELTA)
    assert found.verdict == UNDECIDED
    assert found.weeks_needed == 6
    assert "fewer than 6 evaluation weeks (5; 12 are recommended)" in found.reasons
    assert finding("x", "", a_gain(0.05, 0.06, weeks=6), DELTA).verdict == NEEDED


def test_weeks_that_a_question_uses_up_are_counted() -> None:
    """Of eight evaluated weeks five may judge every 4 weeks; of thirty at least six must; the rest is asked for in all."""
    assert finding("x", "", a_gain(0.05, 0.06, weeks=5), DELTA, evaluated=8).verdict == NEEDED
    few = finding("x", "", a_gain(0.05, 0.06, weeks=5), DELTA, evaluated=30)
    assert few.reasons == ("only 5 of 30 evaluation weeks can answer it",)
    assert few.weeks_needed == 31
    open_ = finding("x", "", a_gain(0.0, 0.06, weeks=8), DELTA, evaluated=11)
    assert open_.weeks_needed == 18 + 3


def test_nothing_measured_is_undecided() -> None:
    """Without a gain there is a reason, not a verdict."""
    found = finding("x", "", None, DELTA)
    assert (found.verdict, found.reasons) == (UNDECIDED, ("not measured in two weeks or more",))


def test_given_reasons_forbid_a_verdict_and_are_said_once() -> None:
    """A reason of the caller's makes a clear interval undecided; no number of weeks repairs it."""
    found = finding("x", "", a_gain(0.05, 0.06), DELTA, reasons=("labels unknown", "labels unknown"))
    assert found.verdict == UNDECIDED
    assert found.reasons == ("labels unknown",)
    assert found.weeks_needed is None


def test_luck_above_delta_forbids_a_verdict_that_it_could_turn() -> None:
    """Seeds that differ by more than delta decide nothing near it; a gain of many such differences stands."""
    near = finding("x", "", a_gain(0.011, 0.05, seed_sd=0.012), DELTA)
    assert near.verdict == UNDECIDED
    assert near.reasons[0].startswith("luck of the seeds (0.012) is above")
    assert finding("x", "", a_gain(0.03, 0.05, seed_sd=0.012), DELTA).verdict == NEEDED
    assert finding("x", "", a_gain(0.011, 0.05, seed_sd=0.009), DELTA).verdict == NEEDED


@pytest.mark.parametrize(
    ("own", "second", "agrees"),
    [
        ((0.02, 0.03), (0.015, 0.04), True),
        ((0.02, 0.03), (0.00, 0.02), True),
        ((0.02, 0.03), (-0.01, 0.005), False),
        ((0.02, 0.03), (-0.03, 0.02), False),
        ((-0.005, 0.005), (0.02, 0.03), False),
        ((0.001, 0.005), (-0.005, -0.001), False),
        ((-0.005, 0.005), (-0.02, 0.02), True),
    ],
)
def test_families_that_disagree_make_it_depend_on_the_model(
    own: tuple[float, float], second: tuple[float, float], agrees: bool
) -> None:
    """Opposite verdicts, gains shown in opposite directions, or a need that the second family does not even lean to."""
    found = finding("x", "", a_gain(*own), DELTA, second=a_gain(*second))
    assert (not any(reason.startswith("depends on the model") for reason in found.reasons)) == agrees
    assert (found.verdict != UNDECIDED) == agrees


@given(st.floats(-0.1, 0.1), st.floats(0.001, 0.05), st.floats(0.0001, 0.05), st.integers(6, 60))
def test_weeks_needed_are_more_than_there_are(mean: float, half: float, delta: float, weeks: int) -> None:
    """Undecided: the weeks at which the interval would just leave delta out, or None; settled: None."""
    found = a_gain(mean - half, mean + half, weeks)
    needed = weeks_needed(found, delta)
    if judge(found, delta) != UNDECIDED:
        assert needed is None
    elif needed is not None:
        assert needed > weeks
        assert half * math.sqrt(weeks / needed) <= abs(mean - delta) * (1 + 1e-9)


def test_a_mean_at_delta_is_never_settled() -> None:
    """When mean and delta are the same no history is long enough: None."""
    assert weeks_needed(a_gain(0.0, 0.02), DELTA) is None
    assert weeks_needed(a_gain(-0.0001, 0.02), DELTA) is None


def test_few_positives_are_told_by_the_usual_week() -> None:
    """The median week decides, so one holiday week forbids nothing; regressors have no positives."""
    assert few_positives([10, 60, 70]) == ()
    assert few_positives([60, 40, 30, np.nan]) == ("fewer than 50 positives in the usual week (40)",)
    assert few_positives(None) == ()
    assert few_positives([30], fewest=20) == ()


def test_metrics_that_contradict_each_other_are_said() -> None:
    """Up by one metric and down by another is a sentence with both numbers; an interval around zero contradicts nobody."""
    up, down, open_ = a_gain(0.01, 0.03), a_gain(-0.3, -0.1), a_gain(-0.1, 0.1)
    told = finding("x", "One over another", up, DELTA, others={"log_loss": down, "brier": open_})
    quiet = finding("y", "Another", up, DELTA, others={"brier": open_}, pooled=up)
    said = contradictions([told, None, quiet])
    assert len(said) == 1
    assert "better by the pipeline's metric (+0.02 [+0.01, +0.03]), worse by log_loss (-0.2 [-0.3, -0.1])" in said[0]
    assert told.verdict == NEEDED


def test_days_and_whole_weeks_that_decide_differently_are_said() -> None:
    """Needed by the mean of days and not needed on whole weeks is a contradiction, though both point up."""
    said = contradictions([finding("x", "One", a_gain(0.02, 0.03), DELTA, pooled=a_gain(0.001, 0.004))])
    assert said[0].startswith("One: needed by the mean of days")
    assert contradictions([Finding("x", "One", None, DELTA, UNDECIDED, pooled=a_gain(0.02, 0.03))]) == ()
