"""A faultless pipeline file, and the pipeline after something in it was replaced."""

from collections.abc import Iterable
from pathlib import Path

from dayshift.definition.loading import load_pipeline
from dayshift.definition.pipeline import Pipeline

GOOD = """import datetime as dt
import dayshift as ds
import polars as pl
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier

payments = ds.Source(
    "payments", time="paid_at", key="payment_id",
    schema={"payment_id": str, "card": str, "shop": str, "amount": ds.decimal(2), "web": bool, "born": dt.date,
            "note": ds.optional(str), "rate": float, "fraud": ds.optional(bool)},
)
disputes = ds.Source(
    "disputes", time="disputed_at", key="payment_id", schema={"payment_id": str, "card": str, "cost": ds.decimal(2)},
)
pipeline = ds.Pipeline(
    "card-fraud",
    predict=payments,
    features=[
        payments.by("card").over("1d", "7d").count(),
        disputes.by("card").over("30d").sum("cost"),
        payments.row(hour=pl.col("paid_at").dt.hour()),
    ],
    label=ds.Label(disputes, pl.lit(True), within="45d", missing=False),
    model=LogisticRegression(),
    metric="roc_auc",
    gates=[ds.Gate("roc_auc", at_least=0.6)],
)
"""
COUNT = 'payments.by("card").over("1d", "7d").count()'
SUM = 'disputes.by("card").over("30d").sum("cost")'
ROW = 'payments.row(hour=pl.col("paid_at").dt.hour())'
LABEL = 'ds.Label(disputes, pl.lit(True), within="45d", missing=False)'


def changed(folder: Path, changes: Iterable[tuple[str, str]]) -> Pipeline:
    """The pipeline after each change; a change that finds nothing to replace is a fault of the test."""
    text = GOOD
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (folder / "pipeline.py").write_text(text)
    return load_pipeline(folder / "pipeline.py")
