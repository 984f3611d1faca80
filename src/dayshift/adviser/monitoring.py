"""Factor 3: whether watching pays, from the history's own days, its real shifts and injected faults.

    days -> running model -> distances of each day -> real shifts -> calm days -> alarm rules and their false alarms
         -> faults injected into real weeks -> the rule to use -> what watching saves

A day is calm when it lies more than a week from every change that was found (`shifts.py`). Limits that are taken from calm days
are taken from the first half of them, and every rule's false alarms are counted on the second half, windows in alarm over
windows. The rule to use is the one that finds most faults among those that keep the alarm budget (`choosing.py`).

What watching saves is, for each fault, its loss of the metric a day times the days that it is found sooner than labels tell.
Without prices it is needed, in its light form, when that is surely at least five days (`[advise] detection`) of the smallest gain that
matters; with prices when what it saves a month, at the rate of incidents that the history held, exceeds its cost. A history
without an incident bounds their rate by the rule of three.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dayshift.adviser.choosing import FEWEST_CALM, alarmed, checks, choose
from dayshift.adviser.days import days_of, run_models
from dayshift.adviser.detectors import cusum
from dayshift.adviser.evidence import (
    NEEDED,
    NOT_NEEDED,
    UNDECIDED,
    Fault,
    Finding,
    Gain,
    Monitoring,
    Shift,
)
from dayshift.adviser.faults import FaultOutcome, Stage, fault_starts, faults_of, play
from dayshift.adviser.interval import gain
from dayshift.adviser.shifts import Change, dated, lost_a_day, weekly_alarm
from dayshift.adviser.verdict import few_positives
from dayshift.adviser.watch import Bools, Floats, Watch, watched
from dayshift.diagnostics import DayshiftError
from dayshift.lifecycle.metrics import DAY_US

FEWEST_DAYS, FEWEST_STARTS = 42, 4
MOST_ROWS = 150_000
UNSEEN_DAYS, LATE_DAYS = 30.0, 28


@dataclass(frozen=True)
class MonitoringOptions:
    """What is declared: `delta` the smallest gain of the metric that matters, `budget` false alarms in 30 days.

    `detection` is how many days of `delta` a fault may cost before it matters; `metric` is what all that is counted in.
    `worth` is what one unit of the metric is worth a day and `cost` what watching costs a month, in the user's currency;
    without either no price is asked. `rows_a_day` are looked at each day, of at most `days` days; faults are put into at
    most `starts` weeks; the running model is refitted at most `models` times.
    """

    delta: float
    budget: float = 1.0
    detection: float = 5.0
    worth: float | None = None
    cost: float | None = None
    rows_a_day: int = 1000
    days: int = 400
    starts: int = 12
    models: int = 6
    metric: str = "the metric"

    @property
    def matters(self) -> float:
        """The smallest loss of a fault that matters, in the metric's units times days."""
        return self.detection * self.delta


def monitoring(
    history: Any, replay: Any, track: Any, options: MonitoringOptions, grids: Sequence[Any] = ()
) -> Monitoring:
    """What watching this pipeline is worth.

    Args:
        replay: has `.weeks`, `.fitted(track, week) -> Model` and `.take(situation, rows) -> DataFrame`.
        grids: of the track, if there are any: then real shifts are priced by what an older model lost.
    """
    days = days_of(history, options.rows_a_day, options.days, MOST_ROWS)
    if days.count < FEWEST_DAYS:
        why = f"{days.count} days after the windows were full, {FEWEST_DAYS} are needed to tell calm days from others"
        return _nothing(options, (why,))
    sub = replay.take(track.situation, days.rows)
    running = run_models(history, replay, track, days, sub, options.models)
    watch = watched(history, days, sub, running, options.budget)
    starts = fault_starts(days, running, replay.weeks, options.starts)
    outcomes: list[FaultOutcome] = []
    if len(starts) and running.models:
        take = _taker(replay, track)
        stage = Stage(history, take, days, sub, watch.columns, running, watch.seen, starts)
        outcomes, refused = _played(stage, watch)
        running = replace(running, notes=(*running.notes, *refused))
    label_days = history.label_delay_us / DAY_US
    by_labels = [_days_by_labels(watch, outcome, starts, label_days) for outcome in outcomes]
    detectors, chosen = choose(watch, outcomes, by_labels)
    faults = tuple(
        _fault(one, late, alarmed(one, chosen), watch) for one, late in zip(outcomes, by_labels, strict=True)
    )
    shifts = _shifts(watch, chosen, replay.weeks, label_days, grids)
    found = Monitoring(
        finding=Finding("monitoring", "watching", None, options.matters, UNDECIDED),
        detectors=detectors,
        shifts=shifts,
        faults=faults,
        daily=_timeline(watch, chosen),
        calm_days=int(watch.held_out.sum()),
        budget_per_30d=options.budget,
        incidents_a_year=incident_rate(_incidents(watch), days.count),
        exposure_days=_days_saved(faults),
        checks=checks(chosen, outcomes, faults, options.delta),
        drift_alarm_weeks=_weeks_of_alarms(watch, chosen, replay.weeks),
        reasons=(*_reasons(watch, starts, running.notes, history), *_rare(history, grids)),
        smallest_gain=options.delta,
    )
    return replace(found, finding=_finding(found, outcomes, days.starts_us[starts], options))


def incident_rate(incidents: int, days: int) -> tuple[float, float, float]:
    """Incidents a year with the exact 95 % interval of a Poisson count; none seen gives the rule of three.

    >>> [round(x, 1) for x in incident_rate(0, 365)], [round(x, 1) for x in incident_rate(2, 365)]
    ([0.0, 0.0, 3.0], [0.2, 2.0, 7.2])
    """
    from scipy.stats import chi2

    years = days / 365
    if not incidents:
        return 0.0, 0.0, 3.0 / years
    low, high = chi2.ppf(0.025, 2 * incidents) / 2, chi2.ppf(0.975, 2 * incidents + 2) / 2
    return float(low) / years, incidents / years, float(high) / years


def saved_a_month(found: Monitoring) -> tuple[float, float, float] | None:
    """Metric-days that watching saves a month (low, middle, high): saved a fault times faults, None when not measured."""
    if found.finding.gain is None or found.incidents_a_year is None:
        return None
    saved, rate = found.finding.gain, found.incidents_a_year
    return (
        max(saved.low, 0.0) * rate[0] / 12,
        max(saved.mean, 0.0) * rate[1] / 12,
        max(saved.high, 0.0) * rate[2] / 12,
    )


def _nothing(options: MonitoringOptions, reasons: tuple[str, ...]) -> Monitoring:
    title = "monitoring was not measured"
    finding = Finding("monitoring", title, None, options.matters, UNDECIDED, reasons)
    return Monitoring(finding, (), (), (), (), 0, options.budget, None, None, reasons=reasons)


def _played(stage: Stage, watch: Watch) -> tuple[list[FaultOutcome], list[str]]:
    """What each fault did, and which of them the model refuses to answer under: those stop a run and need no watching."""
    outcomes, refused = [], []
    for fault in faults_of(stage):
        try:
            outcomes.append(play(stage, fault, watch.rules, watch.looks))
        except DayshiftError as error:
            refused.append(f"the model refuses to answer under '{fault.name}': {error}")
    return outcomes, refused


def _taker(replay: Any, track: Any) -> Any:
    return lambda rows: replay.take(track.situation, rows)


def _days_by_labels(watch: Watch, outcome: FaultOutcome, starts: Any, label_days: float) -> Floats:
    """For each start the days until the CUSUM on matured accuracy alarms: the label's delay and the days it needs.

    What a week does not settle goes on as the week was; NaN when it never would."""
    found = np.full(len(starts), np.nan)
    for place, start in enumerate(starts):
        worse = watch.standardised(outcome.metric[place])
        if np.isfinite(worse).any():
            sums = cusum(np.tile(worse, 8), watch.cusum_before(int(start)))
            days = np.flatnonzero(sums > watch.cusum_limit)
            found[place] = label_days + days[0] + 1 if len(days) else np.nan
    return found


def _fault(outcome: FaultOutcome, by_labels: Floats, alarms: Bools, watch: Watch) -> Fault:
    loss = outcome.loss[np.isfinite(outcome.loss)]
    mean = float(loss.mean()) if len(loss) else math.nan
    half = math.inf
    if len(loss) > 1:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(loss) - 1)) * float(loss.std(ddof=1)) / math.sqrt(len(loss))
    nightly = np.where(alarms.any(axis=1), alarms.argmax(axis=1) + 1.0, np.nan)
    return Fault(
        outcome.name,
        mean,
        mean - half,
        mean + half,
        _typical(outcome.live) if watch.hourly else None,
        _typical(nightly),
        _typical(by_labels),
        float(alarms[:, 0].mean()),
    )


def _typical(days: Floats) -> float | None:
    """The median over the starts, those that never saw it as infinite; None when half of them did not."""
    middle = float(np.median(np.where(np.isnan(days), np.inf, days))) if len(days) else math.inf
    return middle if math.isfinite(middle) else None


def _late(fault: Fault) -> float:
    """Days until labels show a fault; 30 at most."""
    return UNSEEN_DAYS if fault.days_labels is None else min(fault.days_labels, UNSEEN_DAYS)


def _saved(fault: Fault) -> float:
    """Days that a fault is found sooner by the chosen rule than by labels."""
    return 0.0 if fault.days_nightly is None else max(_late(fault) - fault.days_nightly, 0.0)


def _days_saved(faults: Sequence[Fault]) -> float | None:
    return float(np.mean([_saved(one) for one in faults])) if faults else None


def _finding(found: Monitoring, outcomes: Sequence[FaultOutcome], starts: Any, options: MonitoringOptions) -> Finding:
    delta = options.matters
    saved = _a_fault(outcomes, [_saved(one) for one in found.faults], starts)
    exposed = _a_fault(outcomes, [_late(one) for one in found.faults], starts)
    if saved is None or exposed is None:
        return Finding("monitoring", "monitoring was not measured", None, delta, UNDECIDED, found.reasons)
    reasons, kind, priced = list(found.reasons), "light monitoring", ""
    if not any(one.chosen for one in found.detectors):
        reasons.append(f"no alarm rule keeps {options.budget:g} false alarms in 30 days and finds a fault")
    verdict = NEEDED if saved.low >= delta else UNDECIDED
    if exposed.high < delta:
        verdict = NOT_NEEDED
    elif saved.high < delta:
        reasons.append("faults may cost enough, but no rule within the alarm budget finds those that do")
    if options.cost is not None and options.worth is not None:
        verdict, priced, why = _by_price(replace(found, finding=Finding("", "", saved, delta, verdict)), options)
        reasons, kind = [*found.reasons, *why], "monitoring"
    title = (
        f"{kind} finds a fault {found.exposure_days or 0:.1f} days before labels do; "
        f"{_in_words(saved, delta, options)}{'; at the declared prices ' if priced else ''}{priced}"
    )
    return Finding("monitoring", title, saved, delta, UNDECIDED if reasons else verdict, tuple(reasons))


def _in_words(saved: Gain, delta: float, options: MonitoringOptions) -> str:
    """A loss a day times days, which nobody can picture, as so many days of the smallest gain that matters."""
    mean, low, high = (each / options.delta for each in (saved.mean, saved.low, saved.high))
    return (
        f"that is worth {mean:.3g} [{low:.3g}, {high:.3g}] days of {options.delta:.3g} {options.metric}, the smallest gain "
        f"that matters; needed from {delta / options.delta:.3g} such days a fault on"
    )


def _rare(history: Any, grids: Sequence[Any]) -> tuple[str, ...]:
    """The reason, where a usual week holds too few positives to say what a fault costs; none is known without grids."""
    return few_positives(grids[0].positives) if grids and history.kind == "classifier" else ()


def _a_fault(outcomes: Sequence[FaultOutcome], days: Sequence[float], starts: Any) -> Gain | None:
    """Loss times these days, the mean over faults, week by week."""
    if not outcomes or len(starts) < 2:
        return None
    weekly = np.mean([one.loss * long for one, long in zip(outcomes, days, strict=True)], axis=0)
    return gain(weekly[None, :], starts)


def _by_price(found: Monitoring, options: MonitoringOptions) -> tuple[str, str, list[str]]:
    """The verdict, the sum that it stands on in words, and why it is open."""
    month = saved_a_month(found)
    assert month is not None
    assert options.cost is not None
    assert options.worth is not None
    low, _, high = (one * options.worth for one in month)
    said = f"it saves between {low:.3g} and {high:.3g} a month and costs {options.cost:.3g}"
    if low > options.cost:
        return NEEDED, said, []
    if high < options.cost:
        return NOT_NEEDED, said, []
    if found.incidents_a_year and not found.incidents_a_year[1]:
        return UNDECIDED, said, ["the rate of incidents is unknown: none in this history"]
    return UNDECIDED, said, ["what it saves may be more or less than it costs"]


def _shifts(
    watch: Watch, chosen: Sequence[str], weeks: Any, label_days: float, grids: Sequence[Any]
) -> tuple[Shift, ...]:
    made = []
    larger = watch.running.judged_by.larger_is_better
    alarms = watch.together(chosen)
    for change in watch.changes:
        at = int(watch.days.starts_us[change.day])
        late = weekly_alarm(watch.running.metric, larger, change.day, label_days)
        week = int(weeks.of(np.array([at]))[0]) if weeks.count else -1
        lost = None
        if grids and week >= 0:
            found = [lost_a_day(one, larger, week, math.ceil(label_days / 7)) for one in grids]
            known = [one for one in found if one is not None]
            lost = float(np.mean(known)) if known else None
        live, nightly = _live_days(watch, change), _alarm_after(alarms, change.day)
        cost = None if lost is None else lost * (float(LATE_DAYS) if late is None else late)
        made.append(Shift(at, change.what, change.subject, change.strength, live, nightly, late, cost))
    made += [
        Shift(int(watch.days.starts_us[day]), "rows", "none came", -99.0, 1.0 if watch.hourly else None, 1.0, None)
        for day in watch.silent
    ]
    return tuple(sorted(made, key=lambda one: (one.at, one.what, one.subject)))


def _alarm_after(alarms: Bools, day: int) -> float | None:
    places = np.flatnonzero(alarms[day : day + LATE_DAYS])
    return float(places[0]) + 1 if len(places) else None


def _live_days(watch: Watch, change: Change) -> float | None:
    if not watch.hourly:
        return None
    looks = watch.live_alarms[change.day : change.day + LATE_DAYS].reshape(-1)
    places = np.flatnonzero(looks)
    return (float(places[0]) + 1) / 24 if len(places) else None


def _incidents(watch: Watch) -> int:
    silent = [Change(day, "rows", "none came", -99.0, 0.0) for day in watch.silent]
    return len(dated([*watch.changes, *silent]))


def _timeline(watch: Watch, chosen: Sequence[str]) -> tuple[tuple[int, float, bool], ...]:
    alarms = watch.together(chosen)
    points = zip(watch.days.starts_us.tolist(), watch.strongest.tolist(), alarms.tolist(), strict=True)
    return tuple((at, strength, alarm) for at, strength, alarm in points if math.isfinite(strength))


def _weeks_of_alarms(watch: Watch, chosen: Sequence[str], weeks: Any) -> tuple[int, ...]:
    found = weeks.of(watch.days.starts_us[watch.together(chosen)])
    return tuple(int(week) for week in np.unique(found[found >= 0]))


def _reasons(watch: Watch, starts: Any, notes: Sequence[str], history: Any) -> tuple[str, ...]:
    said = [note for note in notes if note.startswith("no model")][:1]
    if int(watch.held_out.sum()) < FEWEST_CALM:
        said.append(f"{int(watch.held_out.sum())} calm days held out, {FEWEST_CALM} are needed to count false alarms")
    if len(starts) < FEWEST_STARTS:
        said.append(f"faults could be tried in {len(starts)} weeks, {FEWEST_STARTS} are needed")
    if history.label_delay_us == 0:
        said.append("label delay unknown: how long labels leave a fault unseen cannot be said")
    return tuple(said)
