"""Policies as lookups in a grid, and comparisons turned so that positive is better."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.grids import by_seed, calendar, compare, every, fresh, level, refits, stack
from tests.adviser.simulated import World, grid, replay, starts, turned

CELLS = np.where(np.tri(8, 8, dtype=bool), 100.0 * np.arange(8)[:, None] + np.arange(8)[None, :], np.nan)
VALUES = CELLS[None]


def test_a_cadence_is_the_mean_of_its_ages() -> None:
    """Every 3 weeks: ages 0, 1, 2 in equal parts, from the first week in which age 2 was measured."""
    found = every(3)(VALUES)[0]
    assert np.isnan(found[:2]).all()
    np.testing.assert_allclose(found[2:], 100.0 * np.arange(2, 8) + 1)


def test_a_cadence_need_not_be_whole_weeks() -> None:
    """Every 2.5 weeks: ages 0 and 1 for a week each and age 2 for half a week."""
    assert every(2.5)(VALUES)[0, 7] == pytest.approx(700 + (0 * 1 + 1 * 1 + 2 * 0.5) / 2.5)
    assert every(1)(VALUES)[0, 7] == 700.0


def test_ages_between_measured_ones_lie_on_the_line() -> None:
    """Gaps between measured ages are read on the straight line; an unmeasured oldest age leaves the week unmeasured."""
    holed = VALUES.copy()
    holed[:, :, 1:3] = np.nan
    np.testing.assert_allclose(every(4)(holed)[0, 3:], every(4)(VALUES)[0, 3:])
    holed[:, 5, 3:] = np.nan
    assert np.isnan(every(4)(holed)[0, 5])
    assert np.isnan(every(9)(VALUES)).all()


def test_refits_are_a_lookup() -> None:
    """In each week the model of the last refit answers; before the first refit nobody does."""
    np.testing.assert_array_equal(refits([2, 5])(VALUES)[0], [np.nan, np.nan, 200, 301, 402, 500, 601, 702])
    np.testing.assert_array_equal(fresh(VALUES), refits(range(8))(VALUES))
    np.testing.assert_array_equal(np.isnan(refits([0])(VALUES[:, :, :3])[0]), [False] * 3 + [True] * 5)


@given(st.integers(2, 30), st.data())
def test_a_calendar_of_as_many_fits_has_as_many(weeks: int, data: st.DataObject) -> None:
    """Whatever its start, the calendar that an alarm is compared with refits exactly as often, and begins fresh."""
    fits = data.draw(st.integers(0, weeks - 1))
    age = np.where(np.tri(weeks, weeks, dtype=bool), np.arange(weeks)[None, :], np.nan)[None].astype(float)
    ages = calendar(fits, weeks)(age)[0]
    assert ages[0] == 0
    assert np.isfinite(ages).all()
    if fits == weeks - 1:
        np.testing.assert_array_equal(ages, 0)
    if fits == 0:
        np.testing.assert_array_equal(ages, np.arange(weeks))
    assert ages.mean() <= np.arange(weeks).mean()


def test_each_seed_may_have_its_own_policy() -> None:
    """An alarm's path belongs to one seed; the next seed follows its own."""
    both = np.concatenate([VALUES, VALUES])
    found = by_seed([refits([0]), refits([0, 4])])(both)
    assert found[0, 5] == 505
    assert found[1, 5] == 501


def test_a_loss_is_turned() -> None:
    """The same replay judged by a loss gives the same gain: positive is better whatever the metric."""
    grids = replay(World(), 1)
    up = compare(grids, grids, (fresh, every(4)), starts(16))
    down = compare(turned(grids), turned(grids), (fresh, every(4)), starts(16))
    assert up.gain is not None
    assert down.gain is not None
    assert down.gain.mean == pytest.approx(up.gain.mean)
    assert set(up.others) == {"log_loss"}
    assert up.others["log_loss"].mean == pytest.approx(up.gain.mean)
    assert up.pooled is not None
    assert level(turned(grids)) == pytest.approx(1 - level(grids))


def test_comparisons_pair_seed_by_seed_and_week_by_week() -> None:
    """What one side did not measure counts for neither; a seed without a partner is left out."""
    better, worse = replay(World(seeds=2), 1), replay(World(seeds=1), 1)
    better[0].value[:, 3] = np.nan
    ways = compare(better, worse, (fresh, fresh), starts(16))
    assert ways.gain is not None
    assert ways.gain.weeks == 15
    assert ways.gain.seeds == 1
    assert ways.gain.mean == pytest.approx(0)
    assert compare(better, (), (fresh, fresh), starts(16)).gain is None


def test_grids_of_several_lengths_stack() -> None:
    """A seed whose replay was stopped at fewer ages is filled with NaN."""
    stacked = stack([grid(CELLS), grid(CELLS[:, :3])])
    assert stacked.shape == (2, 8, 8)
    assert np.isnan(stacked[1, :, 3:]).all()
    assert stack(()).shape == (0, 0, 0)
    assert math.isnan(level([grid(np.full((4, 4), np.nan))]))
