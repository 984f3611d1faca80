"""A label that is changed while its old model serves."""

from __future__ import annotations

import datetime as dt

import pytest

from dayshift.diagnostics import Refused
from dayshift.runtimes import nightly, training
from tests.runtimes.conftest import ORDERS_A_DAY, Shop

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
