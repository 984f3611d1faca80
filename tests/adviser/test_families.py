"""The second family of models: another kind of eye, on whatever the user's model takes."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dayshift.adviser.families import is_linear, second_family
from dayshift.learners.estimator import fit, predict


@pytest.mark.parametrize(
    ("estimator", "linear"),
    [
        (LogisticRegression(), True),
        (SGDClassifier(), True),
        (ElasticNet(), True),
        (make_pipeline(StandardScaler(), LogisticRegression()), True),
        (HistGradientBoostingClassifier(), False),
        (RandomForestRegressor(), False),
    ],
)
def test_a_linear_model_is_doubted_by_a_tree_and_all_else_by_a_linear_one(estimator: Any, linear: bool) -> None:
    """Whichever the declared one is, the second is of the other kind."""
    kind = (
        "regressor" if "Regress" in type(estimator).__name__ and "Log" not in type(estimator).__name__ else "classifier"
    )
    assert is_linear(estimator) is linear
    assert is_linear(second_family(estimator, kind)) is not linear


@pytest.mark.parametrize("model", [HistGradientBoostingClassifier(), LogisticRegression()])
def test_it_takes_nulls_and_text_and_sees_what_is_there(model: Any) -> None:
    """Half of the numbers missing, a word that is new: answers all the same, and better than a coin."""
    random = np.random.default_rng(0)
    word = random.choice(["a", "b", "c"], 600)
    label = (word == "a") ^ (random.random(600) < 0.1)
    number = pl.Series(random.normal(size=600)).set(pl.Series(random.random(600) < 0.5), None)
    frame = pl.DataFrame({"number": number, "word": word})
    fitted = fit(
        second_family(model, "classifier", ["word"]), frame, frame.columns, pl.Series(label.astype(int)), seed=0
    )
    answers = predict(fitted, frame)
    assert answers[word == "a"].mean() > answers[word != "a"].mean() + 0.5
    assert np.isfinite(predict(fitted, pl.DataFrame({"number": [None], "word": ["new"]}, schema=frame.schema))).all()


def test_a_column_of_nulls_is_no_fault() -> None:
    """A feature that was not there yet when the first model was fitted."""
    frame = pl.DataFrame({"number": pl.Series([None] * 80, dtype=pl.Float64), "other": np.arange(80.0)})
    fitted = fit(
        second_family(HistGradientBoostingRegressor(), "regressor"), frame, frame.columns, frame["other"], seed=0
    )
    assert np.isfinite(predict(fitted, frame)).all()
