"""The Fraud Detection Handbook's baseline table (chapter 3), from raw transactions through Dayshift's own pipeline.

Trained on 2018-07-25 … 31, tested on 2018-08-08 … 14; labels are known seven days after the transaction; cards known to
be compromised are removed from the test week; scikit-learn's defaults, seed 0, standardised features.

    make bench NAME=handbook        # the last line is JSON
"""

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import dayshift as ds
from dayshift.definition.metric import metric_named
from dayshift.definition.settings import Settings
from dayshift.engines.contract import FrameLog
from dayshift.engines.local.engine import LocalEngine
from dayshift.learners.estimator import predict
from dayshift.lifecycle.evaluate import evaluate
from dayshift.lifecycle.train import fit_rows, judged_rows

DATA = Path(os.environ.get("DAYSHIFT_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
START, DAY = datetime(2018, 7, 25, tzinfo=UTC), timedelta(days=1)
METRICS = ("roc_auc", "average_precision", "precision@100_per_day_by_CUSTOMER_ID")
MODELS = {
    "logistic regression": LogisticRegression(),
    "decision tree, depth 2": DecisionTreeClassifier(max_depth=2),
    "decision tree, unlimited": DecisionTreeClassifier(),
    "random forest (100)": RandomForestClassifier(n_jobs=-1),
}
PUBLISHED = {
    "logistic regression": (0.871, 0.606, 0.291),
    "decision tree, depth 2": (0.763, 0.496, 0.241),
    "decision tree, unlimited": (0.788, 0.309, 0.243),
    "random forest (100)": (0.867, 0.658, 0.287),
}

transactions = ds.Source(
    "transactions",
    time="TX_DATETIME",
    key="TRANSACTION_ID",
    schema={"TRANSACTION_ID": int, "CUSTOMER_ID": int, "TERMINAL_ID": int, "TX_AMOUNT": ds.decimal(2)},
)
fraud_reports = ds.Source(
    "fraud_reports",
    time="TX_DATETIME",
    key="TRANSACTION_ID",
    schema={"TRANSACTION_ID": int, "TERMINAL_ID": int, "TX_FRAUD": int},
    delay="7d",
)
widths = ("1d", "7d", "30d")
by_card = transactions.by("CUSTOMER_ID").over(*widths, closed="right", including_self=True)
pipeline = ds.Pipeline(
    "card-fraud",
    predict=transactions,
    features=[
        transactions.row(
            amount=pl.col("TX_AMOUNT"),
            during_weekend=pl.col("TX_DATETIME").dt.weekday() >= 6,
            during_night=pl.col("TX_DATETIME").dt.hour() <= 6,
        ),
        by_card.count(),
        by_card.mean("TX_AMOUNT"),
        transactions.by("TERMINAL_ID").over(*widths, delay="7d", closed="right").count(),
        fraud_reports.by("TERMINAL_ID").over(*widths, delay="7d", closed="right").mean("TX_FRAUD").fill(0.0),
    ],
    label=ds.Label(fraud_reports, pl.col("TX_FRAUD") == 1, within="0s"),
    model=LogisticRegression(),
    metric="roc_auc",
)


def raw() -> pl.DataFrame:
    """The transactions, their columns as the sources declare them."""
    frame = pl.read_parquet(DATA / "transactions.parquet").with_columns(
        pl.col("TX_DATETIME").dt.replace_time_zone("UTC").dt.cast_time_unit("us"),
        pl.col("TRANSACTION_ID", "CUSTOMER_ID", "TERMINAL_ID", "TX_FRAUD").cast(pl.Int64),
        TX_AMOUNT=pl.col("TX_AMOUNT_CENTS") / 100,
    )
    return frame.with_columns(_load=pl.lit(1, pl.Int64), _position=pl.col("TX_DATETIME").dt.epoch("us"))


def log_of(frame: pl.DataFrame) -> FrameLog:
    """Both streams: a transaction is known at once, whether it was fraud seven days later."""
    columns = {source.name: [*source.columns, "_load", "_position"] for source in (transactions, fraud_reports)}
    week_us = fraud_reports.delay_us
    reports = frame.with_columns(_position=pl.col("_position") + week_us).select(columns["fraud_reports"])
    return FrameLog({"transactions": frame.select(columns["transactions"]), "fraud_reports": reports})


def weeks(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training and test rows with features and labels."""
    log, engine = log_of(frame), LocalEngine()
    edges = tuple(int(edge.timestamp()) * 1_000_000 for edge in (START, START + 21 * DAY))
    features = pl.concat(list(engine.features(pipeline, log, between=(edges[0], edges[1]))))
    labels = engine.labels(pipeline, features, log).select("TRANSACTION_ID", "label", "ripe_at")
    cards = frame.select("TRANSACTION_ID", "CUSTOMER_ID")
    rows = features.join(labels, on="TRANSACTION_ID").join(cards, on="TRANSACTION_ID").sort("as_of", "TRANSACTION_ID")
    training = rows.filter(pl.col("as_of") < START + 7 * DAY)
    assert training["ripe_at"].max() < START + 14 * DAY  # everything learned from was known before the test week
    return training, without_known_cards(rows)


def without_known_cards(rows: pl.DataFrame) -> pl.DataFrame:
    """The test week; each day without the cards whose fraud was known by then (seven days' delay)."""
    fraud = rows.filter(pl.col("label").cast(pl.Boolean)).select("CUSTOMER_ID", "as_of")
    days = []
    for number in range(7):
        first = START + (14 + number) * DAY
        known = fraud.filter(pl.col("as_of") < first - 7 * DAY)["CUSTOMER_ID"].unique()
        day = rows.filter(pl.col("as_of") >= first, pl.col("as_of") < first + DAY)
        days.append(day.filter(~pl.col("CUSTOMER_ID").is_in(known.implode())))
    return pl.concat(days)


def main() -> int:
    """Print the table beside the published one; 1 when a figure is further than .01 away."""
    training, test = weeks(raw())
    print(f"{training.height:,} training rows, {test.height:,} test rows, {len(pipeline.columns)} features")
    metrics = [metric for metric in map(metric_named, METRICS) if metric is not None]
    found, worst = {}, 0.0
    for name, estimator in MODELS.items():
        chosen = replace(pipeline, model=make_pipeline(StandardScaler(), estimator))
        model = fit_rows(chosen, training, Settings())
        scores = evaluate(metrics, judged_rows(test, predict(model, test), tuple(metrics)))
        values = [score.value or 0.0 for score in scores]
        worst = max(worst, *(abs(value - theirs) for value, theirs in zip(values, PUBLISHED[name], strict=True)))
        found[name] = dict(zip(("roc_auc", "average_precision", "card_precision_100"), values, strict=True))
        shown = "   ".join(f"{s.value:.3f} [{s.low:.3f}, {s.high:.3f}]" for s in scores)
        print(f"{name:26} {shown}   published {PUBLISHED[name]}")
    rounded = {name: {key: round(value, 4) for key, value in values.items()} for name, values in found.items()}
    print(json.dumps({"bench": "handbook", "max_abs_diff": round(worst, 4), "models": rounded}))
    return 0 if worst <= 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
