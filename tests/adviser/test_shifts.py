"""Lasting shifts are found where they are, and calm histories hold none."""

import numpy as np
import pytest

from dayshift.adviser.shifts import Change, calm_days, changes, dated, without_spikes


def _series(draw: np.random.Generator, days: int, count: int, rho: float) -> np.ndarray:
    pushes = draw.normal(size=(count, days + 60))
    values = np.zeros_like(pushes)
    for day in range(1, days + 60):
        values[:, day] = rho * values[:, day - 1] + pushes[:, day]
    weekdays = draw.normal(size=(count, 7))[:, np.arange(days) % 7]
    return values[:, 60:] * np.sqrt(1 - rho**2) + weekdays


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_calm_histories_hold_no_shift(rho: float) -> None:
    """Of 120 calm histories of 12 series with weekdays, at most one in twenty shows any shift, however days hang together."""
    draw = np.random.default_rng(int(rho * 10))
    wrong = 0
    for _ in range(120):
        values = _series(draw, 146, 12, rho)
        wrong += bool(changes({("input", str(n)): one for n, one in enumerate(values)}))
    assert wrong <= 120 * 0.05 + 4


@pytest.mark.parametrize("day", [30, 70, 110])
def test_a_step_is_found_on_its_day(day: int) -> None:
    """A step of four standard deviations among eleven calm series is found on its day, give or take one."""
    hits = 0
    for seed in range(20):
        values = _series(np.random.default_rng(seed), 146, 12, 0.0)
        values[5, day:] += 4
        found = [one for one in changes({("input", str(n)): one for n, one in enumerate(values)}) if one.subject == "5"]
        hits += len(found) == 1 and abs(found[0].day - day) <= 1
    assert hits >= 17


def test_two_steps_are_two_shifts() -> None:
    """Up and down again: two shifts with their signs."""
    values = np.random.default_rng(8).normal(size=200)
    values[60:120] += 6
    up, down = changes({("input", "x"): values})
    assert abs(up.day - 60) <= 1
    assert abs(down.day - 120) <= 1
    assert up.strength > 4
    assert down.strength < -4


def test_one_odd_day_is_no_shift() -> None:
    """A single day far away does not last, so it is no shift; a level that lasts is kept."""
    values = np.random.default_rng(9).normal(size=100)
    values[50] = 500
    assert changes({("rows", ""): values}) == ()
    level = np.repeat([0.0, 10.0], 30) + np.tile([-0.1, 0.1], 30)
    assert np.allclose(without_spikes(level), level)


def test_the_noise_of_samples_bounds_the_scale() -> None:
    """Two nulls in a year are no shift: a share cannot be told from what its sample makes of it."""
    share = np.zeros(150)
    share[[70, 71]] = 0.001
    assert changes({("nulls", "x"): share}, {("nulls", "x"): 0.001}) == ()


def test_days_near_a_shift_are_not_calm() -> None:
    """Calm days lie further than a week from every shift; what begins within a week of another belongs to it."""
    found = [Change(day, "input", "x", 5.0, 0.0) for day in (20, 24, 60)]
    calm = calm_days(90, found)
    assert not calm[13:32].any()
    assert calm[32:53].all()
    assert [len(group) for group in dated(found)] == [2, 1]
