"""The interval of weekly means: its promise by simulation, its laws by property tests."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dayshift.adviser.interval import WEEK_US, gain, lag_one, opposite
from tests.adviser.simulated import starts

numbers = st.floats(-5, 5, width=32)
weekly = st.tuples(st.integers(1, 3), st.integers(3, 15)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=numbers)
)


def drawn(rho: float, count: int, repeats: int, seed: int) -> np.ndarray:
    """[repeats, count] of a stationary first-order autoregression with mean 0 and deviation 1."""
    random = np.random.default_rng(seed)
    out = random.standard_normal((repeats, count))
    for at in range(1, count):
        out[:, at] = rho * out[:, at - 1] + math.sqrt(1 - rho**2) * out[:, at]
    return out


def excluded(rows: np.ndarray) -> float:
    found = [gain(row, starts(rows.shape[-1])) for row in rows]
    return float(np.mean([one is not None and not one.low <= 0 <= one.high for one in found]))


@pytest.mark.parametrize("weeks", [6, 12, 26])
def test_independent_weeks_leave_the_truth_out_in_five_of_a_hundred(weeks: int) -> None:
    """At nominal 5 %, at most 7 % of 600 histories exclude a gain of zero that is true."""
    assert excluded(drawn(0.0, weeks, 600, 1)) <= 0.07


@pytest.mark.parametrize("weeks", [6, 8, 16])
def test_days_that_hang_together_leave_the_truth_out_in_eight_of_a_hundred(weeks: int) -> None:
    """Daily differences with a correlation of 0.6 become weekly means whose interval errs in about 8 %; days alone in 30 %."""
    days = drawn(0.6, 7 * weeks, 800, 2)
    assert excluded(days.reshape(800, weeks, 7).mean(axis=2)) <= 0.095
    by_days = np.abs(days.mean(axis=1)) > 1.96 * days.std(axis=1, ddof=1) / math.sqrt(7 * weeks)
    assert by_days.mean() > 0.25


def test_weeks_that_hang_together_widen_the_interval() -> None:
    """With weeks correlated by 0.6 the widening halves the false exclusions of 26 weeks, and is not made without need."""
    rows = drawn(0.6, 26, 400, 3)
    plain = np.abs(rows.mean(axis=1)) > 2.06 * rows.std(axis=1, ddof=1) / math.sqrt(26)
    assert excluded(rows) < 0.6 * plain.mean()
    calm = [gain(row, starts(26)) for row in drawn(0.0, 26, 300, 4)]
    assert np.mean([one is not None and one.widened for one in calm]) < 0.2


@pytest.mark.parametrize("seeds", [2, 3])
def test_two_of_a_kind_are_not_told_apart(seeds: int) -> None:
    """A/A: models that differ by luck alone, of fits and of whole seeds, are told apart in at most 8 of 100 histories."""
    random = np.random.default_rng(5)
    fits = 0.004 * random.standard_normal((500, seeds, 12))
    assert excluded(fits) <= 0.05
    assert excluded(fits + 0.0012 * random.standard_normal((500, seeds, 1))) <= 0.08


def test_luck_of_the_seeds_counts() -> None:
    """Two seeds that differ in every week by the same step: weeks alone would be sure, the seeds' variance is not."""
    weeks = np.tile([0.010, 0.011], 5)
    found = gain([weeks, weeks + 0.008], starts(10))
    assert found is not None
    assert found.seed_sd == pytest.approx(0.008 / math.sqrt(2))
    assert found.half > 2 * 0.008 / 2
    alone = gain(weeks, starts(10))
    assert alone is not None
    assert alone.seed_sd is None
    assert alone.half < 0.001


def test_weeks_without_a_measurement_are_left_out() -> None:
    """NaN drops its week, starts and all; a week that one seed measured still counts; infinities are no measurements."""
    nan, far = math.nan, math.inf
    found = gain([[1.0, nan, 3.0, nan, far], [2.0, nan, nan, 4.0, nan]], starts(5))
    assert found is not None
    assert found.weekly == (1.5, 3.0, 4.0)
    assert found.starts == (0, 2 * WEEK_US, 3 * WEEK_US)
    assert found.seeds == 2


def test_too_little_gives_no_interval() -> None:
    """One week, none, or no seed at all: None, never a width of zero."""
    assert gain([[0.1, math.nan]], starts(2)) is None
    assert gain(np.empty((0, 3)), starts(3)) is None
    assert gain(np.empty((1, 0)), starts(0)) is None


def test_weeks_and_their_beginnings_must_match() -> None:
    """Three differences for two weeks are a mistake of the caller."""
    with pytest.raises(ValueError, match="for 2 weeks"):
        gain([[1.0, 2.0, 3.0]], starts(2))


def test_only_neighbours_make_a_correlation() -> None:
    """Weeks with a gap between them are no neighbours: four sampled weeks far apart have no lag-1 correlation."""
    rising = np.arange(8, dtype=float)
    assert lag_one(rising, starts(8)) > 0.5
    assert lag_one(rising[::2], starts(8)[::2]) == 0.0


@given(weekly, st.floats(-3, 3, width=32))
def test_a_shift_moves_the_interval_and_nothing_else(rows: np.ndarray, by: float) -> None:
    """Adding c to every difference adds c to the mean and to both ends."""
    before, after = gain(rows, starts(rows.shape[1])), gain(rows + by, starts(rows.shape[1]))
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(before.mean + by, abs=1e-9)
    if before.widened == after.widened:  # on the threshold itself, rounding may decide
        assert after.half == pytest.approx(before.half, rel=1e-6, abs=1e-6)


@given(weekly, st.floats(0.01, 100))
def test_another_unit_scales_the_interval(rows: np.ndarray, unit: float) -> None:
    """In another unit the mean and the half width are those times the unit, and the verdict of widening is the same."""
    before, after = gain(rows, starts(rows.shape[1])), gain(rows * unit, starts(rows.shape[1]))
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(before.mean * unit, rel=1e-9, abs=1e-9)
    if before.widened == after.widened:
        assert after.half == pytest.approx(before.half * unit, rel=1e-6, abs=1e-6)


@given(weekly, st.randoms(use_true_random=False))
def test_the_order_of_seeds_is_irrelevant(rows: np.ndarray, random: object) -> None:
    """Seeds are exchangeable: any order gives the same gain, to the last bit."""
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert gain(rows, starts(rows.shape[1])) == gain(rows[order], starts(rows.shape[1]))


@given(weekly)
def test_the_other_way_round_is_the_mirror_image(rows: np.ndarray) -> None:
    """B over A is minus A over B."""
    one, other = gain(rows, starts(rows.shape[1])), gain(-rows, starts(rows.shape[1]))
    assert one is not None
    assert other is not None
    assert opposite(one).mean == pytest.approx(other.mean, abs=1e-12)
    assert opposite(one).low == pytest.approx(other.low, abs=1e-9)
    assert opposite(opposite(one)) == one


@given(weekly, st.data())
def test_an_unmeasured_week_is_as_if_it_were_not_there(rows: np.ndarray, data: st.DataObject) -> None:
    """A week of NaN in every seed gives the same gain as the history without that week."""
    at = data.draw(st.integers(0, rows.shape[1] - 1))
    begins = starts(rows.shape[1])
    holed = rows.copy()
    holed[:, at] = math.nan
    assert gain(holed, begins) == gain(np.delete(rows, at, axis=1), np.delete(begins, at))


def test_a_loss_that_grows_is_no_noise() -> None:
    """A ramp with independent noise: its neighbours are alike because it grows, and that does not widen the interval."""
    drawn = np.random.default_rng(3)
    weeks = WEEK_US * np.arange(24)
    ramp = 0.01 * np.arange(24) + 0.01 * drawn.normal(size=24)
    plain, trending = gain(ramp, weeks), gain(ramp, weeks, trending=True)
    assert plain is not None
    assert trending is not None
    assert plain.widened
    assert not trending.widened
    assert trending.mean == plain.mean
    assert trending.low > plain.low


def test_noise_that_is_correlated_still_widens_beside_a_line() -> None:
    """Calm weeks with strong correlation: zero is seldom excluded though a line was taken away."""
    drawn, missed = np.random.default_rng(4), 0
    for _ in range(400):
        noise = np.zeros(26)
        for week in range(1, 26):
            noise[week] = 0.5 * noise[week - 1] + drawn.normal()
        found = gain(noise, WEEK_US * np.arange(26), trending=True)
        assert found is not None
        missed += not found.low <= 0 <= found.high
    assert missed / 400 < 0.16  # 0.12 with the lag of the weeks themselves
