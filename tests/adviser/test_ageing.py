"""Half-lives: found where skill fades, not found where it does not, and no curve bent by the weeks behind it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.ageing import ageing, half_life
from tests.adviser.simulated import World, grid, replay, starts, turned


def skill_of(random: np.random.Generator, half: float | None, weeks: int = 16, ages: int = 9) -> np.ndarray:
    """Skill with luck of weeks, of fits and of cells, halved every `half` weeks of age."""
    week, age = np.indices((weeks, ages))
    logs = 0.1 * random.standard_normal((weeks, 1)) + 0.02 * random.standard_normal(weeks)[np.maximum(week - age, 0)]
    logs = logs + 0.02 * random.standard_normal(week.shape) - (age * math.log(2) / half if half else 0)
    return np.where(age <= week, 0.3 * np.exp(logs), np.nan)


def test_no_fading_is_called_fading_in_five_of_a_hundred() -> None:
    """Without fading a half-life is printed in at most 5 of 100 histories; else only what it is longer than."""
    random = np.random.default_rng(3)
    found = [half_life(skill_of(random, None)) for _ in range(150)]
    assert sum(one[0] is not None for one in found) <= 0.05 * len(found)
    assert all(one[2] is None for one in found if one[0] is None)
    assert np.median([one[1] for one in found if one[1] is not None]) > 100


def test_the_interval_holds_the_true_half_life() -> None:
    """Skill that halves in 16 weeks: found in every history, and the interval holds 16 in at least 92 of 100."""
    random = np.random.default_rng(4)
    found = [half_life(skill_of(random, 16.0)) for _ in range(100)]
    assert all(one[0] is not None for one in found)
    held = [low <= 16 <= high for _, low, high in found if low is not None and high is not None]
    assert sum(held) >= 92
    assert np.median([one[0] for one in found if one[0] is not None]) == pytest.approx(16, rel=0.05)


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_unit_of_skill_is_irrelevant(unit: float, number: int) -> None:
    """Log ratios within a week know no unit and no level of the week."""
    skill = skill_of(np.random.default_rng(number), 12.0)
    weeks = np.random.default_rng(number).uniform(0.8, 1.2, (len(skill), 1))
    one, other = half_life(skill), half_life(skill * unit * weeks)
    for mine, theirs in zip(one, other, strict=True):
        assert (mine is None) == (theirs is None)
        assert mine is None or theirs == pytest.approx(mine, rel=1e-6)


def test_what_cannot_be_told_is_not_told() -> None:
    """Few weeks, skill at or below nothing, nothing measured: no half-life and no bound."""
    random = np.random.default_rng(5)
    nothing = (None, None, None)
    assert half_life(skill_of(random, 8.0, weeks=5)) == nothing
    assert half_life(skill_of(random, 8.0) - 0.29) == nothing
    assert half_life(np.full((10, 5), np.nan)) == nothing
    assert half_life(np.empty((0, 0))) == nothing
    assert half_life(skill_of(random, 8.0)[:, :1]) == nothing


def test_the_curve_pairs_ages_within_the_week() -> None:
    """Weeks that get harder do not look like ageing: old models exist in late weeks only, and are compared there."""
    weeks, ages = np.indices((12, 6))
    cells = np.where(ages <= weeks, 0.9 - 0.02 * weeks, np.nan)
    found = ageing([grid(cells)], 0.5, starts(12))
    assert found.ages == (0, 1, 2, 3, 4, 5)
    assert len({round(value, 9) for value in found.values}) == 1
    assert found.lows[0] == found.highs[0] == found.values[0]


def test_a_loss_ages_upwards() -> None:
    """Judged by a loss, values rise with age, the band stays in order, and the half-life is the same."""
    grids = replay(World(seeds=2, ages=8, weeks=20, fades=lambda week, age: 0.25 * (1 - 0.5 ** (age / 10))), 2)
    up, down = ageing(grids, 0.5, starts(20)), ageing(turned(grids), 0.5, starts(20))
    assert up.values[-1] < up.values[0]
    assert down.values[-1] > down.values[0]
    assert all(low <= value <= high for low, value, high in zip(down.lows, down.values, down.highs, strict=True))
    assert up.half_life_weeks == pytest.approx(10, rel=0.15)
    assert down.half_life_weeks == pytest.approx(up.half_life_weeks, rel=1e-6)


def test_nothing_measured_has_no_curve() -> None:
    """No grid, or a grid of NaN: an empty curve, not an error."""
    assert ageing((), 0.5, ()).ages == ()
    assert ageing([grid(np.full((8, 4), np.nan))], 0.5, starts(8)).ages == ()
