"""The performance alarm: silent in calm histories as often as it promises, awake after a jump, never ahead of its labels."""

import numpy as np

from dayshift.adviser.alarms import ARL0_WEEKS, WARM_WEEKS, performance_refits, threshold


def calm(random: np.random.Generator, weeks: int, rho: float = 0.0) -> np.ndarray:
    out = random.standard_normal(weeks)
    for week in range(1, weeks):
        out[week] = rho * out[week - 1] + np.sqrt(1 - rho**2) * out[week]
    return out


def values_of(weekly: np.ndarray, fall: float = 0.0, at: int = 10_000) -> np.ndarray:
    """[week, age]: every model reaches the week's value; those fitted before week `at` fall from then on."""
    week, age = np.indices((len(weekly), len(weekly)))
    fallen = (week >= at) & (week - age < at)
    return np.where(age <= week, weekly[:, None] - fall * fallen, np.nan)


def test_a_calm_history_is_left_alone_for_a_year() -> None:
    """Learnt from 104 calm weeks, the alarm comes at most about once in 365 days, also when weeks hang together."""
    random = np.random.default_rng(8)
    for rho in (0.0, 0.4):
        alarms = [len(performance_refits(values_of(calm(random, 104, rho)))) for _ in range(30)]
        watched = 30 * (104 - WARM_WEEKS)
        assert sum(alarms) / watched <= 1.3 / ARL0_WEEKS


def test_weeks_that_hang_together_need_a_higher_threshold() -> None:
    """The threshold is this history's own: correlation of neighbouring weeks raises it, and it is drawn without luck."""
    random = np.random.default_rng(9)
    alone, together = calm(random, 60), calm(random, 60, 0.6)
    assert threshold(together) > threshold(alone)
    assert threshold(alone) == threshold(alone.copy())
    assert threshold(alone, 20.0) < threshold(alone, 100.0)


def test_a_jump_is_answered_after_its_labels_are_there() -> None:
    """A fall of four deviations in week 20 refits a few weeks later, and a label delay moves that by as much."""
    random = np.random.default_rng(10)
    values = values_of(calm(random, 40), fall=4.0, at=20)
    at_once, later = performance_refits(values), performance_refits(values, label_delay_weeks=2.5)
    assert 21 <= min(week for week in at_once if week > 20) <= 23
    assert min(week for week in later if week > 20) == min(week for week in at_once if week > 20) + 3


def test_too_little_or_flat_history_never_alarms() -> None:
    """Fewer than six measured weeks, or weeks without any variation: no refit."""
    assert performance_refits(values_of(np.arange(5.0))) == ()
    assert performance_refits(values_of(np.ones(20))) == ()
    assert performance_refits(np.full((20, 4), np.nan)) == ()
