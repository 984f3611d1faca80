"""A calendar's questions night by night, where answers are known before their source's delay is over."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from dayshift.runtimes import backfilling, nightly
from tests.runtimes.conftest import FIRST, Shop

PIPELINE = """
import dayshift as ds
import polars as pl

orders = ds.Source("orders", time="placed_at", key="order_id", schema={"order_id": str, "customer": str})
returns = ds.Source(
    "returns", time="returned_at", key="order_id", delay="5d", schema={"order_id": str, "customer": str},
)
pipeline = ds.Pipeline(
    "regulars",
    predict=orders.every("1d", by="customer", offset="1h"),
    features=[orders.by("customer").over("2d").count().alias("n"), returns.by("customer").over("7d").count().alias("r")],
    label=ds.Label(returns, pl.len() > 0, within="1d", by="customer", pick="all", missing=False),
)
"""
NIGHTS = 4


@pytest.mark.slow
def test_no_question_is_asked_before_its_time(tmp_path: Path) -> None:
    """Returns of yesterday count as known in five days; no tick of these days is asked before its orders are there."""
    shop = Shop(tmp_path)
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "dayshift.toml").write_text(
        "".join(f'[sources.{name}]\nfiles = "data/{name}/*.csv"\n' for name in ("orders", "returns"))
    )
    for day in range(NIGHTS):
        shop.write_day(day)
        nightly.run(shop.open(), shop.night(day))
        newest = shop.open().features.scan().select(pl.col("as_of").max()).collect().item()
        assert newest == FIRST + dt.timedelta(days=day + 1, hours=1)
    project = shop.open()
    found = project.features.scan().sort("as_of", "customer").collect()
    orders = pl.concat(
        pl.read_csv(path, try_parse_dates=True) for path in sorted((tmp_path / "data" / "orders").glob("*"))
    )
    for row in found.iter_rows(named=True):
        window = orders.filter(
            pl.col("customer") == row["customer"],
            pl.col("placed_at").is_between(row["as_of"] - dt.timedelta(days=2), row["as_of"], closed="left"),
            pl.col("placed_at") < FIRST + dt.timedelta(days=row["_load"]),
        )
        assert row["n_2d"] == window.height
    backfilling.run(project, FIRST, shop.night(NIGHTS), shop.night(NIGHTS))
    assert project.features.scan().sort("as_of", "customer").collect().equals(found)
