"""Is this card payment fraud? Known a week later, as are the fraud rates of terminals."""

import polars as pl
from lightgbm import LGBMClassifier

import dayshift as ds

transactions = ds.Source(
    "transactions",
    time="paid_at",
    key="payment",
    schema={"payment": int, "card": int, "terminal": int, "amount": ds.decimal(2)},
)
fraud_reports = ds.Source(
    "fraud_reports",
    time="paid_at",
    key="payment",
    schema={"payment": int, "terminal": int, "fraud": int},
    delay="7d",
)
widths = ("1d", "7d", "30d")
by_card = transactions.by("card").over(*widths, closed="right", including_self=True)

pipeline = ds.Pipeline(
    "card-fraud",
    predict=transactions,
    features=[
        transactions.row(
            amount=pl.col("amount"),
            during_weekend=pl.col("paid_at").dt.weekday() >= 6,
            during_night=pl.col("paid_at").dt.hour() <= 6,
        ),
        by_card.count(),
        by_card.mean("amount"),
        transactions.by("terminal").over(*widths, delay="7d", closed="right").count(),
        fraud_reports.by("terminal").over(*widths, delay="7d", closed="right").mean("fraud").fill(0.0),
    ],
    label=ds.Label(fraud_reports, pl.col("fraud") == 1, within="0s"),
    model=LGBMClassifier(n_estimators=60, num_leaves=15, min_child_samples=100, n_jobs=1, verbose=-1),
    metric="average_precision",
)
