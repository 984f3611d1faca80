"""Known histories: the budget is kept where defaults cry wolf, a shift is found on its day, faults are found and priced."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from dayshift.adviser.days import days_of
from dayshift.adviser.decide import decide
from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Advice, Detector, Monitoring
from dayshift.adviser.monitoring import MonitoringOptions, incident_rate, monitoring, saved_a_month
from dayshift.adviser.parts import Terms
from dayshift.diagnostics import DefinitionError
from dayshift.learners.estimator import Model
from tests.adviser.watched import DAY_US, START_US, TRACK, FakeReplay, made

OPTIONS = MonitoringOptions(delta=0.01, starts=6, models=3)


@pytest.fixture(scope="module")
def calm() -> Monitoring:
    """A calm history, watched."""
    history = made()
    return monitoring(history, FakeReplay(history), TRACK, OPTIONS)


def _named(found: Monitoring, start: str) -> Detector:
    return next(one for one in found.detectors if one.name.startswith(start))


def test_defaults_cry_wolf_on_calm_days(calm: Monitoring) -> None:
    """PSI above 0.1 alarms on most calm days of 120 rows, and Wasserstein on nearly all of those that wander a little."""
    assert _named(calm, "PSI above 0.1").false_per_30d > 20
    assert _named(calm, "Wasserstein above 0.1").false_per_30d > 25
    assert not _named(calm, "PSI above 0.1").within_budget
    assert not any(one.chosen for one in calm.detectors if "above" in one.name)


def test_the_rule_to_use_keeps_the_budget_and_finds_faults(calm: Monitoring) -> None:
    """Exactly one rule (or one set of rules) is chosen: within budget by its held-out calm days, with its exact interval."""
    (chosen,) = (one for one in calm.detectors if one.chosen)
    assert chosen.within_budget
    assert chosen.low <= chosen.false_per_30d <= 1 <= chosen.high
    assert chosen.found_week >= 0.5
    assert calm.calm_days >= 40


def test_a_calm_history_holds_no_shift_and_bounds_the_rate_of_incidents(calm: Monitoring) -> None:
    """Nothing moved, so the rate of incidents a year is between none and three a watched length."""
    assert calm.shifts == ()
    assert calm.incidents_a_year[:2] == (0.0, 0.0)
    assert calm.incidents_a_year[2] == pytest.approx(3 / ((154 - 7) / 365), rel=0.05)


def test_faults_cost_and_are_found_before_labels(calm: Monitoring) -> None:
    """A number in another unit ruins the model and is found on the first day, by hourly looks within it; labels need more
    than their seven days. A fault that costs nothing is priced so."""
    unit = next(one for one in calm.faults if one.name == "amount times 100")
    assert unit.low > 0.05
    assert unit.found_day == 1
    assert unit.days_nightly == 1
    assert 0 < unit.days_live < 1
    assert unit.days_labels >= 8
    idle = next(one for one in calm.faults if one.name.startswith("all features of orders"))
    assert abs(idle.loss) < 0.02
    assert {one.name.split()[0] for one in calm.faults} == {"amount", "risk_7d", "all", "features"}


def test_monitoring_is_needed_when_it_surely_saves_five_times_what_matters(calm: Monitoring) -> None:
    """The finding stands on the interval of metric-days saved a fault; a gain that matters only if it were huge is not
    needed."""
    assert calm.finding.verdict == NEEDED
    assert calm.finding.gain.low >= calm.finding.delta == pytest.approx(0.05)
    history = made()
    large = monitoring(history, FakeReplay(history), TRACK, replace(OPTIONS, delta=1.0))
    assert large.finding.verdict == NOT_NEEDED


def test_the_same_history_gives_the_same_answer(calm: Monitoring) -> None:
    """Nothing is drawn from a clock or a shared generator."""
    history = made()
    assert monitoring(history, FakeReplay(history), TRACK, OPTIONS) == calm


def test_a_shift_is_found_on_its_day() -> None:
    """The mean of a feature moves by a standard deviation on day 100: one incident, from that day give or take one, seen by
    the nightly rule within two days and named by its feature."""
    history = made(shift=lambda day, amount: amount + 1.5 * (day >= 100))
    found = monitoring(history, FakeReplay(history), TRACK, OPTIONS)
    (shift,) = (one for one in found.shifts if one.subject == "amount")
    assert abs((shift.at - START_US) // DAY_US - 100) <= 1
    assert shift.strength > 3
    assert shift.days_nightly is not None
    assert shift.days_nightly <= 3
    assert found.incidents_a_year[1] > 0
    assert (100 - 42) // 7 in found.drift_alarm_weeks or (101 - 42) // 7 in found.drift_alarm_weeks


def test_too_few_days_are_not_enough_evidence() -> None:
    """Under six watched weeks nothing is said, and why."""
    history = made(days=40)
    found = monitoring(history, FakeReplay(history), TRACK, OPTIONS)
    assert found.finding.verdict == UNDECIDED
    assert "42 are needed" in found.reasons[0]


def test_an_unknown_label_delay_is_not_enough_evidence() -> None:
    """Without a delay nobody can say how long labels leave a fault unseen."""
    history = made()
    history.label_delay_us = 0
    found = monitoring(history, FakeReplay(history), TRACK, replace(OPTIONS, starts=4))
    assert found.finding.verdict == UNDECIDED
    assert any("label delay" in one for one in found.finding.reasons)


@pytest.mark.parametrize(("a_week", "verdict"), [(400, NEEDED), (20, UNDECIDED)])
def test_a_rare_label_is_not_enough_evidence(a_week: int, verdict: str) -> None:
    """With fewer than 50 positives in the usual week what a fault costs is mostly luck, whatever its interval says."""
    history = made()
    grids = [SimpleNamespace(positives=np.full(16, float(a_week)), value=np.full((1, 16, 1), np.nan), metrics=("x",))]
    found = monitoring(history, FakeReplay(history), TRACK, OPTIONS, grids)
    assert found.finding.verdict == verdict
    assert any("positives in the usual week" in one for one in found.finding.reasons) == (verdict == UNDECIDED)


def test_what_watching_saves_is_said_in_days_of_what_matters(calm: Monitoring) -> None:
    """Not in the metric times days, which nobody can picture: in days of the smallest gain, and from how many on it is needed."""
    assert calm.finding.gain is not None
    days = calm.finding.gain.mean / OPTIONS.delta
    assert calm.smallest_gain == OPTIONS.delta
    advice = decide(Advice(pipeline="orders", at=0, headline="", monitoring=calm), Terms())
    (part,) = (each for each in advice.parts if each.name == "monitoring")
    assert part.changes.startswith(f"needed while {calm.finding.gain.low / OPTIONS.delta:.3g}")
    assert "such days a fault matter" in part.changes
    assert f"that is worth {days:.3g} [" in calm.finding.title
    assert (
        "days of 0.01 the metric, the smallest gain that matters; needed from 5 such days a fault on"
        in calm.finding.title
    )


def test_day_stamps_cannot_price_live_watching() -> None:
    """Where times are days, no look within a day can be judged."""
    history = made()
    history.resolution_us = DAY_US
    found = monitoring(history, FakeReplay(history), TRACK, replace(OPTIONS, starts=4))
    assert all(one.days_live is None for one in found.faults)


@pytest.mark.parametrize(("cost", "verdict"), [(1e9, NOT_NEEDED), (1e-3, UNDECIDED)])
def test_prices_decide_where_they_are_declared(cost: float, verdict: str) -> None:
    """With prices: a cost above all that could be saved is not needed; a lower one stays open while no incident was seen,
    since their rate may be nothing."""
    history = made()
    found = monitoring(history, FakeReplay(history), TRACK, replace(OPTIONS, worth=100.0, cost=cost))
    assert found.finding.verdict == verdict
    assert saved_a_month(found)[0] == 0
    if verdict == UNDECIDED:
        assert "rate of incidents is unknown" in found.finding.reasons[0]


@pytest.mark.parametrize(("detection", "verdict"), [(0.1, NEEDED), (1e6, NOT_NEEDED)])
def test_what_an_unseen_fault_may_cost_is_as_declared(calm: Monitoring, detection: float, verdict: str) -> None:
    """The days of the smallest gain in `[advise] detection` are what a fault's cost is held against; the cost stays."""
    history = made()
    found = monitoring(history, FakeReplay(history), TRACK, replace(OPTIONS, detection=detection))
    assert found.finding.delta == pytest.approx(detection * OPTIONS.delta)
    assert found.finding.verdict == verdict
    assert found.finding.gain == calm.finding.gain


def test_the_rate_of_incidents_is_exact() -> None:
    """Garwood's interval of a Poisson count, and the rule of three."""
    assert incident_rate(0, 183)[2] == pytest.approx(3 * 365 / 183)
    low, middle, high = incident_rate(5, 365)
    assert (low, middle, high) == (pytest.approx(1.623, abs=1e-3), 5, pytest.approx(11.668, abs=1e-3))


def test_days_begin_when_windows_are_full_and_weigh_what_they_stand_for() -> None:
    """The first week, in which windows fill, is not watched; drawn rows are about as many as asked for; of a rare class all
    rows are kept for judging and the others weigh so that a day adds up."""
    history = made(days=30, a_day=400)
    history.label = (np.random.default_rng(1).random(len(history.label)) < 0.02).astype(float)
    days = days_of(history, rows_a_day=100)
    assert days.first == START_US // DAY_US + 7
    assert days.count == 23
    assert abs(days.drawn.sum() / days.count - 100) < 10
    judged = np.bincount(days.day, weights=days.weight)
    assert np.allclose(judged, days.volume)
    rare = history.label[(history.as_of - START_US) // DAY_US >= 7].sum()
    assert history.label[days.rows].sum() == rare


def test_text_and_nulls_are_watched_too() -> None:
    """A text feature is compared by its values and a share of nulls that jumps is found as such."""
    history = made()
    draw = np.random.default_rng(3)
    day = (history.as_of - START_US) // DAY_US
    lost = draw.random(len(day)) < np.where(day >= 100, 0.4, 0.02)
    columns = history.frame.columns
    history.frame = history.frame.with_columns(
        pl.when(pl.Series(lost)).then(None).otherwise(pl.col(columns[2])).alias(columns[2])
    )

    class NoModel(FakeReplay):
        def fitted(self, track: object, week: int) -> Model:
            raise DefinitionError("DS605", "no model here")

    found = monitoring(history, NoModel(history), TRACK, OPTIONS)
    assert ("nulls", columns[2]) in {(one.what, one.subject) for one in found.shifts}
    assert found.faults == ()
    assert found.finding.verdict == UNDECIDED
    assert any(one.startswith("no model") for one in found.reasons)
