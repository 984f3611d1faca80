"""A small shop: orders are placed, some are returned later; a file a day for each."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from dayshift.lifecycle.project import Project
from dayshift.runtimes.project import open_project

PIPELINE = """
import dayshift as ds
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

orders = ds.Source(
    "orders", time="placed_at", key="order_id",
    schema={"order_id": str, "customer": str, "amount": ds.decimal(2, minimum=0)},
)
returns = ds.Source("returns", time="returned_at", key="order_id", schema={"order_id": str, "customer": str})
pipeline = ds.Pipeline(
    "returns",
    predict=orders,
    features=[
        orders.by("customer").over("2d", "7d").count().alias("orders"),
        orders.by("customer").over("7d").mean("amount").alias("mean_amount").fill(0.0),
        returns.by("customer").over("7d").count().alias("returned"),
        orders.row(amount=pl.col("amount")),
    ],
    label=ds.Label(returns, pl.lit(1), within="2d", missing=0),
    model=make_pipeline(SimpleImputer(), LogisticRegression()),
    metric="roc_auc",
)
"""

SETTINGS = """
[sources.orders]
files = "data/orders/*.csv"

[sources.returns]
files = "data/returns/*.csv"

[train]
holdout = "1d"
min_rows = 20

[schedule]
run = "0 3 * * *"
train = "0 3 * * 1"
"""

FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ORDERS_A_DAY = 60


@dataclass(frozen=True)
class Shop:
    """A project's folder, its data day by day, and the time of each night."""

    root: Path
    seed: int = 1

    def write_day(self, day: int) -> None:
        """Writes the files of day `day`, counted from 0: the orders placed and the returns made on it."""
        chance = random.Random(self.seed)
        orders: list[str] = []
        returns: list[str] = []
        for placed in range(day + 1):
            for number in range(ORDERS_A_DAY):
                at = FIRST + dt.timedelta(days=placed, seconds=chance.randrange(86_000))
                customer, amount = chance.randrange(12), chance.randrange(100, 9_999)
                back = at + dt.timedelta(hours=1 + chance.randrange(40))
                comes_back = chance.random() < 0.08 * (customer % 6) + 0.05
                key = f"o{placed:03d}{number:03d}"
                if placed == day:
                    orders.append(f"{key},{at.isoformat()},c{customer},{amount / 100:.2f}")
                if comes_back and (back - FIRST).days == day:
                    returns.append(f"{key},{back.isoformat()},c{customer}")
        self._write("orders", day, "order_id,placed_at,customer,amount", orders)
        self._write("returns", day, "order_id,returned_at,customer", returns)

    def _write(self, source: str, day: int, head: str, rows: list[str]) -> None:
        target = self.root / "data" / source / f"{day:03d}.csv"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")

    def night(self, day: int) -> dt.datetime:
        """03:00 after day `day`."""
        return FIRST + dt.timedelta(days=day + 1, hours=3)

    def open(self) -> Project:
        """The project as the commands open it."""
        return open_project(self.root)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with its definition and without data."""
    (tmp_path / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "dayshift.toml").write_text(SETTINGS, encoding="utf-8")
    return Shop(tmp_path)
