"""Metrics and their influence functions, against scikit-learn and the jackknife."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as theirs

from dayshift.definition.metric import METRICS, Metric, metric_named
from dayshift.diagnostics import UsageError
from dayshift.lifecycle.metrics import DAY_US, Judged, estimate

RANDOM = np.random.default_rng(0)
ROWS = 600
LABEL = (RANDOM.random(ROWS) < 0.2).astype(float)
CHANCE = np.round(1 / (1 + np.exp(-(LABEL * 1.5 + RANDOM.normal(size=ROWS) - 1.5))), 2)  # rounded: many ties
WEIGHT = RANDOM.integers(1, 5, ROWS).astype(float)
AS_OF = np.arange(ROWS) * (8 * DAY_US // ROWS)

THEIRS: dict[str, Callable[..., Any]] = {
    "roc_auc": theirs.roc_auc_score,
    "average_precision": theirs.average_precision_score,
    "log_loss": theirs.log_loss,
    "brier": theirs.brier_score_loss,
    "accuracy": lambda label, chance, **more: theirs.accuracy_score(label, chance >= 0.5, **more),
    "balanced_accuracy": lambda label, chance, **more: theirs.balanced_accuracy_score(label, chance >= 0.5, **more),
    "f1": lambda label, chance, **more: theirs.f1_score(label, chance >= 0.5, **more),
    "rmse": theirs.root_mean_squared_error,
    "mae": theirs.mean_absolute_error,
    "r2": theirs.r2_score,
}


def named(name: str) -> Metric:
    """The metric, which there is."""
    found = metric_named(name)
    assert found is not None
    return found


def test_every_metric_is_compared_with_scikit_learn() -> None:
    """No metric of the table is left out of the comparison below."""
    assert set(THEIRS) == set(METRICS)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["one each", "weighted"])
@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_equals_scikit_learns(name: str, weight: Any) -> None:
    """To 1e-12, ties included, with and without weights."""
    found = estimate(METRICS[name], Judged(LABEL, CHANCE, AS_OF, weight))
    assert found.value == pytest.approx(THEIRS[name](LABEL, CHANCE, sample_weight=weight), abs=1e-12)
    assert abs(found.influence.mean()) < 1e-12


@pytest.mark.parametrize("name", sorted(METRICS))
def test_an_influence_is_what_leaving_the_row_out_does(name: str) -> None:
    """Close to the jackknife's pseudo-values: correlation above .98, spread within 5 %."""
    count = 300
    part = Judged(LABEL, CHANCE, AS_OF).only(np.arange(ROWS) < count)
    found = estimate(named(name), part)
    without = [estimate(named(name), part.only(np.arange(count) != row)).value for row in range(count)]
    jackknife = (count - 1) * (found.value - np.array(without))
    assert np.corrcoef(jackknife, found.influence)[0, 1] > 0.98
    assert np.std(jackknife) == pytest.approx(np.std(found.influence), rel=0.05)


@pytest.mark.parametrize("name", [*sorted(METRICS), "precision@7"])
def test_a_metric_does_not_depend_on_the_order_of_rows(name: str) -> None:
    """Shuffled rows give the same value: ties share their place."""
    order = RANDOM.permutation(ROWS)
    shuffled = estimate(named(name), Judged(LABEL[order], CHANCE[order], AS_OF[order]))
    assert shuffled.value == pytest.approx(estimate(named(name), Judged(LABEL, CHANCE, AS_OF)).value, abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "balanced_accuracy"])
def test_one_class_has_no_value_where_two_are_needed(name: str) -> None:
    """NaN rather than an invented number."""
    assert np.isnan(estimate(METRICS[name], Judged(np.zeros(5), np.arange(5) / 5, AS_OF[:5])).value)


@pytest.mark.parametrize(
    "name", [*sorted(METRICS), "precision@7", "precision@7_per_day", "precision@7_per_day_by_card"]
)
def test_no_rows_have_no_value(name: str) -> None:
    """An empty holdout is no error here."""
    nothing = np.empty(0)
    rows = Judged(nothing, nothing, np.empty(0, np.int64), None, {"card": pl.Series([], dtype=pl.String)})
    assert np.isnan(estimate(named(name), rows).value)


def test_precision_at_k_counts_the_highest_predictions() -> None:
    """Two of the three highest are positive; of four tied at the edge each counts a share."""
    rows = Judged(np.array([1.0, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.1]), AS_OF[:5])
    assert estimate(named("precision@3"), rows).value == pytest.approx(2 / 3)
    tied = Judged(np.array([1.0, 0, 0, 1]), np.full(4, 0.5), AS_OF[:4])
    assert estimate(named("precision@1"), tied).value == pytest.approx(0.5)


def test_precision_per_day_is_the_mean_over_days() -> None:
    """One found on the first day, none on the second: a half."""
    rows = Judged(np.array([1.0, 0, 0, 1]), np.array([0.9, 0.1, 0.9, 0.1]), np.array([0, 1, DAY_US, DAY_US + 1]))
    assert estimate(named("precision@1_per_day"), rows).value == 0.5


def test_precision_per_entity_counts_an_entity_once_and_leaves_out_the_found() -> None:
    """Day 1: card a (its highest prediction, its label) is found. Day 2: a is not looked at again, b is chosen."""
    cards = pl.Series(["a", "a", "b", "a", "b", "c"])
    label = np.array([0.0, 1, 0, 1, 1, 0])
    chance = np.array([0.9, 0.1, 0.8, 0.9, 0.5, 0.4])
    as_of = np.array([0, 1, 2, DAY_US, DAY_US, DAY_US])
    rows = Judged(label, chance, as_of, None, {"card": cards})
    assert estimate(named("precision@1_per_day_by_card"), rows).value == 1.0
    assert estimate(named("precision@2_per_day_by_card"), rows).value == 0.5


def test_precision_per_entity_says_what_it_lacks() -> None:
    """DS642: without its column, or with rows that stand for several."""
    with pytest.raises(UsageError, match=r"DS642.*'card'"):
        estimate(named("precision@1_per_day_by_card"), Judged(LABEL, CHANCE, AS_OF))
    weighted = Judged(LABEL, CHANCE, AS_OF, WEIGHT, {"card": pl.Series(["a"] * ROWS)})
    with pytest.raises(UsageError, match="DS642"):
        estimate(named("precision@1_per_day_by_card"), weighted)
