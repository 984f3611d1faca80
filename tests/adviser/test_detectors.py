"""The distances are those of the textbooks, and limits keep what they promise."""

import numpy as np
import pytest
from scipy import stats

from dayshift.adviser.detectors import (
    alarm_runs,
    chi2_p,
    conformal_limit,
    cusum,
    cusum_limit,
    ks_p,
    least_adjusted,
    psi,
    rate_interval,
    siegmund_limit,
    wasserstein,
)


def test_distances_on_a_grid_are_those_of_scipy() -> None:
    """On values that stand on the grid, KS, Wasserstein and chi-square are what scipy computes from the values."""
    draw = np.random.default_rng(1)
    grid = np.arange(40.0)
    one, two = draw.poisson(12, 900).clip(0, 39), draw.poisson(13, 300).clip(0, 39)
    then, now = np.bincount(one, minlength=40)[None].astype(float), np.bincount(two, minlength=40)[None].astype(float)
    assert ks_p(then, now)[0] == pytest.approx(stats.ks_2samp(one, two, method="asymp").pvalue, rel=0.35)
    assert wasserstein(then, now, grid)[0] == pytest.approx(stats.wasserstein_distance(one, two) / one.std())
    both = np.concatenate([then, now])
    expected = stats.chi2_contingency(both[:, both.sum(0) > 0], correction=False).pvalue
    assert chi2_p(then, now)[0] == pytest.approx(expected)


def test_psi_without_drift_is_what_samples_make() -> None:
    """Ten bins, no drift: the mean PSI is 9 (1/n + 1/m), so fixed limits alarm on small windows by themselves."""
    draw = np.random.default_rng(2)
    then, now = draw.multinomial(200, [0.1] * 10, 4000), draw.multinomial(200, [0.1] * 10, 4000)
    assert psi(then.astype(float), now.astype(float)).mean() == pytest.approx(9 * 2 / 200, rel=0.1)


def test_benjamini_hochberg_is_scipys() -> None:
    """The least adjusted p value is the least of scipy's."""
    p = np.random.default_rng(3).random((50, 7)) ** 2
    expected = [stats.false_discovery_control(row).min() for row in p]
    assert np.allclose(least_adjusted(p), expected)


@pytest.mark.parametrize("days", [15, 40, 90])
def test_a_limit_from_calm_days_keeps_its_chance(days: int) -> None:
    """A new calm day passes the limit with at most the chance asked for, or 1 / (n + 1) when days are too few."""
    draw = np.random.default_rng(4)
    passed = [draw.lognormal() > conformal_limit(draw.lognormal(size=days), 1 / 30) for _ in range(6000)]
    assert np.mean(passed) < max(1 / 30, 1 / (days + 1)) + 0.008


def test_rates_have_exact_intervals() -> None:
    """Clopper and Pearson: at the interval's ends the tail that was seen has 2.5 %."""
    per, low, high = rate_interval(3, 60)
    assert per == 1.5
    assert stats.binom.sf(2, 60, low / 30) == pytest.approx(0.025)
    assert stats.binom.cdf(3, 60, high / 30) == pytest.approx(0.025)
    assert rate_interval(60, 60)[2] == 30


def test_a_cusum_alarms_falsely_once_a_year() -> None:
    """With Siegmund's limit independent normal days pass 365 days on average until an alarm."""
    draw = np.random.default_rng(5)
    alarms = sum(int(alarm_runs(draw.normal(size=3650), siegmund_limit()).sum()) for _ in range(30))
    assert 300 * 365 / 420 < alarms < 300 * 365 / 320


def test_a_cusum_learnt_from_few_days_is_more_careful() -> None:
    """The limit is never below the one of independent normal days, and days in a row that hang together raise it."""
    draw = np.random.default_rng(6)
    apart, pushes = draw.normal(size=40), draw.normal(size=80)
    tied = np.array([sum(0.8**n * pushes[day - n] for n in range(30)) for day in range(40, 80)])
    assert siegmund_limit() <= cusum_limit(apart) < cusum_limit((tied - tied.mean()) / tied.std())


def test_a_cusum_sums_what_is_worse_than_usual() -> None:
    """It is the greatest sum of any stretch that ends today."""
    z = np.random.default_rng(7).normal(0.2, 1, 30)
    expected = [max(0.0, max(sum(z[a : b + 1] - 0.5) for a in range(b + 1))) for b in range(30)]
    assert np.allclose(cusum(z), expected)
