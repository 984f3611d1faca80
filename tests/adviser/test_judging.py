"""What a model is worth: the mean of its days, or whole weeks where days hold too little."""

import numpy as np
import pytest

from dayshift.adviser.judging import FEWEST_RARE_A_DAY, FEWEST_ROWS_A_DAY, Sample, days_suffice, worth
from dayshift.definition.metric import METRICS
from dayshift.lifecycle.metrics import DAY_US, Judged

AUC = METRICS["roc_auc"]


def judged(label: list[float], prediction: list[float], day: list[int], weight: list[float] | None = None) -> Judged:
    """Rows of some days."""
    weights = None if weight is None else np.array(weight)
    return Judged(np.array(label), np.array(prediction), DAY_US * np.array(day), weights)


def sample(label: list[float], day: list[int]) -> Sample:
    """Rows that judge."""
    rows = np.arange(len(label))
    return Sample(rows, np.array(label), DAY_US * np.array(day), None, {})


def test_a_day_of_one_class_says_nothing_about_a_ranking() -> None:
    """It is left out of the mean; where all days are such, there is no value."""
    rows = judged([0, 1, 1, 1], [0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1])
    assert worth(AUC, rows, daily=True) == 1.0
    assert np.isnan(worth(AUC, judged([1, 1], [0.1, 0.2], [0, 1]), daily=True))
    assert np.isnan(worth(AUC, judged([], [], []), daily=True))


def test_models_on_different_scales_are_judged_day_by_day() -> None:
    """Two days, each ranked well by its own model: the mean of days sees that, the pooled ranking does not."""
    rows = judged([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert worth(AUC, rows, daily=True) == 1.0
    assert worth(AUC, rows, daily=False) == 0.75


def test_weights_stand_for_rows_that_were_left_out() -> None:
    """A negative of weight three counts as three of them."""
    once = judged([0, 0, 0, 0, 1], [0.1, 0.1, 0.1, 0.9, 0.5], [0] * 5)
    weighed = judged([0, 0, 1], [0.1, 0.9, 0.5], [0] * 3, [3.0, 1.0, 1.0])
    assert worth(AUC, weighed, daily=True) == pytest.approx(worth(AUC, once, daily=True)) == 0.75


def test_days_suffice_from_a_number_of_the_rarer_class_on() -> None:
    """The median day decides: five of the rarer class, or twenty rows where a number is predicted."""
    for rare, enough in ((FEWEST_RARE_A_DAY, True), (FEWEST_RARE_A_DAY - 1, False)):
        label = ([1.0] * rare + [0.0] * 50) * 3
        day = [number for number in range(3) for _ in range(rare + 50)]
        assert days_suffice(sample(label, day), 1.0, classifies=True) is enough
    for rows, enough in ((FEWEST_ROWS_A_DAY, True), (FEWEST_ROWS_A_DAY - 1, False)):
        day = [number for number in range(3) for _ in range(rows)]
        assert days_suffice(sample([0.5] * len(day), day), None, classifies=False) is enough


def test_a_slice_of_the_sample_keeps_its_weights() -> None:
    """The rows of a week, with what they stand for."""
    whole = Sample(np.arange(4), np.array([0.0, 1, 0, 1]), DAY_US * np.arange(4), np.array([2.0, 1, 3, 1]), {})
    part = whole.judged(1, 3, np.array([0.4, 0.6]))
    assert part.label.tolist() == [1, 0]
    assert part.weight is not None
    assert part.weight.tolist() == [1, 3]
