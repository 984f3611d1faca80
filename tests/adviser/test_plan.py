"""What a run leaves out when it cannot compute all: in a fixed order, and never below what a fit needs."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.plan import SPARE, Cost, Plan, in_order, planned
from dayshift.adviser.tracks import DECLARED, FEWEST_TRAIN_ROWS, SECOND, Track

SITUATION: Any = SimpleNamespace()
TRACKS = st.lists(
    st.builds(
        Track,
        st.just(SITUATION),
        st.sampled_from([DECLARED, SECOND]),
        st.sampled_from([None, 28]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=6,
)


@given(TRACKS, st.integers(1, 60), st.integers(1, 60), st.floats(0.001, 5), st.floats(0.1, 1e5), st.booleans())
def test_a_plan_fits_or_has_nothing_left_to_cut(
    tracks: list[Track], ages: int, weeks: int, fit_s: float, budget_s: float, rows_stay: bool
) -> None:
    """It asks for no more than was asked, keeps the first seed, and where rows are fixed leaves them alone."""
    asked = Plan((ages,) * len(tracks), 30_000)
    cost = Cost(fit_s, fit_s / 100, 30_000)
    plan = planned(tracks, asked, cost, weeks, (budget_s, rows_stay))
    assert all(one <= ages for one in plan.ages)
    assert FEWEST_TRAIN_ROWS <= plan.train_rows <= asked.train_rows
    assert plan.train_rows == asked.train_rows or not rows_stay
    first = min(track.seed for track in tracks)
    assert all(age > 0 for age, track in zip(plan.ages, tracks, strict=True) if track.seed == first)
    if cost.of(asked, weeks, tracks) <= budget_s * SPARE:
        assert plan == asked
    elif cost.of(plan, weeks, tracks) > budget_s * SPARE:
        assert max(plan.ages) <= 4
        assert all(age == 0 for age, track in zip(plan.ages, tracks, strict=True) if track.seed != first)


@given(TRACKS, st.integers(1, 20), st.data())
def test_every_fit_comes_once_and_first_seeds_come_first(tracks: list[Track], weeks: int, data: st.DataObject) -> None:
    """Each week of each track that is followed, once; further seeds after all fits of the first."""
    ages = data.draw(st.lists(st.sampled_from([0, 1, 5]), min_size=len(tracks), max_size=len(tracks)))
    order = in_order(tracks, ages, weeks)
    wanted = [(number, week) for number, age in enumerate(ages) if age for week in range(weeks)]
    assert sorted(order) == wanted
    seeds = [tracks[number].seed for number, _ in order]
    assert seeds == sorted(seeds)
