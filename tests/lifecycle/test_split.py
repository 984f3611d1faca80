"""Which rows train and which judge."""

from datetime import timedelta

import polars as pl
import pytest

from dayshift.definition.settings import TrainSettings
from dayshift.diagnostics import DefinitionError, NotReady, Refused
from dayshift.lifecycle.split import needed_since, require_enough, ripe_rows, span, split, within_window
from tests.lifecycle.worlds import DAY, START, classifier, features, labels

PIPELINE = classifier()
FEATURES = features(PIPELINE, days=20, per_day=10)
LABELS = labels(FEATURES)  # ripe two days after the question
NOW = START + 18 * DAY


def test_only_labels_ripe_at_the_training_time_exist() -> None:
    """A label that becomes ripe exactly now is ripe; one microsecond later it is not."""
    ripe = ripe_rows(PIPELINE, FEATURES, LABELS, NOW)
    assert ripe.frame["ripe_at"].max() == NOW
    earlier = ripe_rows(PIPELINE, FEATURES, LABELS, NOW - timedelta(microseconds=1))
    assert earlier.frame.height == ripe.frame.height - 1


def test_every_question_is_counted_once() -> None:
    """Ripe, unripe and unlabelled are all the questions there are."""
    some = LABELS.with_columns(label=pl.when(pl.int_range(pl.len()) % 5 > 0).then("label"))
    ripe = ripe_rows(PIPELINE, FEATURES, some, NOW)
    assert (ripe.questions, ripe.unripe, ripe.unlabelled) == (200, 39, 33)
    assert ripe.frame.height + ripe.unripe + ripe.unlabelled == ripe.questions


def test_labels_that_are_not_loaded_yet_are_unripe_whatever_the_hour() -> None:
    """With labels known up to day 10 only, a training a month later says so instead of calling them unlabelled."""
    known = LABELS.filter(pl.col("ripe_at") <= START + 10 * DAY)
    ripe = ripe_rows(PIPELINE, FEATURES, known, START + 50 * DAY)
    assert (ripe.frame.height, ripe.unripe, ripe.unlabelled) == (81, 119, 0)


def test_the_holdout_is_the_end_of_what_is_ripe_and_training_was_known_before_it() -> None:
    """No training label became ripe after the holdout began (no leak), and between them rows are purged."""
    rows = ripe_rows(PIPELINE, FEATURES, LABELS, NOW).frame
    found = split(rows, TrainSettings(holdout="3d"))
    newest = rows["as_of"].max()
    assert found.boundary == newest - 3 * DAY
    assert found.holdout["as_of"].min() > found.boundary
    assert found.training["ripe_at"].max() <= found.boundary
    assert found.purged == 20, "two days of ten questions"
    assert found.training.height + found.purged + found.holdout.height == rows.height


def test_the_window_is_counted_back_from_the_newest_training_question() -> None:
    """A window as long as the ripening still leaves rows: it does not begin at the training time."""
    rows = ripe_rows(PIPELINE, FEATURES, LABELS, NOW).frame
    found = split(rows, TrainSettings(holdout="3d", window="2d"))
    assert found.training.height == 20
    assert within_window(rows, TrainSettings(window="1d")).height == 10
    assert within_window(rows.clear(), TrainSettings(window="1d")).height == 0


def test_what_is_not_needed_need_not_be_read() -> None:
    """With a window, leaving out all questions before `needed_since` changes neither training nor holdout."""
    settings = TrainSettings(holdout="3d", window="2d")
    since = needed_since(LABELS, settings, NOW)
    fewer = ripe_rows(PIPELINE, FEATURES.filter(pl.col("as_of") >= since), LABELS, NOW).frame
    whole = ripe_rows(PIPELINE, FEATURES, LABELS, NOW).frame
    assert fewer.height < whole.height
    assert split(fewer, settings).training.equals(split(whole, settings).training)
    assert split(fewer, settings).holdout.equals(split(whole, settings).holdout)
    assert needed_since(LABELS, TrainSettings(), NOW) is None
    assert needed_since(LABELS, settings, START) is None
    assert needed_since(pl.DataFrame(), settings, NOW) is None


def test_no_ripe_label_says_when_the_first_will_be() -> None:
    """DS601."""
    with pytest.raises(NotReady, match="DS601") as caught:
        ripe_rows(PIPELINE, FEATURES, LABELS, START + DAY)
    assert "200 of them unripe; the first becomes ripe at 2026-01-03 00:00 UTC" in caught.value.problems[0].facts[0]


def test_no_label_table_at_all_is_no_ripe_label() -> None:
    """A lake without labels yet: DS601 too."""
    with pytest.raises(NotReady, match="DS601"):
        ripe_rows(PIPELINE, FEATURES, pl.DataFrame(), NOW)


def test_a_pipeline_without_a_label_cannot_train() -> None:
    """DS604."""
    with pytest.raises(DefinitionError, match="DS604"):
        ripe_rows(classifier(label=None), FEATURES, LABELS, NOW)


def test_too_few_rows_are_refused_with_the_reason() -> None:
    """DS603 counts what judges, what was purged, and what is unripe."""
    settings = TrainSettings(holdout="12d", min_rows=100)
    ripe = ripe_rows(PIPELINE, FEATURES, LABELS, NOW)
    with pytest.raises(NotReady, match=r"DS603: 2[01] rows to train on, fewer than min_rows = 100") as caught:
        require_enough(split(ripe.frame, settings), ripe, settings, "classifier")
    assert "120 of them judge" in caught.value.problems[0].facts[0]


def test_one_class_is_refused_for_a_classifier_only() -> None:
    """DS602; a regressor may learn a constant."""
    settings = TrainSettings(holdout="3d", min_rows=10)
    ripe = ripe_rows(PIPELINE, FEATURES, LABELS.with_columns(label=pl.lit(value=False)), NOW)
    with pytest.raises(NotReady, match=r"DS602.*False"):
        require_enough(split(ripe.frame, settings), ripe, settings, "classifier")
    require_enough(split(ripe.frame, settings), ripe, settings, "regressor")


def test_features_of_another_definition_never_train() -> None:
    """DS631: neither another fingerprint nor two policies at once."""
    with pytest.raises(Refused, match="DS631"):
        ripe_rows(PIPELINE, FEATURES.with_columns(_fingerprint=pl.lit("other")), LABELS, NOW)
    policies = pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("hindsight")).otherwise(pl.lit("as_known"))
    with pytest.raises(Refused, match="DS631"):
        ripe_rows(PIPELINE, FEATURES.with_columns(_policy=policies), LABELS, NOW)


def test_a_span_of_nothing_is_nothing() -> None:
    """None instead of a date that nobody asked at."""
    assert span(FEATURES.clear()) is None
    assert span(FEATURES[:2]) == ["2026-01-01T00:00:00+00:00", "2026-01-01T02:24:00+00:00"]
