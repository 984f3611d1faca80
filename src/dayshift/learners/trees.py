"""Whether the decision trees of a loaded model point only inside themselves.

The types of a stored model are checked when it is read, but a tree is an array of indices that scikit-learn's compiled
code follows without looking: a forged array could make a prediction read foreign memory or never end. So every tree is
walked once after reading: children lie behind their parent and inside the tree, features inside the estimator's.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_fault(estimator: Any) -> str | None:
    """What is wrong with a tree anywhere inside an estimator, or None.

    >>> from sklearn.tree import DecisionTreeClassifier
    >>> first_fault(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]))
    """
    return next((fault for fault in map(_fault, _estimators(estimator, set())) if fault), None)


def _estimators(value: Any, seen: set[int]) -> Iterator[Any]:
    """The object and every estimator inside its attributes, lists and dictionaries, each once."""
    if id(value) in seen or isinstance(value, str | bytes | int | float | bool | None):
        return
    seen.add(id(value))
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list | tuple | set) or (isinstance(value, np.ndarray) and value.dtype == object):
        inner = list(value.ravel()) if isinstance(value, np.ndarray) else value
    elif hasattr(value, "__dict__"):
        if hasattr(value, "get_params"):
            yield value
        inner = vars(value).values()
    for part in inner:
        yield from _estimators(part, seen)


def _fault(estimator: Any) -> str | None:
    features = int(getattr(estimator, "n_features_in_", 0))
    for tree in _trees(estimator):
        inside = tree.children_left != -1
        fault = _broken(tree.children_left, tree.children_right, tree.feature, inside, features)
        if fault:
            return fault
    for predictor in (one for stage in getattr(estimator, "_predictors", ()) for one in stage):
        nodes = predictor.nodes
        inside = nodes["is_leaf"] == 0
        fault = _broken(nodes["left"], nodes["right"], nodes["feature_idx"], inside, features)
        by_category = inside & (nodes["is_categorical"] != 0)
        if fault or np.any(nodes["bitset_idx"][by_category] >= len(predictor.raw_left_cat_bitsets)):
            return fault or "a node's set of categories lies outside"
    return None


def _trees(estimator: Any) -> Iterator[Any]:
    """The trees that this estimator follows with rows of its own width: its own and those of its members."""
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    if not hasattr(estimator, "estimators_features_"):  # whose members see only some of the columns
        for member in np.ravel(np.array(getattr(estimator, "estimators_", ()), dtype=object)):
            if hasattr(member, "tree_"):
                yield member.tree_


def _broken(
    left: NDArray[Any], right: NDArray[Any], feature: NDArray[Any], inside: NDArray[np.bool_], features: int
) -> str | None:
    own = np.arange(len(left))[inside]
    if not len(left):
        return "a tree has no nodes"
    for child in (left[inside].astype(np.int64), right[inside].astype(np.int64)):
        if np.any(child <= own) or np.any(child >= len(left)):
            return "a node's child lies outside its tree or before it"
    read = feature[inside].astype(np.int64)
    return f"a node reads a feature that is none of {features}" if np.any((read < 0) | (read >= features)) else None
