"""Fitting and predicting with the user's estimator."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from dayshift.diagnostics import DefinitionError
from dayshift.learners.estimator import Model, fit, predict, target_of

RANDOM = np.random.default_rng(0)
FRAME = pl.DataFrame({"a": RANDOM.normal(size=200), "b": RANDOM.normal(size=200)})
LABEL = pl.Series("label", (FRAME["a"] + RANDOM.normal(size=200)) > 0)
GAPS = FRAME.with_columns(b=pl.when(pl.col("b") > 0).then(pl.col("b")))
TEXT = FRAME.with_columns(carrier=pl.Series(["UA", "AA"] * 100))


def fitted(estimator: Any, frame: pl.DataFrame = FRAME, **options: Any) -> Model:
    """A model fitted on all columns of a frame."""
    return fit(estimator, frame, frame.columns, LABEL, **options)


def test_the_users_estimator_is_never_touched() -> None:
    """A clone is fitted; the given object stays unfitted, without a seed."""
    estimator = DecisionTreeClassifier()
    fitted(estimator)
    assert not hasattr(estimator, "tree_")
    assert estimator.random_state is None


def test_an_open_seed_is_set_in_every_step_and_a_given_one_is_kept() -> None:
    """The same definition, data and seed give the same model."""
    model = fitted(make_pipeline(PCA(), DecisionTreeClassifier(random_state=3)), seed=5).estimator
    assert model[0].random_state == 5
    assert model[1].random_state == 3
    twice = [predict(fitted(RandomForestClassifier(5), seed=1), FRAME) for _ in range(2)]
    assert np.array_equal(*twice)


def test_a_classifier_gives_the_probability_of_true() -> None:
    """The second column of predict_proba, whatever the label's type."""
    model = fitted(LogisticRegression())
    whole = fit(LogisticRegression(), FRAME, ["a", "b"], LABEL.cast(pl.Int8))
    np.testing.assert_allclose(predict(model, FRAME), model.estimator.predict_proba(FRAME.to_numpy())[:, 1], rtol=1e-12)
    assert np.array_equal(predict(model, FRAME), predict(whole, FRAME))


def test_a_regressor_gives_its_value() -> None:
    """A vector of float64, also from a boolean label."""
    model = fitted(LinearRegression())
    assert predict(model, FRAME).shape == (200,)
    assert model.kind == "regressor"


def test_no_rows_give_no_predictions() -> None:
    """An empty night is no error."""
    assert predict(fitted(LogisticRegression()), FRAME.clear()).shape == (0,)


def test_nulls_reach_a_model_that_can_take_them() -> None:
    """Gradient boosting takes NaN as it comes."""
    assert np.isfinite(predict(fitted(HistGradientBoostingClassifier(max_iter=5), GAPS), GAPS)).all()


def test_nulls_that_a_model_cannot_take_are_named_with_a_remedy() -> None:
    """DS605 names the feature, counts its nulls and proposes an imputer that works when pasted."""
    with pytest.raises(DefinitionError) as caught:
        fitted(LogisticRegression(), GAPS)
    problem = caught.value.problems[0]
    nulls = GAPS["b"].null_count()
    assert problem.code == "DS605"
    assert f"feature 'b' is null in {nulls} of 200 rows" in problem.message
    assert "make_pipeline(SimpleImputer(), LogisticRegression(...))" in (problem.hint or "")
    assert np.isfinite(predict(fitted(make_pipeline(SimpleImputer(), LogisticRegression()), GAPS), GAPS)).all()


def test_nulls_that_first_appear_in_scoring_are_named_too() -> None:
    """The same message at prediction."""
    with pytest.raises(DefinitionError, match="DS605"):
        predict(fitted(make_pipeline(StandardScaler(), LogisticRegression())), GAPS)


@pytest.mark.parametrize("estimator", [LogisticRegression(), HistGradientBoostingClassifier(), make_pipeline(SimpleImputer(), LogisticRegression())], ids=["bare", "boosting", "pipeline"])  # fmt: skip
def test_text_that_a_model_cannot_read_is_named_with_a_remedy(estimator: Any) -> None:
    """DS606 names the feature and proposes an encoder."""
    with pytest.raises(DefinitionError) as caught:
        fitted(clone(estimator), TEXT)
    problem = caught.value.problems[0]
    assert problem.code == "DS606"
    assert "'carrier' is text" in problem.message
    assert 'make_column_transformer((OrdinalEncoder(), ["carrier"])' in (problem.hint or "")


def test_the_proposed_encoder_works_when_pasted() -> None:
    """What DS606 says is what repairs it."""
    encoder = make_column_transformer((OrdinalEncoder(), ["carrier"]), remainder="passthrough")
    model = fitted(make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=5)), TEXT)
    assert model.reads == "frame"
    assert predict(model, TEXT).shape == (200,)


def test_a_classifier_without_probabilities_is_refused() -> None:
    """DS608 proposes calibration."""
    with pytest.raises(DefinitionError, match=r"DS608.*LinearSVC"):
        fitted(LinearSVC())


@pytest.mark.parametrize("model", [LogisticRegression, StandardScaler(), object()])
def test_what_is_no_estimator_is_refused(model: Any) -> None:
    """A class instead of an object, a transformer, anything else: DS600."""
    with pytest.raises(DefinitionError, match="DS600"):
        fitted(model)


def test_an_estimators_own_error_keeps_its_words() -> None:
    """DS607 carries type and first line of what the library said."""
    with pytest.raises(DefinitionError, match=r"DS607.*alpha"):
        fitted(Ridge(alpha=-1))


def test_a_feature_without_any_value_is_named_when_a_model_fails_on_it() -> None:
    """A window that nothing has reached yet is a column of nulls; gradient boosting says only "window shape"."""
    with pytest.raises(DefinitionError, match="DS607") as caught:
        fitted(HistGradientBoostingClassifier(max_iter=5), FRAME.with_columns(b=pl.lit(None, pl.Float64)))
    problem = caught.value.problems[0]
    assert any(fact.startswith("without a single value in these rows: ") for fact in problem.facts)
    assert "'b'" in (problem.hint or "")


@pytest.mark.parametrize("label", [pl.Series(["yes", "no"]), pl.Series([1, 2]), pl.Series([0.0, 0.5])])
def test_a_label_that_is_not_true_or_false_is_refused(label: pl.Series) -> None:
    """Which class is positive is never guessed."""
    with pytest.raises(DefinitionError, match="DS600"):
        target_of(label, "classifier")


def test_weights_reach_the_last_step() -> None:
    """A row of weight zero is as good as absent."""
    weights = np.where(LABEL.to_numpy(), 1.0, 0.0)
    weights[:100] = 1.0
    weighted = fitted(make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2)), weights=weights)
    assert not np.array_equal(predict(weighted, FRAME), predict(fitted(DecisionTreeClassifier(max_depth=2)), FRAME))


def test_warnings_of_the_fit_are_kept_as_notes() -> None:
    """They are not printed into the user's terminal."""
    model = fitted(LogisticRegression(max_iter=1))
    assert any("ConvergenceWarning" in note for note in model.notes)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(SimpleImputer(), RandomForestClassifier(5)),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=["linear", "scaled", "forest", "boosting"],
)
def test_a_rows_prediction_does_not_depend_on_its_company(estimator: Any) -> None:
    """Alone, among seven or among three thousand, in whatever place: the same bits."""
    chance = np.random.default_rng(3)
    names = [f"f{i}" for i in range(30)]
    frame = pl.DataFrame({name: chance.normal(size=3_000) for name in names})
    model = fit(estimator, frame, names, pl.Series(chance.random(3_000) < 0.3))
    whole = predict(model, frame)
    for size in (1, 7, 1_024, 1_500):
        starts = range(0, 3_000, size) if size > 1 else range(0, 3_000, 500)
        for start in starts:
            part = predict(model, frame.slice(start, size))
            assert part.tobytes() == whole[start : start + size].tobytes()
