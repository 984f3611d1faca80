"""Draws of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.sampling import RATIO, evaluation_sample, rarer, salt_of, training_sample
from dayshift.lifecycle.metrics import DAY_US


@given(st.integers(2, 400), st.integers(2, 300), st.integers(0, 2**40), st.floats(0.0, 1.0))
def test_weights_stand_for_all_rows_of_each_class(n: int, most: int, salt: int, share: float) -> None:
    """Whatever is drawn, each class weighs what it weighs in full, and no more rows than allowed are drawn."""
    label = (np.random.default_rng(n).random(n) < share).astype(float)
    drawn = training_sample(np.arange(n), label, rarer(label), most, salt)
    assert len(drawn.rows) <= max(most, 1) or n <= most
    assert np.all(np.diff(drawn.rows) > 0)
    assert drawn.weight.max(initial=1.0) <= RATIO * drawn.weight.min(initial=np.inf) * 1.6 or most < 100
    if rarer(label) is not None and len(np.unique(drawn.weight)) == 2:
        for value in (0.0, 1.0):
            assert np.isclose(drawn.weight[label[drawn.rows] == value].sum(), (label == value).sum())


def test_salts_of_neighbouring_seeds_and_days_differ() -> None:
    """Two seeds never share a draw."""
    assert len({salt_of(day, seed) for day in range(19_000, 19_100) for seed in range(20)}) == 2_000


def test_all_of_the_rarer_class_trains_when_it_fits() -> None:
    """They stand ten to one beside the others at most; here that leaves room for all of them."""
    label = (np.arange(1000) % 50 == 0).astype(float)
    drawn = training_sample(np.arange(1000), label, 1.0, 150, salt=3)
    assert len(drawn.rows) == 150
    assert label[drawn.rows].sum() == 20


def test_no_row_weighs_much_more_than_another() -> None:
    """With one in a thousand positive and little room, positives are drawn too: a few heavy rows would be the whole model."""
    label = (np.arange(100_000) % 1000 == 0).astype(float)
    drawn = training_sample(np.arange(100_000), label, 1.0, 5_000, salt=3)
    weights = [float(drawn.weight[label[drawn.rows] == value][0]) for value in (0.0, 1.0)]
    assert weights[0] / weights[1] == pytest.approx(RATIO, rel=0.05)
    assert len(drawn.rows) == 5_000


def test_where_classes_are_about_as_frequent_all_rows_weigh_the_same() -> None:
    """Then the label is not looked at, and the estimator is fitted without weights, as the user would."""
    label = (np.arange(10_000) % 5 == 0).astype(float)
    assert len(np.unique(training_sample(np.arange(10_000), label, 1.0, 1_000, salt=3).weight)) == 1


def test_two_fits_draw_different_rows() -> None:
    """A lucky sample is nobody's for long."""
    rows, label = np.arange(5000), np.zeros(5000)
    one, other = (set(training_sample(rows, label, None, 500, salt).rows.tolist()) for salt in (1, 2))
    assert len(one & other) < 150


def test_a_log_that_grows_judges_the_old_days_by_the_same_rows() -> None:
    """A day's draw depends on its own rows only."""
    rng = np.random.default_rng(0)
    as_of = np.sort(rng.integers(0, 10 * DAY_US, 5000))
    label = (rng.random(5000) < 0.1).astype(float)
    known = int(np.searchsorted(as_of, 8 * DAY_US))
    long = evaluation_sample(np.arange(5000), as_of, label, 1.0, 100)
    short = evaluation_sample(np.arange(known), as_of[:known], label[:known], 1.0, 100)
    assert long.rows[: len(short.rows)].tolist() == short.rows.tolist()
    assert long.weight[: len(short.rows)].tolist() == short.weight.tolist()
