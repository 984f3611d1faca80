"""Compaction and retention: later answers stay what they are, and what can't be answered any more is refused."""

from __future__ import annotations

import datetime as dt

import pytest

from dayshift.diagnostics import Refused
from dayshift.runtimes import backfilling, nightly, upkeep
from tests.runtimes.conftest import FIRST, ORDERS_A_DAY, Shop

DAYS = 13


def _settings(shop: Shop, events: str) -> None:
    path = shop.root / "dayshift.toml"
    path.write_text(path.read_text().split("[schedule]")[0] + f'[retention]\nevents = "{events}"\nversions = "0s"\n')


def _nights(shop: Shop, days: range) -> None:
    project = shop.open()
    for day in days:
        shop.write_day(day)
        nightly.run(project, shop.night(day))


@pytest.mark.slow
def test_retention_changes_no_later_answer(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The nights after old events left are, to the bit, those of a shop that keeps everything."""
    _settings(shop, "10d")
    keeps = Shop(tmp_path_factory.mktemp("keeps"))
    for name in ("pipeline.py", "dayshift.toml"):
        (keeps.root / name).write_text((shop.root / name).read_text())
    _nights(shop, range(DAYS - 1))
    _nights(keeps, range(DAYS - 1))
    report = upkeep.run(shop.open(), shop.night(DAYS - 2), retain=True)
    assert report.events_deleted["orders"] > ORDERS_A_DAY
    _nights(shop, range(DAYS - 1, DAYS))
    _nights(keeps, range(DAYS - 1, DAYS))
    left, right = (each.open().features.scan().collect().sort("order_id") for each in (shop, keeps))
    assert left.equals(right, null_equal=True)


@pytest.mark.slow
def test_what_needs_deleted_events_is_refused_or_left_out_and_said(shop: Shop) -> None:
    """A backfill below the horizon is refused; a new definition answers only questions whose windows are whole."""
    _settings(shop, "10d")
    _nights(shop, range(DAYS))
    upkeep.run(shop.open(), shop.night(DAYS - 1), retain=True)
    with pytest.raises(Refused, match="DS592"):
        backfilling.run(shop.open(), FIRST, FIRST + dt.timedelta(days=20), shop.night(DAYS))
    pipeline = shop.root / "pipeline.py"
    pipeline.write_text(pipeline.read_text().replace('"2d", "7d"', '"3d", "7d"'))
    report = nightly.run(shop.open(), shop.night(DAYS))
    assert report.features.unanswered > 0
    assert any("deleted" in note for note in report.notes)
    assert shop.open().features.scan().collect()["as_of"].min() >= FIRST + dt.timedelta(days=10)  # type: ignore[operator]


def test_retention_shorter_than_a_window_is_refused(shop: Shop) -> None:
    """No setting may make later windows smaller."""
    _settings(shop, "7d")
    _nights(shop, range(1))
    with pytest.raises(Refused, match="DS731"):
        upkeep.run(shop.open(), shop.night(0), retain=True)


@pytest.mark.slow
def test_a_feature_over_the_whole_past_lives_on_in_the_state_and_is_refused_without_it(shop: Shop) -> None:
    """The saved state remembers what was deleted; reading the past again would not."""
    _settings(shop, "10d")
    pipeline = shop.root / "pipeline.py"
    pipeline.write_text(
        pipeline.read_text().replace(
            "    features=[", '    features=[\n        orders.by("customer").count().alias("ever"),'
        )
    )
    _nights(shop, range(DAYS))
    upkeep.run(shop.open(), shop.night(DAYS - 1), retain=True)
    _nights(shop, range(DAYS, DAYS + 1))
    ever = shop.open().features.scan().collect().sort("as_of").tail(1)["ever"].item()
    assert ever > 12
    for path in (shop.root / "lake" / "state").rglob("*.state"):
        path.unlink()
    shop.write_day(DAYS + 1)
    with pytest.raises(Refused, match="DS591"):
        nightly.run(shop.open(), shop.night(DAYS + 1))
