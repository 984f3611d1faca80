"""Trees that are walked by compiled code say what scikit-learn says, to the last bit, or are not walked."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor

from dayshift.learners.estimator import fit, predict
from dayshift.learners.forest import Forest

ROWS = 600


def table(seed: int, rows: int = ROWS, columns: int = 4) -> NDArray[np.float64]:
    """Numbers with ties and gaps."""
    chance = np.random.default_rng(seed)
    found = np.round(chance.normal(size=(rows, columns)), 1)
    found[chance.random(found.shape) < 0.1] = np.nan
    return found


def target(given: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is to be learned of them."""
    return np.nan_to_num(given).sum(axis=1) + np.isnan(given[:, 0])


MODELS = [
    HistGradientBoostingRegressor(random_state=0),
    HistGradientBoostingRegressor(loss="poisson", max_iter=20, random_state=0),
    HistGradientBoostingRegressor(max_leaf_nodes=None, max_depth=2, random_state=0),
    HistGradientBoostingClassifier(random_state=0),
    HistGradientBoostingClassifier(max_iter=1, random_state=0),
]


def fitted(model: Any) -> Any:
    """The model, fitted."""
    rows = table(1)
    wanted = target(rows)
    return model.fit(rows, wanted > 0 if isinstance(model, HistGradientBoostingClassifier) else np.abs(wanted))


@pytest.mark.parametrize("model", MODELS, ids=repr)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 300))
def test_a_forest_says_what_the_estimator_says(model: Any, seed: int, rows: int) -> None:
    """Rows in any number, with missing values and values without end."""
    model = model if hasattr(model, "n_iter_") else fitted(model)
    forest = Forest.of(model)
    assert forest is not None
    asked = table(seed, rows)
    asked[0, seed % 4] = [np.inf, -np.inf, -0.0, 1e300][seed % 4]
    own = model.predict_proba(asked)[:, 1] if hasattr(model, "predict_proba") else model.predict(asked)
    assert forest(asked).tobytes() == np.asarray(own, np.float64).tobytes()


def test_other_estimators_have_no_forest() -> None:
    """Categories, several classes, other kinds of trees, subclasses: they are asked themselves."""
    rows, wanted = table(2), target(table(2))
    positive = np.abs(np.nan_to_num(rows).round()).clip(0, 5)
    assert Forest.of(HistGradientBoostingRegressor(categorical_features=[0]).fit(positive, wanted)) is None
    assert Forest.of(HistGradientBoostingClassifier().fit(rows, np.arange(ROWS) % 3)) is None
    assert Forest.of(RandomForestRegressor(3).fit(np.nan_to_num(rows), wanted)) is None

    class Another(HistGradientBoostingRegressor):
        """May predict in another way."""

    assert Forest.of(Another().fit(rows, wanted)) is None


def test_an_estimator_that_says_something_else_is_asked_itself() -> None:
    """A library that changes what its attributes mean is noticed before anybody is answered."""
    model = HistGradientBoostingRegressor(max_iter=3).fit(table(3), target(table(3)))
    model._predictors[1][0].nodes["num_threshold"] += 1e-3
    assert Forest.of(model) is not None
    before = model.predict
    model.predict = lambda rows: before(rows) + 1e-12  # type: ignore[method-assign]
    assert Forest.of(model) is None


@pytest.mark.parametrize("rows", [1, 7, 19_999, 20_001])
def test_few_rows_and_many_get_the_same_numbers(rows: int) -> None:
    """Where the one way ends and the other begins nothing is to be seen."""
    known = pl.DataFrame(table(4), schema=list("abcd"))
    model = fit(HistGradientBoostingClassifier(max_iter=10), known, list("abcd"), pl.Series(target(table(4)) > 0))
    asked = pl.DataFrame(np.resize(table(5), (rows, 4)), schema=list("abcd"))
    found = predict(model, asked)
    assert model.forest is not None
    assert (found == model.estimator.predict_proba(asked.to_numpy())[:, 1]).all()
