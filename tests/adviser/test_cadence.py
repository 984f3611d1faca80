"""Cadences on replays with a known truth: verdicts, the ladder, the knee, alarms against calendars, cost."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dayshift.adviser.cadence import CadenceInputs, cadence, longest_measurable
from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Cadence, CadencePoint
from dayshift.adviser.grids import compare, first_models, fresh
from dayshift.adviser.points import cadence_points
from tests.adviser.simulated import World, grid, replay, starts, turned

DELTA = 0.005
CALM = World()
FADING = World(fades=lambda week, age: 0.012 * age)


def answered(world: World, number: int = 0, **more: object) -> Cadence:
    inputs = CadenceInputs(starts(world.weeks), DELTA, 0.5, expanding=replay(world, number))
    return cadence(replace(inputs, **more))  # type: ignore[arg-type]


def named(found: Cadence) -> dict[str, CadencePoint]:
    return {point.name: point for point in found.points}


def test_calm_worlds_need_no_retraining() -> None:
    """Of 60 calm histories none needs more than a hand, nothing is shown too lazy, and at least 50 say not needed."""
    found = [answered(CALM, number) for number in range(60)]
    said = [one.finding.verdict for one in found]
    assert said.count(NEEDED) == 0
    assert said.count(NOT_NEEDED) >= 50
    assert sum(one.too_lazy is not None for one in found) == 0


def test_fading_worlds_need_it_and_the_knee_is_found() -> None:
    """Where a week of age costs 0.012, a hand every 4 weeks is too lazy in each of 20 histories, and so is every 2 weeks
    in most: its mean loss, 0.006, is above delta. The knee is the next more eager cadence."""
    found = [answered(FADING, number) for number in range(20)]
    assert all(one.finding.verdict == NEEDED for one in found)
    assert all(one.too_lazy in {2, 4} for one in found)
    assert {(one.too_lazy, one.knee) for one in found} <= {(2, "weekly"), (4, "every 2 weeks")}
    assert all(one.against_never is not None and one.against_never.verdict == NEEDED for one in found)


def test_what_suffices_is_on_the_ladder() -> None:
    """A fading of 0.002 a week: every 2 weeks loses 0.001 and suffices; the longest cadence is shown too lazy."""
    found = answered(replace(CALM, weeks=26, fades=lambda week, age: 0.002 * age), 3)
    assert found.suffices is not None
    assert found.suffices >= 2
    assert found.too_lazy is not None
    assert found.suffices < found.too_lazy
    points = named(found)
    assert points["every 2 weeks"].verdict == "suffices"
    assert points["quarterly"].verdict == "too lazy"


def test_the_table_is_complete_and_in_order() -> None:
    """From never to daily, then alarms and incremental learning; values and CPU seconds follow from the losses and fits."""
    world = replace(FADING, weeks=20)
    grids = replay(world, 1)
    daily = np.full(20, np.nan)
    daily[[3, 7, 11, 15, 18, 19]] = [0.001, -0.001, 0.002, 0.0, 0.001, 0.0]
    found = answered(world, 1, daily=daily, incremental=grids, drift_alarm_weeks=(4, 9, 14), hand_weeks=6)
    assert [point.name for point in found.points] == [
        "never", "quarterly", "every 8 weeks", "every 6 weeks", "every 4 weeks", "every 2 weeks", "weekly", "daily",
        "on drift alarm", "on performance alarm", "incremental",
    ]  # fmt: skip
    points = named(found)
    weekly, monthly = points["weekly"], points["every 4 weeks"]
    assert weekly.verdict == "suffices"
    assert weekly.cpu_s_a_year == pytest.approx(365 / 7 * 0.2)
    assert monthly.cpu_s_a_year == pytest.approx(weekly.cpu_s_a_year / 4)
    assert monthly.lost is not None
    assert monthly.value == pytest.approx(weekly.value - monthly.lost.mean)
    assert points["daily"].lost is not None
    assert points["daily"].lost.mean == pytest.approx(-0.0005)
    assert points["daily"].note == "spot check on 6 weeks"
    assert points["never"].fits_a_year == 0
    assert points["incremental"].lost is not None
    assert points["incremental"].lost.mean == pytest.approx(0.0)
    assert found.finding.title == "weekly refits over every 6 weeks by hand"


def test_a_daily_refit_that_pays_makes_weekly_too_lazy() -> None:
    """A spot check shown above delta: weekly is too lazy, the knee is daily when every 2 weeks is too lazy as well."""
    found = answered(FADING, 2, daily=np.where(np.arange(16) % 2, 0.02 + 0.001 * np.sin(np.arange(16.0)), np.nan))
    assert named(found)["weekly"].verdict == "too lazy"
    assert found.knee in {"daily", "every 2 weeks"}
    quick = answered(FADING, 2, daily=np.full(16, 0.02) + 0.001 * np.sin(np.arange(16.0)), hand_weeks=1.0)
    assert quick.finding.verdict == NEEDED
    assert quick.finding.title == "daily refits over weekly ones (by hand weekly)"


def test_an_alarm_is_compared_with_a_calendar_of_as_many_fits() -> None:
    """Refits right after each jump beat evenly spaced ones; refits as evenly spaced as the calendar do not."""
    jumps = np.array([5, 11, 14, 22, 27, 33])

    def jumped(week: np.ndarray, age: np.ndarray) -> np.ndarray:
        return 0.05 * ((week[..., None] >= jumps) & (week[..., None] - age[..., None] < jumps)).any(axis=-1)

    world = World(weeks=40, ages=40, fades=jumped)
    clever = named(answered(world, 1, drift_alarm_weeks=tuple(jumps)))["on drift alarm"]
    assert clever.against_calendar is not None
    assert clever.against_calendar.low > 0
    assert clever.verdict == "suffices"
    assert "6 refits in 40 weeks; better than a calendar of as many fits" in clever.note
    blind = named(answered(World(weeks=40, ages=40), 1, drift_alarm_weeks=(6, 12, 19, 25, 32, 38)))["on drift alarm"]
    assert blind.against_calendar is not None
    assert abs(blind.against_calendar.mean) < 0.005


def test_seeds_without_aged_models_do_not_dilute_an_alarm() -> None:
    """Two more seeds that were only asked for fresh models change neither an alarm's refits nor its interval."""
    world = replace(FADING, weeks=30, ages=30, seeds=4)
    followed = replay(world, 5)
    fresh_only = [replace(one, value=one.value[:, :, :1], pooled=one.pooled[:, :1]) for one in followed[2:]]
    weeks = (4, 8, 12, 16, 20, 24)
    two = named(answered(world, expanding=followed[:2], drift_alarm_weeks=weeks))
    four = named(answered(world, expanding=[*followed[:2], *fresh_only], drift_alarm_weeks=weeks))
    for name in ("on drift alarm", "on performance alarm"):
        assert four[name].lost == two[name].lost
        assert four[name].fits_a_year == two[name].fits_a_year
        assert four[name].verdict == two[name].verdict


def test_few_refits_of_an_alarm_decide_nothing() -> None:
    """One refit is a sample of one, however many weeks follow it: undecided, and the note says why."""
    for number in range(10):
        point = named(answered(CALM, number, drift_alarm_weeks=(7,)))["on drift alarm"]
        assert point.verdict == "undecided"
        assert point.note.endswith("too few refits to judge it by")


def test_more_data_and_decay_are_told_apart() -> None:
    """A world where history helps and nothing ages: all of a retraining's gain is more data, none is decay."""
    weeks = 20
    week, age = np.indices((weeks, 13))
    helped = 0.01 * np.sqrt(np.maximum(week - age, 0))
    sliding = replay(World(weeks=weeks), 1)
    expanding = [
        grid(one.value[0] + helped, one.metrics, seed) for seed, one in enumerate(replay(World(weeks=weeks), 2))
    ]
    found = cadence(CadenceInputs(starts(weeks), DELTA, 0.5, expanding=expanding, sliding=sliding))
    assert found.more_data is not None
    assert found.decay is not None
    assert found.against_never is not None
    assert found.more_data.verdict == NEEDED
    assert found.decay.verdict != NEEDED
    assert found.against_never.gain is not None
    assert found.decay.gain is not None
    assert found.against_never.gain.mean > found.decay.gain.mean + 0.005
    assert found.ageing.half_life_weeks is None


def test_a_slow_fading_is_not_called_nothing_because_a_quarter_costs_little() -> None:
    """0.0006 a week: every 13 weeks loses 0.0036 and suffices, never loses 0.018 in 60 weeks, more than three times what
    matters. Of ten histories none says that retraining is not needed; where nothing fades, each does."""
    fading = World(weeks=60, ages=53, fades=lambda week, age: 0.0006 * age)
    for number in range(10):
        found = answered(fading, number)
        never = named(found)["never"].lost
        assert found.suffices is not None
        assert never is not None
        assert never.mean > 2 * DELTA
        assert found.against_never is not None
        assert found.against_never.verdict != NOT_NEEDED
        calm = answered(replace(CALM, weeks=60, ages=53), number).against_never
        assert calm is not None
        assert calm.verdict == NOT_NEEDED


def test_the_row_of_never_is_about_the_first_models() -> None:
    """Whatever speaks about retraining at all, the row holds what the first models lost."""
    spoken = []
    for number in range(30):
        found = answered(replace(CALM, weeks=26, ages=26), number)
        assert found.against_never is not None
        grids = replay(replace(CALM, weeks=26, ages=26), number)
        first = compare(grids, grids, (fresh, first_models(4)), starts(26), trending=True).gain
        assert named(found)["never"].lost == first
        spoken.append("first" not in found.against_never.title)
    assert any(spoken)


def test_a_loss_gives_the_same_answer() -> None:
    """The same replays judged by log loss: same verdicts, same losses, values in the loss's own direction."""
    grids = replay(FADING, 5)
    up = cadence(CadenceInputs(starts(16), DELTA, 0.5, expanding=grids))
    down = cadence(CadenceInputs(starts(16), DELTA, 0.5, expanding=turned(grids)))
    assert [point.verdict for point in up.points] == [point.verdict for point in down.points]
    assert named(down)["every 8 weeks"].value > named(down)["weekly"].value
    assert down.finding.gain is not None
    assert up.finding.gain is not None
    assert down.finding.gain.mean == pytest.approx(up.finding.gain.mean)


def test_a_second_family_that_disagrees_makes_it_depend_on_the_model() -> None:
    """The declared model fades and the second does not: undecided, with both intervals in the reason."""
    found = answered(FADING, 1, second=replay(CALM, 50))
    assert found.finding.verdict == UNDECIDED
    assert found.finding.reasons[0].startswith("depends on the model")
    assert answered(FADING, 1, second=replay(FADING, 50)).finding.verdict == NEEDED


def test_reasons_and_few_positives_forbid_every_verdict() -> None:
    """With a reason nothing is shown: no verdict, no ladder, no judged row; the numbers stay."""
    found = answered(FADING, 1, positives_per_week=np.full(16, 12.0), reasons=("label delay unknown",))
    assert found.finding.verdict == UNDECIDED
    assert found.reasons == ("label delay unknown", "fewer than 50 positives in the usual week (12)")
    assert found.suffices is found.too_lazy is None
    assert {point.verdict for point in found.points} <= {"undecided", ""}
    assert found.finding.gain is not None


def test_a_hand_slower_than_the_history_may_be_shown_too_lazy_only() -> None:
    """A hand every 40 weeks and 16 weeks of history: too lazy if the longest measurable is; never shown sufficient."""
    slow = answered(FADING, 1, hand_weeks=40)
    assert slow.finding.verdict == NEEDED
    assert "every 11 weeks (by hand: every 40 weeks)" in slow.finding.title
    calm = [answered(CALM, number, hand_weeks=40) for number in range(10)]
    assert all(one.finding.verdict == UNDECIDED for one in calm)
    assert any("too short to measure every 40 weeks" in reason for one in calm for reason in one.finding.reasons)


def test_a_replay_that_was_stopped_early_is_read_as_far_as_it_goes() -> None:
    """Missing weeks, ages and seeds shorten what is judged; nothing at all gives reasons and no error."""
    grids = replay(FADING, 1)
    grids[1].value[:, 9:] = np.nan
    grids[0].value[:, :, 9:] = np.nan
    grids[0].value[:, 5] = np.nan
    partial = cadence(CadenceInputs(starts(16), DELTA, 0.5, expanding=grids))
    assert partial.finding.verdict == NEEDED
    assert partial.finding.gain is not None
    assert partial.finding.gain.weeks == 13  # week 5 stands on the second seed
    assert "quarterly" not in named(partial)
    assert any("too few weeks to judge quarterly" in note for note in partial.notes)
    for nothing in ((), [grid(np.full((16, 13), np.nan))], [grid(np.empty((0, 0)))]):
        found = cadence(CadenceInputs(starts(len(nothing[0].rows) if nothing else 0), DELTA, 0.5, expanding=nothing))
        assert found.points == ()
        assert found.finding.verdict == UNDECIDED
        assert found.finding.reasons


def test_the_longest_cadence_depends_on_the_pattern_alone() -> None:
    """Six weeks must remain, or half of a short history: 16 weeks allow every 11, 8 every 5, 6 every 4."""
    assert longest_measurable(replay(CALM, 1)) == 11
    assert longest_measurable(replay(replace(CALM, weeks=8), 1)) == 5
    assert longest_measurable(replay(replace(CALM, weeks=6), 1)) == 4
    assert longest_measurable(replay(replace(CALM, weeks=2), 1)) is None
    assert longest_measurable(replay(replace(CALM, ages=5), 1)) == 5


@pytest.mark.parametrize("weeks", [6, 8])
def test_short_histories_do_not_decide_wrongly(weeks: int) -> None:
    """From six weeks on the hand is judged: in 60 histories at delta itself at most 3 are decided, in calm ones none needs.
    Five weeks decide nothing."""
    at_delta = World(weeks=weeks, ages=4, fades=lambda week, age: DELTA / 1.5 * age)
    assert sum(answered(at_delta, number).finding.verdict != UNDECIDED for number in range(60)) <= 3
    calm = [answered(replace(CALM, weeks=weeks), number).finding.verdict for number in range(60)]
    assert calm.count(NEEDED) == 0
    assert calm.count(NOT_NEEDED) > 0
    short = answered(replace(FADING, weeks=5), 1)
    assert short.finding.verdict == UNDECIDED
    assert short.finding.reasons[0].startswith("fewer than 6 evaluation weeks (5")
    assert short.suffices is short.too_lazy is None
    assert {point.verdict for point in short.points} <= {"undecided", ""}


def test_one_first_model_is_only_a_picture() -> None:
    """`single_start` follows the model of week 0 for as long as it was measured, in the metric's own direction."""
    grids = replay(replace(CALM, ages=5, seeds=1), 1)
    found = cadence(CadenceInputs(starts(16), DELTA, 0.5, expanding=grids))
    assert found.single_start == tuple(
        (int(starts(16)[week]), pytest.approx(grids[0].value[0, week, week])) for week in range(5)
    )


def test_unknown_cost_is_not_a_number_rather_than_nothing() -> None:
    """Cached fits whose time was not kept: CPU seconds are NaN, the rest of the table stands."""
    grids = [replace(one, fit_cpu_s=np.full(16, np.nan)) for one in replay(CALM, 1)]
    inputs = CadenceInputs(starts(16), DELTA, 0.5, expanding=grids)
    points = cadence_points(inputs, {}, None)
    assert math.isnan(points[-1].cpu_s_a_year)
