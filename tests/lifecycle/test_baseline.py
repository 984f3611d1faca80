"""Naive predictions know only what was known."""

import datetime as dt

import numpy as np
import polars as pl

from dayshift.lifecycle.baseline import LAST, baselines

HOUR = dt.timedelta(hours=1)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def rows(label: list[float], ids: list[str] | None = None, delay: dt.timedelta = HOUR) -> pl.DataFrame:
    """One question an hour."""
    asked = [START + number * HOUR for number in range(len(label))]
    frame = pl.DataFrame({"id": ids or [str(number) for number in range(len(label))], "as_of": asked, "label": label})
    return frame.with_columns(ripe_at=pl.col("as_of") + delay)


def test_the_last_label_is_the_last_one_ripe_when_asked() -> None:
    """With a delay of two hours the question of hour 5 knows the answer of hour 3, not of hour 4."""
    frame = rows([0.0, 1, 2, 3, 4, 5], delay=2 * HOUR)
    assert baselines(frame[:4], frame[4:], frame, ["id"], "regressor")[LAST].tolist() == [2, 3]


def test_an_entity_that_comes_again_is_asked_for_itself() -> None:
    """When keys repeat, the last label is the entity's own; a new entity gets the mean."""
    frame = rows([10.0, 20, 30, 40, 50], ids=["a", "b", "a", "b", "c"])
    found = baselines(frame[:2], frame[2:], frame, ["id"], "regressor")
    assert found[LAST].tolist() == [10, 20, 15]
    assert found["mean"].tolist() == [15, 15, 15]


def test_a_classifiers_chance_is_how_often_it_was_true_after_such_an_answer() -> None:
    """A label that always changes: after true comes false. The prediction is low after true and high after false."""
    frame = rows([float(number % 2) for number in range(40)])
    found = baselines(frame[:30], frame[30:], frame, ["id"], "classifier")
    assert found["prevalence"].tolist() == [0.5] * 10
    assert (found[LAST][0::2] < 0.1).all()
    assert (found[LAST][1::2] > 0.9).all()


def test_rows_keep_their_order() -> None:
    """A prediction belongs to its row, whatever the order of time."""
    frame = rows([0.0, 1, 2, 3, 4, 5])
    asked = frame[3:][::-1]
    found = baselines(frame[:3], asked, frame, ["id"], "regressor")[LAST]
    assert np.array_equal(found, [4, 3, 2])
