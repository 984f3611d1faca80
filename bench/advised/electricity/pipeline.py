"""Will the price of this half hour be above its mean of the last day? Asked as it begins, known when it is over."""

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

import dayshift as ds

market = ds.Source(
    "market",
    time="begins_at",
    key="number",
    schema={
        "number": int,
        **dict.fromkeys(("price", "demand", "price_vic", "demand_vic", "transfer"), ds.decimal(6)),
        "up": int,
    },
    delay="30m",
)
periods = ds.Source("periods", time="begins_at", key="number", schema={"number": int})

pipeline = ds.Pipeline(
    "price-direction",
    predict=periods,
    features=[
        market.over("1h").last("price"),
        market.over("3h", "1d").mean("price"),
        market.over("1h").last("demand"),
        market.over("1d").mean("demand"),
        market.over("1h").last("price_vic"),
        market.over("1h").last("demand_vic"),
        market.over("1h").last("transfer"),
        market.over("30m", delay="23h30m", closed="right").last("price").alias("price_a_day_ago"),
        periods.row(
            minute_of_day=pl.col("begins_at").dt.hour().cast(pl.Int64) * 60 + pl.col("begins_at").dt.minute(),
            weekday=pl.col("begins_at").dt.weekday().cast(pl.Int64),
        ),
    ],
    label=ds.Label(market, pl.col("up") == 1, within="0s"),
    model=HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1),
    metric="roc_auc",
)
