"""Predictions that are no forecasts: for a label that was changed, or of questions that the model was trained on."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from dayshift.diagnostics import Refused
from dayshift.runtimes import backfilling, nightly, training
from tests.runtimes.conftest import FIRST, ORDERS_A_DAY, Shop

LAST = 7


@pytest.mark.slow
def test_a_model_of_another_label_neither_scores_nor_is_compared(shop: Shop) -> None:
    """What it says answers a question that is no longer asked; after a training all questions that waited are scored."""
    for day in range(LAST):
        shop.write_day(day)
    nightly.run(shop.open(), shop.night(LAST - 1))
    assert training.run(shop.open(), shop.night(LAST - 1)).promoted
    shop.write_day(LAST)
    assert nightly.run(shop.open(), shop.night(LAST)).predictions.rows == ORDERS_A_DAY
    served = shop.open().predictions.scan().collect()

    pipeline = shop.root / "pipeline.py"
    pipeline.write_text(pipeline.read_text().replace('within="2d"', 'within="1d"'))
    shop.write_day(LAST + 1)
    with pytest.raises(Refused, match="DS632"):
        nightly.run(shop.open(), shop.night(LAST + 1))
    assert shop.open().predictions.scan().collect().equals(served)

    later = shop.night(LAST + 1) + dt.timedelta(hours=1)
    report = training.run(shop.open(), later)
    assert report.promoted
    assert report.champion is None
    assert any("another label" in note for note in report.notes)
    night = nightly.run(shop.open(), later)
    assert (night.predictions.rows, night.predictions.model_version) == (ORDERS_A_DAY, str(report.version))
    shop.write_day(LAST + 2)
    watched = nightly.run(shop.open(), shop.night(LAST + 2)).monitor
    assert watched is not None
    assert watched.accuracy is not None
    assert 0 < watched.accuracy.ripe <= 2 * ORDERS_A_DAY - watched.accuracy.unripe, (
        "those of the old model do not count"
    )


@pytest.mark.slow
def test_a_backfill_does_not_make_the_served_accuracy_better(shop: Shop) -> None:
    """What the champion says of questions that it learned from is no forecast, and does not count as one."""
    for day in range(LAST):
        shop.write_day(day)
    nightly.run(shop.open(), shop.night(LAST - 1))
    training.run(shop.open(), shop.night(LAST - 1))
    backfilling.run(shop.open(), FIRST, shop.night(LAST), shop.night(LAST - 1))
    shop.write_day(LAST)
    watched = nightly.run(shop.open(), shop.night(LAST)).monitor
    champion = shop.open().registry.champion("returns")
    assert champion is not None
    asked = shop.open().features.scan().select(pl.col("as_of").dt.epoch("us")).collect()["as_of"]
    fair = (asked > champion.about["trained_to_us"]).sum()
    assert watched is not None
    assert watched.accuracy is not None
    assert 0 < watched.accuracy.ripe <= fair - watched.accuracy.unripe < asked.len()
