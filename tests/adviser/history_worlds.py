"""Small logs whose leaks, or lack of them, are known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LinearRegression, LogisticRegression

import dayshift as ds
from dayshift.engines.contract import FrameLog

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TIME = pl.Datetime("us", "UTC")
START_US = int(START.timestamp()) * 1_000_000


def times(micros: Any) -> pl.Series:
    """Microseconds after the start as times."""
    return pl.Series("at", np.asarray(micros, np.int64) + START_US).cast(TIME)


@dataclass(frozen=True)
class Orders:
    """Orders, every minute one; verdicts on them a day later, or when `known_us` says; `extra` columns of the orders."""

    rows: int = 4_000
    seed: int = 0

    def __post_init__(self) -> None:
        drawn = np.random.default_rng(self.seed)
        at = np.arange(self.rows) * 60_000_000
        risk = drawn.normal(size=self.rows)
        bad = drawn.random(self.rows) < 1 / (1 + np.exp(-(risk - 1)))
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "risk", risk)
        object.__setattr__(self, "bad", bad)
        object.__setattr__(self, "drawn", drawn)

    at: Any = None
    risk: Any = None
    bad: Any = None
    drawn: Any = None

    def orders(self, **extra: Any) -> pl.DataFrame:
        """The asking events."""
        return pl.DataFrame(
            {"at": times(self.at), "id": np.arange(self.rows), "card": np.arange(self.rows) % 50, "risk": self.risk}
        ).with_columns(_load=pl.lit(1, pl.Int64), _position=times(self.at).to_physical(), **extra)

    def verdicts(self, known_us: Any = None, keep: Any = None, **extra: Any) -> pl.DataFrame:
        """The answering events, which happen with their order and are known later; only those to `keep`."""
        known = self.at + (DAY_US if known_us is None else known_us)
        frame = pl.DataFrame({"at": times(self.at), "id": np.arange(self.rows), "bad": self.bad.astype(np.int64)})
        frame = frame.with_columns(_load=pl.lit(1, pl.Int64), _position=times(known).to_physical(), **extra)
        frame = frame if keep is None else frame.filter(pl.Series(keep))
        return frame.sort("_position")


def sources(delay: str = "1d", orders: Any = None, verdicts: Any = None) -> tuple[ds.Source, ds.Source]:
    """The two sources, with more columns where wanted."""
    asks = ds.Source(
        "orders",
        time="at",
        key="id",
        schema={"id": int, "card": int, "risk": ds.Column(float, bits=20), **(orders or {})},
    )
    tells = ds.Source("verdicts", time="at", key="id", delay=delay, schema={"id": int, "bad": int, **(verdicts or {})})
    return asks, tells


def pipeline(asks: ds.Source, tells: ds.Source, *features: Any, **changes: Any) -> ds.Pipeline:
    """An order's risk, how many its card had, and whatever else is given."""
    given: dict[str, Any] = {
        "label": ds.Label(tells, pl.col("bad") == 1, within="0s"),
        "model": LogisticRegression(),
        "metric": "roc_auc",
        **changes,
    }
    chosen = [asks.row(risk=pl.col("risk")), asks.by("card").over("1d").count(), *features]
    return ds.Pipeline("orders", predict=asks, features=chosen, **given)


def regressor(asks: ds.Source, tells: ds.Source, *features: Any) -> ds.Pipeline:
    """The same orders with a number to predict."""
    label = ds.Label(tells, pl.col("bad"), within="0s")
    return pipeline(asks, tells, *features, label=label, model=LinearRegression(), metric="rmse")


def log(orders: pl.DataFrame, verdicts: pl.DataFrame) -> FrameLog:
    """Both streams."""
    return FrameLog({"orders": orders, "verdicts": verdicts})
