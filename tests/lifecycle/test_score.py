"""Scoring refuses whatever was not trained for."""

from datetime import UTC, datetime

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from dayshift import Pipeline
from dayshift.definition.fingerprint import features_fingerprint
from dayshift.diagnostics import Refused
from dayshift.learners.estimator import fit, predict
from dayshift.learners.registry import Registered
from dayshift.lifecycle.score import Scorer, feature_fingerprints, score
from tests.lifecycle.worlds import classifier, features, labels, payments

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PIPELINE = classifier()
FEATURES = features(PIPELINE, days=3)


def registered(pipeline: Pipeline, frame: pl.DataFrame) -> Registered:
    """A model as the registry gives it."""
    about = {
        "features_fingerprint": features_fingerprint(pipeline),
        "feature_fingerprints": feature_fingerprints(pipeline),
    }
    model = fit(LogisticRegression(), frame, pipeline.columns, labels(frame)["label"])
    return Registered(pipeline.name, 4, model, about)


MODEL = registered(PIPELINE, FEATURES)


def test_one_prediction_a_row_in_the_rows_order() -> None:
    """With keys, place in the log, version, fingerprint and time."""
    found = score(PIPELINE, FEATURES, MODEL, NOW)
    assert found.columns == [
        "id", "as_of", "_load", "_position", "prediction", "model_version", "_fingerprint", "scored_at",
    ]  # fmt: skip
    assert found["id"].equals(FEATURES["id"])
    assert found["prediction"].to_list() == predict(MODEL.model, FEATURES).tolist()
    assert found.schema["scored_at"] == pl.Datetime("us", "UTC")
    assert found.select("model_version", "_fingerprint", "scored_at").unique().row(0) == (
        "4", features_fingerprint(PIPELINE), NOW,
    )  # fmt: skip


def test_no_rows_give_a_frame_of_the_same_columns() -> None:
    """An empty night writes an empty, well-typed table."""
    assert score(PIPELINE, FEATURES.clear(), MODEL, NOW).schema == score(PIPELINE, FEATURES, MODEL, NOW).schema


def test_rows_in_parts_give_the_same_predictions() -> None:
    """Scoring by chunks changes nothing."""
    parts = [score(PIPELINE, part, MODEL, NOW) for part in FEATURES.iter_slices(7)]
    assert pl.concat(parts).equals(score(PIPELINE, FEATURES, MODEL, NOW))


def test_micro_batches_give_what_scoring_gives() -> None:
    """A scorer that is kept, for any number of rows, none among them."""
    kept = Scorer(PIPELINE, MODEL)
    for rows in (0, 1, 7):
        part = FEATURES.head(rows)
        found, expected = kept(part, NOW), score(PIPELINE, part, MODEL, NOW)
        assert found.equals(expected)
        assert found.schema == expected.schema
        assert found["scored_at"].to_list() == [NOW] * rows


def test_a_model_of_other_features_is_refused_naming_what_changed() -> None:
    """DS630: changed, new and gone features by name."""
    changed = classifier(features=[payments.row(amount=pl.col("amount") * 2, hour=pl.col("at").dt.hour())])
    with pytest.raises(Refused, match=r"DS630.*'amount' changed its meaning") as caught:
        score(changed, features(changed, days=1), MODEL, NOW)
    assert caught.value.problems[0].facts[:2] == ("'hour' is new", "'noise' is gone")


def test_features_in_another_order_are_other_features() -> None:
    """A matrix has no names: order is meaning."""
    turned = classifier(features=list(reversed(PIPELINE.flat)))
    with pytest.raises(Refused, match=r"DS630.*their order"):
        score(turned, features(turned, days=1), MODEL, NOW)


def test_a_frame_of_another_definition_is_refused() -> None:
    """DS631, even when the model fits the definition."""
    with pytest.raises(Refused, match="DS631"):
        score(PIPELINE, FEATURES.with_columns(_fingerprint=pl.lit("stale")), MODEL, NOW)
