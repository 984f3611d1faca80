"""The projects that are advised on: their files in `bench/advised/`, their data written beside them, their lakes loaded."""

import datetime as dt
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from dayshift.definition import Pipeline
from dayshift.definition.loading import load_pipeline
from dayshift.engines.contract import FrameLog
from dayshift.lifecycle.ingest import ingest
from dayshift.lifecycle.project import Project
from dayshift.runtimes.project import open_project

HERE = Path(__file__).resolve().parent / "advised"
DATA = Path(os.environ.get("DAYSHIFT_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
SETS = ("flights", "transactions", "electricity", "electricity_28d")
WINDOW = "_28d"
"""The same project, trained on the last 28 days only."""
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR = pl.duration(hours=1)


def make(name: str, folder: Path) -> Project:
    """A project of this name in a folder, with its data and its lake loaded once."""
    root, of = folder / name, name.removesuffix(WINDOW)
    shutil.copytree(HERE / of, root, ignore=shutil.ignore_patterns("__pycache__"))
    if of != name:
        with (root / "dayshift.toml").open("a", encoding="utf-8") as settings:
            settings.write('\n[train]\nwindow = "28d"\n')
    (root / "data").mkdir()
    for source, frame in STREAMS[of]().items():
        frame.write_parquet(root / "data" / f"{source}.parquet")
    project = open_project(root)
    ingest(project.pipeline, project.settings, project.lake, root, NOW)
    return project


def _utc(column: str) -> pl.Expr:
    return pl.col(column).dt.cast_time_unit("us").dt.replace_time_zone("UTC")


def flights() -> dict[str, pl.DataFrame]:
    """Asked an hour before the scheduled departure; local clock times stand for UTC. Cancelled flights never come."""
    whole = (
        pl.read_parquet(DATA / "flights.parquet")
        .sort("sched_dep", maintain_order=True)
        .with_row_index("flight_id")
        .with_columns(
            pl.col("flight_id", "distance", "dep_delay", "arr_delay").cast(pl.Int64),
            pl.col("carrier", "tailnum", "origin", "dest").cast(pl.String),
            asked_at=_utc("sched_dep") - HOUR,
            departed_at=_utc("dep_ts"),
            arrived_at=_utc("arr_known_ts"),
        )
    )
    keys = ("flight_id", "carrier", "tailnum")
    return {
        "flights": whole.select(*keys, "origin", "dest", "distance", "asked_at"),
        "departures": whole.select(*keys, "origin", "departed_at", "dep_delay").drop_nulls(
            ["departed_at", "dep_delay"]
        ),
        "arrivals": whole.select(*keys, "dest", "arrived_at", "arr_delay").drop_nulls(["arrived_at", "arr_delay"]),
    }


def transactions() -> dict[str, pl.DataFrame]:
    """Payments, and the reports on them that were there on the last evening."""
    whole = pl.read_parquet(DATA / "transactions.parquet").select(
        payment=pl.col("TRANSACTION_ID").cast(pl.Int64),
        card=pl.col("CUSTOMER_ID").cast(pl.Int64),
        terminal=pl.col("TERMINAL_ID").cast(pl.Int64),
        amount=pl.col("TX_AMOUNT_CENTS") / 100,
        fraud=pl.col("TX_FRAUD").cast(pl.Int64),
        paid_at=_utc("TX_DATETIME"),
    )
    known = pl.col("paid_at") <= pl.col("paid_at").max() - pl.duration(days=7)
    return {
        "transactions": whole.drop("fraud"),
        "fraud_reports": whole.filter(known).select("payment", "terminal", "fraud", "paid_at"),
    }


def electricity() -> dict[str, pl.DataFrame]:
    """Half hours as they begin, and what the market knows of them when they are over."""
    names = {"nswprice": "price", "nswdemand": "demand", "vicprice": "price_vic", "vicdemand": "demand_vic"}
    whole = pl.read_parquet(DATA / "electricity.parquet").sort("ts").with_row_index("number").rename(names)
    whole = whole.with_columns(pl.col("number", "up").cast(pl.Int64), begins_at=_utc("ts"))
    return {
        "market": whole.select("number", "begins_at", *names.values(), "transfer", "up"),
        "periods": whole.select("number", "begins_at"),
    }


STREAMS = {"flights": flights, "transactions": transactions, "electricity": electricity}


def shuffled(seed: int, one_in: int = 8) -> tuple[Pipeline, FrameLog]:
    """The payments of some cards with their days shuffled: each day is what it was, but nothing leads from one to the
    next, so neither a newer model nor a sooner label can be worth anything. What fresh features are worth is not known."""
    drawn = np.random.default_rng(seed)
    streams = transactions()
    first, day = streams["transactions"]["paid_at"].dt.date().min(), pl.duration(days=1)
    days = (streams["transactions"]["paid_at"].dt.date().max() - first).days + 1
    moved = pl.Series(drawn.permutation(days) - np.arange(days))
    mine = pl.col("card").hash(seed) % one_in == 0
    whole = streams["transactions"].filter(mine)
    number = (pl.col("paid_at").dt.date() - first).dt.total_days()
    whole = whole.with_columns(paid_at=pl.col("paid_at") + day * number.replace_strict(np.arange(days), moved))
    fraud = pl.read_parquet(DATA / "transactions.parquet", columns=["TRANSACTION_ID", "TX_FRAUD"])
    fraud = fraud.select(payment=pl.col("TRANSACTION_ID").cast(pl.Int64), fraud=pl.col("TX_FRAUD").cast(pl.Int64))
    known = pl.col("paid_at") <= pl.col("paid_at").max() - pl.duration(days=7)
    reports = whole.join(fraud, on="payment").filter(known).select("payment", "terminal", "fraud", "paid_at")
    pipeline = load_pipeline(HERE / "transactions" / "pipeline.py")
    week_us = 7 * 86_400_000_000
    frames = {"transactions": _placed(whole, 0), "fraud_reports": _placed(reports, week_us)}
    return pipeline, FrameLog(frames)


def _placed(frame: pl.DataFrame, delay_us: int) -> pl.DataFrame:
    return frame.sort("paid_at", "payment").with_columns(
        _load=pl.lit(1, pl.Int64), _position=pl.col("paid_at").dt.epoch("us") + delay_us
    )
