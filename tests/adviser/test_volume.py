"""How much comes, how unevenly, how late, and how finely times are told."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.evidence import Volume
from dayshift.adviser.volume import DAY_US, HOUR_US, MINUTE_US, SECOND_US, lateness, resolution, volume
from dayshift.definition import Source
from dayshift.engines.contract import FrameLog


def measured(sources: Mapping[str, Any], stored: Mapping[str, int] | None = None) -> Volume:
    arrays = {
        name: (np.asarray(times, np.int64), np.asarray(times if known is None else known, np.int64))
        for name, (times, known) in sources.items()
    }
    return volume(SimpleNamespace(sources_times=lambda: arrays), stored, None)


def test_a_poisson_stream_has_a_burstiness_of_one() -> None:
    """Independent events have as much variance a minute as mean; the same events in clumps have more."""
    random = np.random.default_rng(3)
    times = np.sort(random.integers(0, 30 * DAY_US, 60_000))
    clumps = np.repeat(random.integers(0, 30 * DAY_US, 6_000), 10)
    assert measured({"a": (times, None)}).burstiness == pytest.approx(1, abs=0.05)
    assert measured({"a": (clumps, None)}).burstiness == pytest.approx(10, rel=0.1)


def test_the_peaks_are_those_of_the_busiest_bins() -> None:
    """One event a minute for two days, and sixty more in one minute: rates are events a second."""
    times = [*np.arange(0, 2 * DAY_US, MINUTE_US), *(5 * HOUR_US + np.arange(60) * SECOND_US)]
    found = measured({"a": (times, None)})
    assert found.peak_minute == 61 / 60
    assert found.peak_hour == 120 / 3600
    assert found.mean_rate == pytest.approx(1 / 60, rel=0.03)


def test_empty_hours_count() -> None:
    """A stream that is silent for nine hours in ten is ten times as busy as its mean in the 99th percentile hour."""
    hours = np.arange(0, 1000, 10)
    times = np.concatenate([hour * HOUR_US + np.arange(6) * 10 * MINUTE_US for hour in [*hours, 999.99]])
    assert measured({"a": (times.astype(np.int64), None)}).p99_hour_ratio == pytest.approx(10, rel=0.02)


def test_day_stamps_are_no_bursts() -> None:
    """Where times are told by the day, a bin is a day: the mean is the peak and nothing is bursty."""
    found = measured({"a": (np.repeat(np.arange(40) * DAY_US, 1000), None)})
    assert found.resolution_us == DAY_US
    assert found.peak_minute == found.peak_hour == found.mean_rate == pytest.approx(1000 / 86_400)
    assert (found.p99_hour_ratio, found.burstiness) == (1, 0)


def test_local_day_stamps_are_day_stamps() -> None:
    """Midnights of a zone with daylight saving stand at 22 and 23 o'clock, or at 23 and 0."""
    days = np.arange(100) * DAY_US
    for shift in (22 * HOUR_US, 23 * HOUR_US):
        assert resolution(days + shift + np.where(np.arange(100) > 50, HOUR_US, 0)) == DAY_US


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=50), st.sampled_from([1, 1000, SECOND_US, HOUR_US]))
def test_all_times_lie_in_steps_of_the_resolution(steps: list[int], unit: int) -> None:
    """The resolution divides every distance between two times, and is a day at most."""
    times = np.array(steps, np.int64) * unit + 7
    found = resolution(times)
    assert 0 < found <= DAY_US
    assert found == DAY_US or not ((times - times[0]) % found).any()


def test_lateness_is_told_only_where_arrival_was_recorded() -> None:
    """A fixed delay is no recorded arrival; recorded ones give their quantiles, by source."""
    times = np.arange(0, DAY_US, MINUTE_US)
    late = np.where(np.arange(len(times)) % 100 == 0, HOUR_US, 0)
    found = measured({"fixed": (times, times + DAY_US), "told": (times, times + late)})
    by_name = {source.source: source.late_us for source in found.sources}
    assert by_name["fixed"] is None
    assert by_name["told"]
    assert (by_name["told"]["p90"], by_name["told"]["max"]) == (0, HOUR_US)


def test_nightly_loads_tell_which_events_came_late() -> None:
    """Without an arrival column, an event of yesterday in tonight's load was not known when last night's ended."""
    payments = Source("payments", time="at", key="id", schema={"id": int})
    at = [10 * HOUR_US, 20 * HOUR_US, 30 * HOUR_US, 19 * HOUR_US, 40 * HOUR_US]
    frame = pl.DataFrame({"id": range(5), "at": at, "_load": [1, 1, 2, 2, 2], "_position": at})
    frame = frame.with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    times = np.array(at, np.int64)
    history = SimpleNamespace(
        pipeline=SimpleNamespace(sources=(payments,)),
        whole=FrameLog({"payments": frame}),
        sources_times=lambda: {"payments": (times, times)},
    )
    (found,) = volume(history, None, None).sources
    assert found.late_us
    assert found.late_us["max"] == HOUR_US
    assert found.late_us["p50"] == 0


def test_every_day_is_counted_out() -> None:
    """A day without events stands with zero, days begin at midnight UTC, and the counts add up."""
    found = measured({"a": ([0, 1, 3 * DAY_US + 5], None), "b": ([DAY_US], None)}, {"a": 4_000})
    assert found.daily == ((0, 2), (DAY_US, 1), (2 * DAY_US, 0), (3 * DAY_US, 1))
    assert sum(count for _, count in found.daily) == found.events == 4
    assert [source.rows for source in found.sources] == [3, 1]
    assert found.sources[0].bytes_a_day == pytest.approx(4_000 / found.days)
    assert found.sources[1].bytes_a_day == 0


def test_a_stray_time_far_away_costs_no_memory() -> None:
    """One event in 1970 among those of today: bins between are not held."""
    times = [0, *(1_700_000_000 * SECOND_US + np.arange(1000) * SECOND_US)]
    found = measured({"a": (times, None)})
    assert found.events == 1001
    assert found.peak_minute == 1


def test_a_history_without_events_is_told_as_one() -> None:
    """Nothing came; nothing is divided by zero."""
    found = measured({"a": ([], None)})
    assert (found.events, found.daily, found.mean_rate) == (0, (), 0)
    assert lateness(np.empty(0, np.int64), np.empty(0, np.int64)) is None


def test_the_card_payments_have_the_known_rates(shared_data: Path) -> None:
    """The 99th percentile hour is 1.84 times the mean, the busiest minute 4.4 times."""
    times = pl.read_parquet(shared_data / "transactions.parquet", columns=["TX_DATETIME"]).to_series()
    found = measured({"payments": (times.dt.cast_time_unit("us").to_physical().to_numpy(), None)})
    assert found.events == 1_754_155
    assert found.p99_hour_ratio == pytest.approx(1.84, abs=0.01)
    assert found.peak_minute / found.mean_rate == pytest.approx(4.4, abs=0.05)
    assert len(found.daily) == 183
