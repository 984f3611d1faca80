"""A small simulated pipeline with features and labels as the engine gives them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LinearRegression, LogisticRegression

import dayshift as ds
from dayshift.definition.fingerprint import features_fingerprint

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)

payments = ds.Source("payments", time="at", key="id", schema={"id": str, "card": str, "amount": float})
verdicts = ds.Source("verdicts", time="at", key="id", schema={"id": str, "fraud": int}, delay="1d")


def classifier(**changes: Any) -> ds.Pipeline:
    """Will this payment turn out to be fraud? Two features, labels ripe two days after the question."""
    pipeline = ds.Pipeline(
        "cards",
        predict=payments,
        features=[payments.row(amount=pl.col("amount"), noise=pl.col("amount") * 0)],
        label=ds.Label(verdicts, pl.col("fraud") == 1, within="1d"),
        model=LogisticRegression(),
        metric="roc_auc",
    )
    return replace(pipeline, **changes)


def regressor(**changes: Any) -> ds.Pipeline:
    """How much will this payment cost us?"""
    return classifier(
        model=LinearRegression(), metric="rmse", label=ds.Label(verdicts, pl.col("fraud"), within="1d"), **changes
    )


def features(pipeline: ds.Pipeline, days: int = 20, per_day: int = 50, seed: int = 0) -> pl.DataFrame:
    """The features table: `per_day` questions a day for `days` days from START, evenly spread."""
    random = np.random.default_rng(seed)
    count = days * per_day
    asked = [START + number * DAY / per_day for number in range(count)]
    frame = pl.DataFrame(
        {
            "_load": np.ones(count, np.int64),
            "_position": np.arange(count),
            "as_of": pl.Series(asked, dtype=pl.Datetime("us", "UTC")),
            "id": [f"p{number}" for number in range(count)],
        }
    )
    columns = [pl.Series(name, random.normal(size=count)) for name in pipeline.columns]
    marks = {"_fingerprint": features_fingerprint(pipeline), "_policy": "as_known"}
    return frame.with_columns(*columns).with_columns(**{name: pl.lit(value) for name, value in marks.items()})


def labels(frame: pl.DataFrame, signal: float = 1.5, seed: int = 1, ripe_after: timedelta = 2 * DAY) -> pl.DataFrame:
    """A label for each question that depends on its first feature by `signal`; about a third are true."""
    random = np.random.default_rng(seed)
    column = "amount" if "amount" in frame.columns else frame.columns[4]
    score = signal * frame[column].to_numpy() + random.logistic(size=frame.height)
    return frame.select("id", "as_of").with_columns(
        pl.Series("label", score > 1.0), ripe_at=pl.col("as_of") + ripe_after
    )
