"""The same features by four libraries. Each contender is a function from the path of the input to (read, compute, save).

`payments`: the handbook's twelve windows over card payments, `(t - w, t]` with the asking row; those of the terminal seven
days late. Input columns: id, at, customer, terminal, amount, fraud, _load, _position, in the order of (at, id).

`flights`: ten features of a flight at its scheduled departure, from the departures and arrivals before it, `[t - w, t)`.
Input: a folder with flights.parquet, departures.parquet, arrivals.parquet.

Results are tables in the order of the ids with the columns NAMES, null where a window is empty.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

WIDTHS = (1, 7, 30)
DELAY = 7
COUNTS = [f"{key}_count_{w}d" for key in ("customer", "terminal") for w in WIDTHS]
MEANS = [f"customer_mean_{w}d" for w in WIDTHS] + [f"terminal_risk_{w}d" for w in WIDTHS]
RECENT = ("1h", "6h", "1d", "7d")
FLIGHT_COUNTS = [f"departures_count_{w}" for w in RECENT]
FLIGHT_MEANS = [f"departures_mean_{w}" for w in RECENT] + [f"arrivals_mean_{w}" for w in ("1d", "7d")]

Contender = tuple[Callable[[Path], Any], Callable[[Any], Any], Callable[[Any], Any]]


# ------------------------------------------------------------------------ dayshift


def _handbook() -> Any:
    import dayshift as ds

    schema = {"id": int, "customer": int, "terminal": int, "amount": ds.decimal(2), "fraud": int}
    payments = ds.Source("payments", time="at", key="id", schema=schema)
    widths = [f"{w}d" for w in WIDTHS]
    customer = payments.by("customer").over(*widths, closed="right", including_self=True)
    terminal = payments.by("terminal").over(*widths, closed="right", delay=f"{DELAY}d")
    features = [
        customer.count().alias("customer_count"),
        customer.mean("amount").alias("customer_mean"),
        terminal.count().alias("terminal_count"),
        terminal.mean("fraud").alias("terminal_risk"),
    ]
    return ds.Pipeline("handbook", predict=payments, features=features)


def dayshift_payments() -> Contender:
    import polars as pl

    from dayshift.engines.contract import FrameLog
    from dayshift.engines.local.engine import LocalEngine

    engine, pipeline = LocalEngine(), _handbook()

    def compute(frame: Any) -> Any:
        return list(engine.features(pipeline, FrameLog({"payments": frame})))

    return pl.read_parquet, compute, lambda parts: pl.concat(parts).select("id", *COUNTS, *MEANS)


def dayshift_stretches() -> Contender:
    """From a table on disk, each stretch dropped when it is done: how a nightly run does it."""
    import polars as pl

    from dayshift.engines.contract import FrameLog
    from dayshift.engines.local.engine import LocalEngine

    engine, pipeline = LocalEngine(), _handbook()

    def compute(scan: Any) -> int:
        rows = 0
        for part in engine.features(pipeline, FrameLog({"payments": scan})):
            rows += part.height
            del part  # as a nightly run, which has written it
        return rows

    return pl.scan_parquet, compute, lambda rows: pl.DataFrame({"rows": [rows]})


def dayshift_flights() -> Contender:
    import polars as pl

    import dayshift as ds
    from dayshift.engines.contract import FrameLog
    from dayshift.engines.local.engine import LocalEngine

    schema = {"id": int, "origin": str, "dest": str, "carrier": str, "tailnum": ds.optional(str)}
    flights = ds.Source("flights", time="scheduled_at", key="id", schema=schema)
    departures = ds.Source("departures", time="departed_at", key="id", schema={**schema, "dep_delay": int})
    arrivals = ds.Source("arrivals", time="arrived_at", key="id", schema={**schema, "arr_delay": int})
    features = [
        departures.by("origin").over(*RECENT).count().alias("departures_count"),
        departures.by("origin").over(*RECENT).mean("dep_delay").alias("departures_mean"),
        arrivals.by("carrier", "dest").over("1d", "7d").mean("arr_delay").alias("arrivals_mean"),
        departures.by("tailnum").last("dep_delay").alias("last_delay"),
    ]
    engine, pipeline = LocalEngine(), ds.Pipeline("late-flights", predict=flights, features=features)

    def read(folder: Path) -> Any:
        return {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("flights", "departures", "arrivals")}

    def compute(frames: Any) -> Any:
        return list(engine.features(pipeline, FrameLog(frames)))

    wanted = ["id", *FLIGHT_COUNTS, *FLIGHT_MEANS, "last_delay"]
    return read, compute, lambda parts: pl.concat(parts).select(wanted).sort("id")


# -------------------------------------------------------------------------- polars


def polars_payments() -> Contender:
    import polars as pl

    def windows(column: str, mean: bool, key: str, widths: Any) -> list[Any]:
        rolling = pl.col(column).rolling_mean_by if mean else pl.col(column).rolling_sum_by
        return [rolling("at", f"{w}d", closed="right").over(key).alias(f"{key}_{column}_{w}") for w in widths]

    def compute(frame: Any) -> Any:
        late = [DELAY, *(w + DELAY for w in WIDTHS)]
        rolled = (
            frame.lazy()
            .with_columns(one=pl.lit(1, pl.Int64))
            .select(
                "id",
                *windows("one", False, "customer", WIDTHS),
                *windows("amount", True, "customer", WIDTHS),
                *windows("one", False, "terminal", late),
                *windows("fraud", False, "terminal", late),
            )
        )
        counts = [(pl.col(f"terminal_one_{w + DELAY}") - pl.col(f"terminal_one_{DELAY}")) for w in WIDTHS]
        frauds = [(pl.col(f"terminal_fraud_{w + DELAY}") - pl.col(f"terminal_fraud_{DELAY}")) for w in WIDTHS]
        return rolled.select(
            "id",
            *[pl.col(f"customer_one_{w}").alias(f"customer_count_{w}d") for w in WIDTHS],
            *[pl.col(f"customer_amount_{w}").alias(f"customer_mean_{w}d") for w in WIDTHS],
            *[count.alias(f"terminal_count_{w}d") for w, count in zip(WIDTHS, counts, strict=True)],
            *[
                pl.when(count > 0).then(fraud / count).alias(f"terminal_risk_{w}d")
                for w, count, fraud in zip(WIDTHS, counts, frauds, strict=True)
            ],
        ).collect()

    return pl.read_parquet, compute, lambda frame: frame.select("id", *COUNTS, *MEANS)


def polars_flights() -> Contender:
    """As-of correct: questions and events in one sorted table, rolled by time, the questions kept; the last by an as-of join."""
    import polars as pl

    def rolled(asked: Any, events: Any, time: str, by: list[str], value: str, widths: Any, counts: bool) -> Any:
        name = events.collect_schema().names()[-1].split("_")[0]
        source = {"dep": "departures", "arr": "arrivals"}[name]
        questions = asked.select("id", *by, pl.col("scheduled_at").alias("at"), pl.lit(None, pl.Int64).alias("value"))
        told = events.select(
            pl.lit(None, pl.Int64).alias("id"), *by, pl.col(time).alias("at"), pl.col(value).alias("value")
        )
        table = pl.concat([questions, told]).sort("at").with_columns(one=pl.col("value").is_not_null().cast(pl.Int64))
        found = []
        for width in widths:
            windows = {"one": "count", "value": "mean"} if counts else {"value": "mean"}
            for column, kind in windows.items():
                rolling = pl.col(column).rolling_sum_by if kind == "count" else pl.col(column).rolling_mean_by
                found.append(
                    rolling("at", width, closed="left", min_samples=0).over(by).alias(f"{source}_{kind}_{width}")
                )
        return table.select("id", *found).filter(pl.col("id").is_not_null())

    def read(folder: Path) -> Any:
        return {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("flights", "departures", "arrivals")}

    def compute(frames: Any) -> Any:
        flights, departures, arrivals = (frames[name].lazy() for name in ("flights", "departures", "arrivals"))
        left = rolled(flights, departures, "departed_at", ["origin"], "dep_delay", RECENT, True)
        right = rolled(flights, arrivals, "arrived_at", ["carrier", "dest"], "arr_delay", ("1d", "7d"), False)
        told = departures.filter(pl.col("tailnum").is_not_null()).sort("departed_at", "id")
        last = flights.sort("scheduled_at").join_asof(
            told.select("tailnum", "departed_at", pl.col("dep_delay").alias("last_delay")),
            left_on="scheduled_at",
            right_on="departed_at",
            by="tailnum",
            allow_exact_matches=False,
        )
        joined = last.select("id", "last_delay").join(left, on="id").join(right, on="id")
        return joined.collect()

    wanted = ["id", *FLIGHT_COUNTS, *FLIGHT_MEANS, "last_delay"]
    return read, compute, lambda frame: frame.select(wanted).sort("id")


# -------------------------------------------------------------------------- duckdb


def duckdb_payments() -> Contender:
    import duckdb
    import polars as pl

    connection = duckdb.connect()
    short = "INTERVAL '1 microsecond'"
    customer = [
        f"c{w} AS (PARTITION BY customer ORDER BY \"at\" RANGE BETWEEN INTERVAL '{w} days' - {short} PRECEDING AND CURRENT ROW)"
        for w in WIDTHS
    ]
    terminal = [
        f"t{w} AS (PARTITION BY terminal ORDER BY \"at\" RANGE BETWEEN INTERVAL '{w + DELAY} days' - {short} PRECEDING"
        f" AND INTERVAL '{DELAY} days' PRECEDING)"
        for w in WIDTHS
    ]
    columns = [
        f"count(*) OVER c{w} AS customer_count_{w}d, avg(amount) OVER c{w} AS customer_mean_{w}d" for w in WIDTHS
    ]
    columns += [
        f"count(*) OVER t{w} AS terminal_count_{w}d, avg(fraud) OVER t{w} AS terminal_risk_{w}d" for w in WIDTHS
    ]
    query = f"SELECT id, {', '.join(columns)} FROM payments WINDOW {', '.join(customer + terminal)}"

    def read(path: Path) -> Any:
        connection.execute(f"CREATE TABLE payments AS SELECT * FROM '{path}'")
        return connection

    return read, lambda _: connection.execute(query).to_arrow_table(), lambda table: pl.DataFrame(table).sort("id")


# -------------------------------------------------------------------------- pandas


def pandas_payments() -> Contender:
    import pandas as pd
    import polars as pl

    def compute(frame: Any) -> Any:
        timed = frame.set_index("at")
        found = {"id": frame["id"].to_numpy()}
        for key, column in (("customer", "amount"), ("terminal", "fraud")):
            places = frame[key].sort_values(kind="stable").index.to_numpy()
            grouped = timed.groupby(key, sort=True)[column]

            def back(values: Any, places: Any = places) -> Any:
                return pd.Series(values.to_numpy(), index=places).sort_index().to_numpy()

            if key == "customer":
                for w in WIDTHS:
                    rolling = grouped.rolling(f"{w}D")
                    found[f"customer_count_{w}d"] = back(rolling.count())
                    found[f"customer_mean_{w}d"] = back(rolling.mean())
                continue
            base = grouped.rolling(f"{DELAY}D")
            count, fraud = back(base.count()), back(base.sum())
            for w in WIDTHS:
                rolling = grouped.rolling(f"{w + DELAY}D")
                counts, frauds = back(rolling.count()) - count, back(rolling.sum()) - fraud
                found[f"terminal_count_{w}d"] = counts
                found[f"terminal_risk_{w}d"] = pd.Series(frauds / counts).where(counts > 0).to_numpy()
        return pd.DataFrame(found)

    def save(frame: Any) -> Any:
        table = pl.from_pandas(frame, nan_to_null=True)
        return table.with_columns(pl.col(COUNTS).cast(pl.Int64)).select("id", *COUNTS, *MEANS)

    return lambda path: pl.read_parquet(path).to_pandas(), compute, save


CONTENDERS: dict[str, dict[str, Callable[[], Contender]]] = {
    "payments": {
        "dayshift": dayshift_payments,
        "polars": polars_payments,
        "duckdb": duckdb_payments,
        "pandas": pandas_payments,
    },
    "flights": {"dayshift": dayshift_flights, "polars": polars_flights},
    "stretches": {"dayshift": dayshift_stretches},
}
