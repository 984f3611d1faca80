"""Accuracy of what was served, over ripe labels only."""

from datetime import timedelta

import polars as pl
import pytest

from dayshift.lifecycle.accuracy import accuracy
from tests.lifecycle.worlds import DAY, START, classifier, features, labels

PIPELINE = classifier()
FEATURES = features(PIPELINE, days=20, per_day=20)
LABELS = labels(FEATURES)
SCORED = FEATURES.select("id", "as_of", prediction=pl.col("amount"), scored_at=pl.col("as_of"))


def test_only_labels_that_became_ripe_lately_count() -> None:
    """Seven days up to now, both ends as in a window; the rest is unripe or past."""
    found = accuracy(PIPELINE, SCORED, LABELS, START + 15 * DAY)
    assert (found.ripe, found.unripe) == (140, 139)
    assert found.score is not None
    assert found.score.metric == "roc_auc"
    assert found.score.value is not None
    assert found.score.value > 0.7


def test_nothing_ripe_is_no_score() -> None:
    """None with the count of what is still to come."""
    found = accuracy(PIPELINE, SCORED, LABELS, START + DAY)
    assert found.to_json() == {"score": None, "ripe": 0, "unripe": 400}


def test_a_question_predicted_twice_counts_by_what_was_served() -> None:
    """A backfilled prediction, made later with more knowledge, does not improve the record."""
    again = SCORED.with_columns(prediction=-pl.col("prediction"), scored_at=pl.col("scored_at") + timedelta(days=1))
    once, twice = (accuracy(PIPELINE, rows, LABELS, START + 15 * DAY) for rows in (SCORED, pl.concat([again, SCORED])))
    assert once.score is not None
    assert twice.score is not None
    assert once.score.value == pytest.approx(twice.score.value)
