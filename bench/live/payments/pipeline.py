"""Is this card payment fraud? The handbook's twelve windows: by customer at once, by terminal seven days later."""

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

import dayshift as ds

payments = ds.Source(
    "payments",
    time="at",
    key="id",
    schema={"id": int, "customer": int, "terminal": int, "amount": ds.decimal(2), "fraud": bool},
)
widths = ("1d", "7d", "30d")
customer = payments.by("customer").over(*widths, closed="right", including_self=True)
terminal = payments.by("terminal").over(*widths, closed="right", delay="7d")

pipeline = ds.Pipeline(
    "card-fraud",
    predict=payments,
    features=[
        customer.count().alias("customer_count"),
        customer.mean("amount").alias("customer_mean"),
        terminal.count().alias("terminal_count"),
        terminal.mean("fraud").alias("terminal_risk"),
    ],
    label=ds.Label(payments, pl.col("fraud"), within="0s"),
    model=HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1),
    metric="average_precision",
)
