"""A column and its feature are added to a project with history: nights and live runs go on, and all verifies."""

from __future__ import annotations

import pytest

from dayshift.lifecycle.verify import verify
from dayshift.runtimes import nightly
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Feed
from tests.runtimes.live.test_run import feed_of, go

TYPED = '"amount": ds.decimal(2, minimum=0)'
FEATURE = '    orders.row(amount=pl.col("amount")),'


def _with_tips(shop: Shop) -> None:
    """The definition as somebody edits it a week later."""
    path = shop.root / "pipeline.py"
    text = path.read_text(encoding="utf-8")
    assert TYPED in text
    assert FEATURE.strip() in text
    text = text.replace(TYPED, f'{TYPED}, "tip": ds.optional(ds.decimal(2)), "shop": ds.optional(str)')
    added = '    orders.by("customer").over("2d").sum("tip").alias("tips"),\n    orders.row(shop=pl.col("shop").fill_null("")),'
    path.write_text(text.replace(FEATURE, f"{added}\n{FEATURE}"), encoding="utf-8")


@pytest.mark.parametrize("night", [True, False])
@pytest.mark.slow
def test_an_optional_column_that_is_added_later_is_null_in_what_came_before(shop: Shop, night: bool) -> None:
    """After one night without it: another night without it in its files, or at once a live run whose records bring it."""
    settings = shop.root / "dayshift.toml"
    text = settings.read_text().replace('train = "0 3 * * 1"\n', "")
    settings.write_text(text.replace("[sources.orders]\n", '[sources.orders]\non_missing_column = "ignore"\n'))
    shop.write_day(0)
    nightly.run(shop.open(), shop.night(0))
    _with_tips(shop)
    for day in range(1, 3):
        shop.write_day(day)
    if night:
        (shop.root / "data" / "orders" / "002.csv").rename(shop.root / "later.csv")
        nightly.run(shop.open(), shop.night(1))
        (shop.root / "later.csv").rename(shop.root / "data" / "orders" / "002.csv")
    records = feed_of(shop, range(2, 3))
    tipped = [(source, at, {**row, "tip": "0.50"} if source == "orders" else row) for source, at, row in records]
    project = shop.open()
    go(project, Feed(tipped))
    report = verify(project)
    assert report.equal
    assert report.questions > 0
    tips = project.features.scan().collect()["tips_2d"]
    assert tips.max() > 0
