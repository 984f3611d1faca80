"""Gates let through what they say, in each metric's own direction."""

import pytest

from dayshift import Gate
from dayshift.diagnostics import Refused
from dayshift.lifecycle.evaluate import Difference, Score
from dayshift.lifecycle.gate import Outcome, decide, refuse


def judged(gate: Gate, value: float | None, gap: Difference | None = None) -> tuple[Outcome, ...]:
    """What a gate says of a value and of a difference to the champion."""
    score = Score(gate.metric, value, None, None, 100, 10, True, "")
    return decide([gate], {gate.metric: score}, {gate.metric: gap} if gap else {})


def against(better_by: float | None) -> Difference:
    """A difference to the champion's .7."""
    return Difference("roc_auc", "version 1", better_by, None, None, 0.7, 100, "")


@pytest.mark.parametrize(("value", "passed"), [(0.6, True), (0.59, False), (None, False)])
def test_at_least_is_reached_by_its_own_value(value: float | None, passed: bool) -> None:
    """The limit itself passes; a metric without a value does not."""
    assert [one.passed for one in judged(Gate("roc_auc", at_least=0.6), value)] == [passed]


@pytest.mark.parametrize(("value", "passed"), [(0.3, True), (0.31, False), (None, False)])
def test_at_most_is_reached_by_its_own_value(value: float | None, passed: bool) -> None:
    """For losses."""
    assert [one.passed for one in judged(Gate("log_loss", at_most=0.3), value)] == [passed]


@pytest.mark.parametrize(("gap", "passed"), [(0.1, True), (0.0, True), (-0.01, True), (-0.011, False), (None, False)])
def test_a_loss_against_the_champion_is_let_through_up_to_the_limit(gap: float | None, passed: bool) -> None:
    """Better is positive whatever the metric; what cannot be compared does not pass."""
    outcome = judged(Gate("roc_auc", worse_than_champion_by=0.01), 0.7, against(gap))[0]
    assert outcome.passed is passed


def test_without_a_champion_the_first_model_passes_and_says_so() -> None:
    """Somebody has to be first."""
    outcome = judged(Gate("roc_auc", worse_than_champion_by=0.0), 0.7)[0]
    assert outcome.passed
    assert outcome.reason == "there is no champion to compare with"


def test_each_condition_of_a_gate_is_an_outcome_of_its_own() -> None:
    """All of them must hold."""
    outcomes = judged(Gate("roc_auc", at_least=0.6, worse_than_champion_by=0.01), 0.65, against(-0.05))
    assert [one.passed for one in outcomes] == [True, False]
    assert outcomes[1].reason == "is 0.05 worse than the champion's 0.7"
    assert outcomes[0].to_json()["condition"] == "at least 0.6"


def test_a_refusal_names_every_gate_that_did_not_pass() -> None:
    """DS640, exit code 1: the answer is no."""
    outcomes = judged(Gate("roc_auc", at_least=0.9, worse_than_champion_by=0.01), 0.65, against(-0.05))
    with pytest.raises(Refused, match=r"DS640.*version 3 stays a challenger: roc_auc is 0.65") as caught:
        refuse("late", 3, outcomes)
    assert len(caught.value.problems[0].facts) == 2
    assert caught.value.exit_code == 1


def test_nothing_is_refused_when_all_pass() -> None:
    """No gates, or only passed ones."""
    refuse("late", 3, ())
    refuse("late", 3, judged(Gate("roc_auc", at_least=0.1), 0.65))
