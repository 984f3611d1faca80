"""Will this flight land at least a quarter of an hour late? Asked an hour before it is scheduled to leave."""

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

import dayshift as ds

flights = ds.Source(
    "flights",
    time="asked_at",
    key="flight_id",
    schema={"flight_id": int, "carrier": str, "origin": str, "dest": str, "tailnum": ds.optional(str), "distance": int},
)
departures = ds.Source(
    "departures",
    time="departed_at",
    key="flight_id",
    schema={"flight_id": int, "carrier": str, "origin": str, "tailnum": ds.optional(str), "dep_delay": int},
)
arrivals = ds.Source(
    "arrivals",
    time="arrived_at",
    key="flight_id",
    schema={"flight_id": int, "carrier": str, "dest": str, "tailnum": ds.optional(str), "arr_delay": int},
)
leaves = pl.col("asked_at") + pl.duration(hours=1)

pipeline = ds.Pipeline(
    "late-flights",
    predict=flights,
    features=[
        departures.by("origin").over("1h", "6h", "1d", "7d").mean("dep_delay"),
        departures.by("carrier", "origin").over("6h", "7d").mean("dep_delay"),
        departures.by("tailnum").over("1d").last("dep_delay"),
        arrivals.by("tailnum").over("1d").last("arr_delay"),
        arrivals.by("dest").over("6h", "7d").mean("arr_delay"),
        arrivals.by("carrier", "dest").over("7d").mean("arr_delay"),
        flights.row(
            minute_of_day=leaves.dt.hour().cast(pl.Int64) * 60 + leaves.dt.minute(),
            weekday=leaves.dt.weekday().cast(pl.Int64),
            distance=pl.col("distance"),
        ),
    ],
    label=ds.Label(arrivals, pl.col("arr_delay") >= 15, within="1d"),
    model=HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1),
    metric="roc_auc",
)
