"""Forged trees are found before anything follows them."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from dayshift.learners.trees import first_fault

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(200, 4))
TARGET = (TABLE[:, 0] + RANDOM.normal(size=200) > 0).astype(int)
HONEST = [
    DecisionTreeClassifier(),
    DecisionTreeClassifier(max_leaf_nodes=9),
    RandomForestClassifier(5),
    ExtraTreesRegressor(5),
    GradientBoostingClassifier(n_estimators=5),
    AdaBoostClassifier(n_estimators=5),
    BaggingClassifier(n_estimators=5, max_features=0.5),
    HistGradientBoostingClassifier(max_iter=5, categorical_features=[3]),
]


def rounded() -> Any:
    """The table with a last column of few values, to be a category."""
    return np.column_stack([TABLE[:, :3], np.round(np.abs(TABLE[:, 3]))])


@pytest.mark.parametrize("estimator", HONEST, ids=lambda one: type(one).__name__)
def test_trees_as_they_are_fitted_have_no_fault(estimator: Any) -> None:
    """Alone, and as the last step of a Pipeline that widens the table."""
    assert first_fault(estimator.fit(rounded(), TARGET)) is None
    if not isinstance(estimator, HistGradientBoostingClassifier):
        wide = make_pipeline(OneHotEncoder(sparse_output=False, handle_unknown="ignore"), estimator)
        assert first_fault(wide.fit(np.round(TABLE), TARGET)) is None


def forged(fitted: Any, name: str, value: int) -> Any:
    """The same tree with one field of its root changed."""
    tree = fitted.tree_
    state = tree.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"][name][0] = value
    tree.__setstate__(state)
    return fitted


@pytest.mark.parametrize(
    ("field", "value"), [("left_child", 10**6), ("right_child", 0), ("left_child", -7), ("feature", 4), ("feature", -5)]
)
def test_a_forged_tree_is_found_wherever_it_hides(field: str, value: int) -> None:
    """A child outside or a cycle, a feature that is not there; in a tree, a forest, a Pipeline."""
    assert first_fault(forged(DecisionTreeClassifier().fit(TABLE, TARGET), field, value))
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5)).fit(TABLE, TARGET)
    forged(forest[-1].estimators_[3], field, value)
    assert first_fault(forest)


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10**6), ("right", 0), ("feature_idx", 99), ("bitset_idx", 10**6)]
)
def test_a_forged_booster_is_found(field: str, value: int) -> None:
    """The same for histogram gradient boosting, with its sets of categories."""
    fitted = HistGradientBoostingClassifier(max_iter=5).fit(TABLE, TARGET)
    nodes = fitted._predictors[2][0].nodes
    nodes["is_categorical"][0] = field == "bitset_idx"
    nodes[field][0] = value
    assert first_fault(fitted)


def test_a_forest_whose_trees_are_wider_than_itself_is_found() -> None:
    """The forest looks at the width once; each of its trees must keep to it."""
    forest = RandomForestClassifier(5, max_features=None).fit(TABLE, TARGET)
    forest.n_features_in_ = 1
    assert first_fault(forest)
