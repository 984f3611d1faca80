"""Intervals that hold what they promise, and comparisons on the same rows."""

import numpy as np
import pytest
from scipy.stats import norm

from dayshift.definition.metric import METRICS
from dayshift.diagnostics import DefinitionError
from dayshift.lifecycle.evaluate import Score, compare, evaluate, metric_for
from dayshift.lifecycle.metrics import DAY_US, Judged

REPEATS = 600


def world(random: np.random.Generator, days: int, per_day: int = 60, day_effect: float = 0.0) -> Judged:
    """Scores that are normal around 0 for negatives and around 1 for positives, a fifth of the rows; with a
    `day_effect` the distance between the two varies from day to day.
    """
    as_of = np.repeat(np.arange(days) * DAY_US, per_day)
    label = (random.random(days * per_day) < 0.2).astype(float)
    distance = 1 + np.repeat(random.normal(0, day_effect, days), per_day)
    return Judged(label, 1 / (1 + np.exp(-(label * distance + random.normal(size=len(label)) - 1))), as_of)


def score(metric: str, judged: Judged) -> Score:
    """One metric."""
    return evaluate([METRICS[metric]], judged)[0]


def coverage(metric: str, truth: float, days: int, day_effect: float = 0.0) -> float:
    """How often the interval holds the truth."""
    random = np.random.default_rng(1)
    found = [score(metric, world(random, days, day_effect=day_effect)) for _ in range(REPEATS)]
    return float(
        np.mean([one.low <= truth <= one.high for one in found if one.low is not None and one.high is not None])
    )


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "balanced_accuracy"])
@pytest.mark.parametrize("days", [3, 8, 30])
def test_intervals_hold_the_truth_about_as_often_as_they_say(metric: str, days: int) -> None:
    """Simulated: 600 worlds of 3, 8 and 30 days with 60 rows each; 95 % intervals hold the truth in 91 to 98 %."""
    truth = score(metric, world(np.random.default_rng(0), 20_000)).value
    assert truth is not None
    assert 0.91 <= coverage(metric, truth, days) <= 0.98


def test_days_that_differ_widen_the_interval() -> None:
    """With a day effect rows are not independent: counted by days the interval still holds in at least 89 %, where
    DeLong's, which takes rows as independent, does not.
    """
    truth = score("roc_auc", world(np.random.default_rng(0), 20_000, day_effect=1.0)).value
    assert truth is not None
    assert coverage("roc_auc", truth, 14, day_effect=1.0) >= 0.89
    few = coverage("roc_auc", truth, 5, day_effect=1.0)
    assert few < 0.88, "on fewer than six days the rows are taken as independent, and the method says so"


def test_the_auc_of_independent_rows_has_delongs_interval() -> None:
    """The influence's spread on one day is the variance of DeLong, DeLong and Clarke-Pearson (1988), computed here by
    its definition over all pairs.
    """
    judged = world(np.random.default_rng(3), 1, per_day=200)
    positive, negative = judged.prediction[judged.label == 1], judged.prediction[judged.label == 0]
    wins = (positive[:, None] > negative).astype(float) + 0.5 * (positive[:, None] == negative)
    variance = wins.mean(1).var() / len(positive) + wins.mean(0).var() / len(negative)
    found, auc = score("roc_auc", judged), wins.mean()
    reach = norm.ppf(0.975) * np.sqrt(variance) / (auc * (1 - auc))
    logit = np.log(auc / (1 - auc))
    assert found.value == pytest.approx(auc)
    assert found.low == pytest.approx(1 / (1 + np.exp(-(logit - reach))))
    assert found.method == "rows as independent parts, logit"


def test_a_score_says_what_it_stands_on() -> None:
    """Rows, positives, direction and method are part of the value."""
    found = score("log_loss", world(np.random.default_rng(0), 10))
    assert (found.rows, found.larger_is_better, found.method) == (600, False, "t over 10 days, logarithm")
    assert found.positives is not None
    assert found.to_json()["metric"] == "log_loss"


def test_perfection_is_bounded_by_the_rule_of_three() -> None:
    """Ten of ten found is at least 70 %, not certainly all."""
    label = np.repeat([0.0, 1.0], [90, 10])
    found = score("roc_auc", Judged(label, label, np.zeros(100, np.int64)))
    assert (found.value, found.low, found.high) == (1.0, 0.7, 1.0)


def test_a_perfect_loss_has_no_interval() -> None:
    """Nothing varies, so nothing is said."""
    found = score("mae", Judged(np.ones(3), np.ones(3), np.zeros(3, np.int64)))
    assert (found.value, found.low, found.high) == (0.0, None, None)


def test_what_has_no_value_says_so() -> None:
    """One class only: no AUC, no interval, no error."""
    found = score("roc_auc", Judged(np.zeros(3), np.zeros(3), np.zeros(3, np.int64)))
    assert (found.value, found.low, found.method) == (None, None, "it has no value here")


def test_a_difference_is_positive_when_better_whatever_the_metric() -> None:
    """A smaller loss is better, a greater AUC is better."""
    judged = world(np.random.default_rng(0), 10)
    worse = np.full(600, 0.5)
    for metric in ("roc_auc", "log_loss", "brier"):
        gap = compare(METRICS[metric], judged, worse, "naive")
        assert gap.better_by is not None
        assert gap.better_by > 0
        assert gap.verdict == "better"
        assert compare(METRICS[metric], judged.predicted(worse), judged.prediction, "model").verdict == "worse"


def test_the_same_model_differs_by_nothing() -> None:
    """Zero, with an interval of zero width: not shown to be better."""
    judged = world(np.random.default_rng(0), 10)
    gap = compare(METRICS["roc_auc"], judged, judged.prediction, "itself")
    assert (gap.better_by, gap.low, gap.high, gap.verdict) == (0, 0, 0, "not shown")


def test_pairing_shows_what_two_intervals_do_not() -> None:
    """Two models that err together: their own intervals overlap, the paired difference is clear."""
    judged = world(np.random.default_rng(0), 14)
    logit = np.log(judged.prediction / (1 - judged.prediction))
    other = 1 / (1 + np.exp(-(logit + np.random.default_rng(1).normal(0, 0.8, len(logit)))))
    gap = compare(METRICS["roc_auc"], judged, other, "noisier")
    own = score("roc_auc", judged)
    assert own.low is not None
    assert gap.other is not None
    assert own.low < gap.other
    assert gap.verdict == "better"


def test_an_unknown_metric_is_refused_with_the_nearest_name() -> None:
    """DS641 knows what was meant, and that a regressor has no AUC."""
    with pytest.raises(DefinitionError, match="DS641") as caught:
        metric_for("roc_acu", "classifier")
    assert caught.value.problems[0].hint == 'metric="roc_auc"'
    with pytest.raises(DefinitionError, match=r"DS641.*regressor"):
        metric_for("roc_auc", "regressor")
