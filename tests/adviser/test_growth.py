"""How the volume grows, when one machine is full, and what may be said of it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Capacity, Saturation, Volume
from dayshift.adviser.growth import DAY_US, MONTH, fit, growth, spark
from dayshift.adviser.volume import volume
from dayshift.definition.settings import AdviseSettings

WEEKDAYS = np.array([0.0, 0.1, 0.05, 0.0, 0.2, -0.3, -0.5])
START = 17_167
"""A Sunday, in days since 1970."""


def counted(counts: Any, deadline_us: int | None = None) -> Volume:
    """A volume whose first and last day are partial and are left out."""
    daily = tuple(((START + day) * DAY_US, int(count)) for day, count in enumerate([1, *counts, 1]))
    total = sum(count for _, count in daily)
    return Volume(
        (), len(daily), total, total / len(daily) / 86_400, 1.84, 1.0, 1.0, 1.0, 1_000_000, daily, deadline_us
    )


def machine(events_s: float, spread: float = 0.0, memory: int = 8 << 30) -> Capacity:
    rates = (events_s, events_s * (1 - spread), events_s * (1 + spread))
    return Capacity(rates, rates, rates, None, 0, memory, 2)


def full_at(events_a_day: float, window_s: float = 4 * 3600) -> Capacity:
    return machine(events_a_day / window_s)


def correlated(rho: float, days: int, random: np.random.Generator) -> Any:
    noise = random.normal(size=days + 60) * 0.15 * np.sqrt(1 - rho**2)
    for day in range(1, days + 60):
        noise[day] += rho * noise[day - 1]
    return noise[60:]


def test_days_that_are_not_told_yet_do_not_draw_the_trend_down() -> None:
    """A source known seven days late has told nothing of the last week: these days are left out, and the advice says from when on."""
    times = START * DAY_US + np.arange(0, 120 * DAY_US, DAY_US // 500)
    late = times[times < times.max() - 7 * DAY_US]
    sources = {"orders": (times, times), "outcomes": (late, late + 7 * DAY_US)}
    found = volume(SimpleNamespace(sources_times=lambda: sources), None, None)
    grown = growth(found, full_at(1e6), AdviseSettings(), 0)
    assert found.told_until_us is not None
    assert times.max() - 7 * DAY_US - found.told_until_us < DAY_US
    assert grown.monthly[1] == pytest.approx(0, abs=1e-9)
    assert grown.reasons == ()
    assert grown.whole_until_us == (START + 112) * DAY_US
    assert growth(replace(found, told_until_us=None), full_at(1e6), AdviseSettings(), 0).monthly[1] < -0.01


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.8])
def test_the_interval_of_the_slope_covers_as_it_says(rho: float) -> None:
    """90 % intervals over 183 days cover the growth in 90 % of overdispersed histories, however their days are correlated."""
    random, slope, repeats = np.random.default_rng(17), 0.002, 120
    days = np.arange(183)
    hit = 0
    for _ in range(repeats):
        rate = 2000 * np.exp(slope * days + WEEKDAYS[(days + 2) % 7] + correlated(rho, 183, random))
        trend = fit(days * DAY_US, random.poisson(rate).astype(np.float64), 183 * DAY_US, draws=300)
        low, high = np.quantile(trend.compounding.change[1:], [0.05, 0.95])
        hit += low <= slope <= high
    assert 0.82 <= hit / repeats <= 0.98


def test_growth_a_month_and_the_weekdays_are_found() -> None:
    """A clean history of 2 % a month with quiet weekends gives both back; Monday stands first."""
    days = np.arange(1, 366)
    counts = 50_000 * 1.02 ** (days / MONTH) * np.where((START + days + 3) % 7 >= 5, 0.5, 1.0)
    found = growth(counted(counts), machine(1e6), AdviseSettings(), 0)
    low, middle, high = found.monthly
    assert middle == pytest.approx(0.02, abs=2e-4)
    assert low <= middle <= high
    assert found.season == pytest.approx([7 / 6] * 5 + [7 / 12] * 2, rel=1e-3)


def test_the_day_of_saturation_is_that_of_the_law() -> None:
    """A doubling every 100 days fills eight times today's level 300 days on; growth by the piece is told beside it."""
    days = np.arange(1, 201)
    found = growth(counted(1000 * 2 ** (days / 100)), full_at(1000 * 2**2.01 * 8), AdviseSettings(), 0)
    end = (START + 202) * DAY_US
    (night,) = (each for each in found.saturations if each.component == "nightly")
    dates = night.dates["compounding"]
    assert dates[1] is not None
    assert (dates[1] - end) / DAY_US == pytest.approx(300, abs=3)
    assert night.headroom == pytest.approx(8, rel=0.01)
    linear = night.dates["linear"][1]
    assert linear is not None
    assert linear > dates[1]
    assert night.within_1y["compounding"] == 1
    assert found.spark_verdict == NEEDED
    assert "compounding law" in found.spark_evidence


def test_a_linear_history_is_told_by_the_linear_law() -> None:
    """Ten more events each day: the linear law names the day on which twice today's level is reached."""
    days = np.arange(1, 301)
    found = growth(counted(2000 + 10 * days), full_at(10_000), AdviseSettings(), 0)
    (night,) = (each for each in found.saturations if each.component == "nightly")
    middle = night.dates["linear"][1]
    assert middle is not None
    assert (middle - START * DAY_US) / DAY_US == pytest.approx(800, abs=12)


def test_the_two_laws_are_never_averaged() -> None:
    """Each law has its own forecast; far ahead they are far apart, and what is far ahead is marked a scenario."""
    found = growth(counted(1000 * 1.01 ** np.arange(180)), machine(1e6), AdviseSettings(), 0)
    assert set(found.forecast) == {"compounding", "linear"}
    last = {law: points[-1] for law, points in found.forecast.items()}
    assert last["compounding"][2] > 20 * last["linear"][2]
    assert all(low <= middle <= high for points in found.forecast.values() for _, low, middle, high in points)
    history = 181 * DAY_US
    assert found.scenario_from_us == (START + 182) * DAY_US + 2 * history


def test_a_short_history_tells_no_trend_and_when_to_come_back() -> None:
    """Below four whole weeks there is no growth and no date, but the day from which there could be."""
    found = growth(counted([100] * 20), machine(1e6), AdviseSettings(), 0)
    assert found.spark_verdict == UNDECIDED
    assert found.reasons == ("20 whole days tell no trend; come back on 2017-01-31",)
    assert (found.saturations, found.forecast) == ((), {})


def test_a_trend_that_ended_is_not_believed() -> None:
    """Volume that doubled three weeks ago lies on no trend; nothing is decided by it."""
    found = growth(counted([1000] * 150 + [2500] * 25), machine(1e6), AdviseSettings(), 0)
    assert found.spark_verdict == UNDECIDED
    assert "above the trend" in found.reasons[0]


def test_days_on_which_nothing_ever_happens_are_no_decline() -> None:
    """A shop closed on Sundays: Sunday's effect is nought, and its zeros bend no trend."""
    days = np.arange(1, 200)
    open_ = (START + days + 3) % 7 != 6
    found = growth(counted(np.where(open_, 500, 0)), machine(1e6), AdviseSettings(), 0)
    assert found.season[6] == 0
    assert found.season[:6] == pytest.approx([7 / 6] * 6)
    assert found.monthly[1] == pytest.approx(0, abs=1e-9)


def test_without_a_measured_machine_there_is_no_verdict() -> None:
    """No capacity, no date and no invented one."""
    found = growth(counted([100] * 100), None, AdviseSettings(), 0)
    assert (found.saturations, found.spark_verdict) == ((), UNDECIDED)


@settings(max_examples=25, deadline=None)
@given(st.floats(-0.01, 0.02), st.floats(1.1, 50), st.floats(1.0, 10))
def test_a_faster_machine_is_never_full_earlier(slope: float, headroom: float, faster: float) -> None:
    """Dates and probabilities move one way with capacity; early, middle and late stand in order."""
    days = np.arange(1, 120)
    history = counted(np.round(1000 * np.exp(slope * days) + 5 * (days % 3)))

    def night(times: float) -> Saturation:
        found = growth(history, full_at(1000 * np.exp(slope * 120) * times), AdviseSettings(), 0)
        return next(each for each in found.saturations if each.component == "nightly")

    slow, fast = night(headroom), night(headroom * faster)
    never = 2**62
    for law in ("compounding", "linear"):
        early, middle, late = (never if date is None else date for date in slow.dates[law])
        assert early <= middle <= late
        assert all((a or never) <= (b or never) for a, b in zip(slow.dates[law], fast.dates[law], strict=True))
        assert fast.within_1y[law] <= slow.within_1y[law] <= slow.within_3y[law]


def saturated(compounding: Any, linear: Any, component: str = "nightly") -> Saturation:
    dates = {
        law: tuple(None if day is None else day * DAY_US for day in days)
        for law, days in (("compounding", compounding), ("linear", linear))
    }
    return Saturation(component, 5.0, dates, {"compounding": 0.5, "linear": 0.5}, {"compounding": 0.5, "linear": 0.5})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("compounding", "linear", "verdict"),
    [
        ((None, None, None), (None, None, None), NOT_NEEDED),
        ((800, 900, None), (None, None, None), NOT_NEEDED),
        ((700, 900, None), (None, None, None), UNDECIDED),
        ((900, 950, 990), (700, 900, None), UNDECIDED),
        ((100, 200, 300), (None, None, None), NEEDED),
        ((100, 200, 400), (500, 600, 700), UNDECIDED),
        ((0, 0, 0), (0, 0, 0), NEEDED),
    ],
)
def test_spark_is_needed_by_the_rule(compounding: Any, linear: Any, verdict: str) -> None:
    """Not needed: both laws' earliest date beyond twice the horizon of 365 days. Needed: the compounding law's latest within it."""
    assert spark([saturated(compounding, linear)], 365 * DAY_US, 0)[0] == verdict


def test_spark_is_judged_by_the_components_that_are_run() -> None:
    """A live path that would be full next month asks for nothing while nobody runs it."""
    found = [saturated((None,) * 3, (None,) * 3), saturated((20, 30, 40), (20, 30, 40), "live")]
    assert spark(found, 365 * DAY_US, 0)[0] == NOT_NEEDED
    verdict, says = spark(found, 365 * DAY_US, 0, ("nightly", "live"))
    assert verdict == NEEDED
    assert "live" in says


def test_memory_is_full_where_the_state_takes_its_share() -> None:
    """A state that takes a sixth of the memory today has room for twice the entities."""
    capacity = Capacity((1e6,) * 3, (1e5,) * 3, (1e5,) * 3, 1000.0, 1_000_000, 6_000_000_000, 2)
    found = growth(counted(1000 * 2 ** (np.arange(200) / 100)), capacity, AdviseSettings(), 0)
    (memory,) = (each for each in found.saturations if each.component == "memory")
    assert memory.headroom == pytest.approx(2)


def test_the_card_payments_do_not_grow(shared_data: Path) -> None:
    """Growth a month lies between -0.11 % and +0.05 %, nought within it, and one machine carries them for ten years."""
    column = pl.read_parquet(shared_data / "transactions.parquet", columns=["TX_DATETIME"]).to_series()
    times = column.dt.cast_time_unit("us").to_physical().to_numpy()
    history = SimpleNamespace(sources_times=lambda: {"payments": (times, times)})
    found = growth(volume(history, None, None), machine(1e5, 0.2), AdviseSettings(), 0)
    low, middle, high = found.monthly
    assert -0.0013 < low < middle < 0 < high < 0.0008
    assert found.spark_verdict == NOT_NEEDED


def test_the_same_history_gives_the_same_answer() -> None:
    """Draws are seeded: an advice can be repeated."""
    random = np.random.default_rng(5)
    counts = random.poisson(500, 90)
    first, second = (growth(counted(counts), machine(1e6, 0.1), AdviseSettings(), 0) for _ in range(2))
    assert first == second
