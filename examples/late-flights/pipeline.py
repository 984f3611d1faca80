"""Will this flight land more than 15 minutes late? Asked when it is scheduled to leave.

Three streams of one flight: it is scheduled, it departs, it arrives. Each is known at its own time, so the answer comes
hours after the question, as in life, and a cancelled flight never gets one.
"""

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier

import dayshift as ds

flights = ds.Source(
    "flights",
    time="scheduled_at",
    key="flight_id",
    schema={
        "flight_id": str,
        "carrier": str,
        "origin": ds.Column(str, pattern="[A-Z]{3}"),
        "dest": ds.Column(str, pattern="[A-Z]{3}"),
        "tailnum": ds.optional(str),
        "distance": ds.Column(int, minimum=1),
    },
)
departures = ds.Source(
    "departures",
    time="departed_at",
    key="flight_id",
    schema={
        "flight_id": str,
        "carrier": str,
        "origin": str,
        "tailnum": ds.optional(str),
        "dep_delay": int,
    },
)
arrivals = ds.Source(
    "arrivals",
    time="arrived_at",
    key="flight_id",
    schema={
        "flight_id": str,
        "carrier": str,
        "origin": str,
        "dest": str,
        "tailnum": ds.optional(str),
        "arr_delay": int,
    },
)

recent = ["1h", "6h", "1d", "7d"]

pipeline = ds.Pipeline(
    "late-flights",
    predict=flights,
    features=[
        departures.by("origin").over(*recent).count(),
        departures.by("origin").over(*recent).mean("dep_delay"),
        departures.by("carrier", "origin").over("6h", "7d").mean("dep_delay"),
        departures.by("tailnum").over("1d").last("dep_delay"),
        arrivals.by("tailnum").over("1d").last("arr_delay"),
        arrivals.by("carrier", "dest").over("1d", "7d").mean("arr_delay"),
        arrivals.by("dest").over("6h").mean("arr_delay").difference_to("7d"),
        arrivals.by("dest").over("7d").quantile("arr_delay", 0.9),
        flights.by("origin").over("1h").count(),
        flights.row(
            hour=pl.col("scheduled_at").dt.convert_time_zone("America/New_York").dt.hour(),
            weekday=pl.col("scheduled_at").dt.convert_time_zone("America/New_York").dt.weekday(),
            distance=pl.col("distance"),
        ),
    ],
    label=ds.Label(arrivals, pl.col("arr_delay") > 15, within="1d"),
    model=HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1),
    metric="roc_auc",
    gates=[ds.Gate("roc_auc", at_least=0.6)],
)
