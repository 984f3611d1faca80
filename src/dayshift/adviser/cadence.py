"""How often a model must be retrained: every calendar from never to daily, two alarms and incremental learning.

The replay fits a model at the start of each week and lets it answer for many weeks, so each cadence is an average over all
weeks in which it could begin (staggered origins), and one lucky fit decides nothing. Weekly refits are the reference.
"Never" is the longest cadence that leaves six weeks to judge; one first model followed to the end is only a picture.

What decides is one question that was put before: weekly refits against what a hand can keep up (28 days unless declared).
The ladder over the other cadences is a fixed sequence. An alarm is also compared with a calendar of as many fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from dayshift.adviser.ageing import ageing
from dayshift.adviser.alarms import performance_refits
from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, Cadence, CadencePoint, Finding, Gain
from dayshift.adviser.grids import (
    Grids,
    Ways,
    by_seed,
    calendar,
    compare,
    every,
    fresh,
    level,
    refits,
    sign_of,
    stack,
)
from dayshift.adviser.interval import gain, opposite
from dayshift.adviser.ladder import RUNGS, fixed_sequence
from dayshift.adviser.verdict import FEWEST_WEEKS, RECOMMENDED_WEEKS, few_positives, finding, judge, shown

YEAR_WEEKS = 365 / 7
_SPOT_WEEKS = 4


@dataclass(frozen=True)
class CadenceInputs:
    """What the replay measured. Each tuple of grids is one track with several seeds.

    Args:
        starts: the weeks' beginnings, microseconds.
        delta: the smallest gain that matters, in the metric's units.
        floor: the metric of the best constant prediction.
        expanding: fits on all history.
        sliding: fits on a window of fixed length.
        operated: which of the two is how the pipeline trains; the other stands in when it was not measured.
        second: a second family, on the window that is operated.
        daily: gain of daily over weekly refits, positive when better, [weeks] or [seeds, weeks], NaN in weeks without spot.
        incremental: a learner that never refits but learns each label as it comes; age 0 is read.
        drift_alarm_weeks: numbers of the weeks at whose start a drift alarm would have refitted; None when not simulated.
        label_delay_weeks: how long after a week's end its labels are known.
        hand_weeks: how often a person retrains by hand.
        positives_per_week: of a classifier, None otherwise.
        reasons: what forbids any verdict.
    """

    starts: Sequence[int]
    delta: float
    floor: float
    expanding: Grids = ()
    sliding: Grids = ()
    operated: Literal["expanding", "sliding"] = "expanding"
    second: Grids = ()
    daily: npt.ArrayLike | None = None
    incremental: Grids = ()
    drift_alarm_weeks: Sequence[int] | None = None
    label_delay_weeks: float = 0.0
    hand_weeks: float = 4.0
    positives_per_week: npt.ArrayLike | None = None
    reasons: tuple[str, ...] = field(default=())

    @property
    def grids(self) -> Grids:
        """The grids of how the pipeline trains."""
        ways = {"expanding": self.expanding, "sliding": self.sliding}
        return ways[self.operated] or self.expanding or self.sliding

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons that hold for every question here."""
        return (*self.reasons, *few_positives(self.positives_per_week))


def cadence(inputs: CadenceInputs) -> Cadence:
    """Every cadence with its gain and its cost, the answer about a hand, the ladder, the knee, and how a model ages."""
    longest = longest_measurable(inputs.grids)
    ladder = sorted({*RUNGS, *([longest] if longest else [])})
    losses = {weeks: weekly_over(inputs, weeks).gain for weeks in ladder}
    found = fixed_sequence(losses, inputs.delta) if not inputs.why else fixed_sequence({}, inputs.delta)
    never = None
    if longest is not None:
        title = f"weekly refits over never (every {longest} weeks, the longest that can be measured)"
        never = _over(inputs, "retraining.never", title, longest)
    points = _points(inputs, longest, losses)
    return Cadence(
        points=points,
        finding=by_hand(inputs, longest),
        suffices=found.suffices,
        too_lazy=found.too_lazy,
        hand_weeks=inputs.hand_weeks,
        knee=_knee(points, found.too_lazy, ladder, losses),
        against_never=never,
        more_data=_more_data(inputs),
        decay=_decay(inputs),
        ageing=ageing(inputs.sliding or inputs.grids, inputs.floor, inputs.starts),
        single_start=_single_start(inputs),
        notes=_notes(inputs, longest, losses),
        reasons=inputs.why,
    )


def weekly_over(inputs: CadenceInputs, weeks: float, grids: Grids | None = None) -> Ways:
    """What weekly refits gain over a refit every so many weeks, in every metric."""
    grids = inputs.grids if grids is None else grids
    return compare(grids, grids, (fresh, every(weeks)), inputs.starts)


def longest_measurable(grids: Grids) -> int | None:
    """The longest cadence, in weeks, that leaves six weeks to judge it by; None when not even every 2 weeks does.

    It depends on which cells were measured, never on what they say.
    """
    values = stack(grids)
    for weeks in range(values.shape[2], 1, -1):
        if np.isfinite(every(weeks)(values)).any(axis=0).sum() >= FEWEST_WEEKS:
            return weeks
    return None


def by_hand(inputs: CadenceInputs, longest: int | None) -> Finding:
    """Whether weekly refits gain what matters over the refits that a hand keeps up.

    A hand as quick as weekly is compared with daily refits. A hand slower than what can be measured is judged by the
    longest that can: it may be shown too lazy by that, but not shown to suffice.
    """
    hand = inputs.hand_weeks
    if hand <= 1:
        title = f"daily refits over weekly ones (by hand {_named(hand)})"
        spot = None if inputs.daily is None else gain(inputs.daily, inputs.starts)
        return finding("retraining", title, spot, inputs.delta, reasons=inputs.why)
    if longest is None or hand <= longest:
        return _over(inputs, "retraining", f"weekly refits over {_named(hand)} by hand", hand)
    title = f"weekly refits over every {longest} weeks (by hand: {_named(hand)})"
    found = _over(inputs, "retraining", title, longest)
    if found.verdict != NOT_NEEDED:
        return found
    why = f"the history is too short to measure {_named(hand)}; every {longest} weeks suffices"
    return replace(found, verdict="undecided", reasons=(*found.reasons, why))


def _over(inputs: CadenceInputs, name: str, title: str, weeks: float, grids: Grids | None = None) -> Finding:
    ways = weekly_over(inputs, weeks, grids)
    second = weekly_over(inputs, weeks, inputs.second).gain if inputs.second and grids is None else None
    return _finding(inputs, name, title, ways, second)


def _finding(inputs: CadenceInputs, name: str, title: str, ways: Ways, second: Gain | None = None) -> Finding:
    return finding(
        name,
        title,
        ways.gain,
        inputs.delta,
        reasons=inputs.why,
        second=second,
        pooled=ways.pooled,
        others=ways.others,
    )


def _more_data(inputs: CadenceInputs) -> Finding | None:
    if not inputs.sliding or not inputs.expanding:
        return None
    ways = compare(inputs.expanding, inputs.sliding, (fresh, fresh), inputs.starts)
    title = "training on all history over a sliding window, both as fresh"
    return None if ways.gain is None else _finding(inputs, "retraining.more_data", title, ways)


def _decay(inputs: CadenceInputs) -> Finding | None:
    """Ageing alone: both models learnt from windows of the same length, so that age is all that differs."""
    longest = longest_measurable(inputs.sliding)
    if longest is None:
        return None
    title = f"fresh models over models up to {longest - 1} weeks old that saw as much"
    return _over(inputs, "retraining.decay", title, longest, inputs.sliding)


# ------------------------------------------------------------------ the table


@dataclass(frozen=True)
class _Table:
    """What every point needs: the reference's level and what a fit costs."""

    inputs: CadenceInputs
    base: float
    cpu_s: float

    def point(self, name: str, weeks: float | None, lost: Gain | None, fits: float, note: str = "") -> CadencePoint:
        metric = self.inputs.grids[0].metrics[0]
        value = self.base - sign_of(metric) * (lost.mean if lost else 0.0)
        return CadencePoint(name, weeks, value, lost, fits, fits * self.cpu_s, self.judged(lost), note)

    def judged(self, lost: Gain | None) -> str:
        """What the loss against weekly refits says about a cadence."""
        if lost is None:
            return ""
        if lost.weeks < FEWEST_WEEKS or self.inputs.why:
            return "undecided"
        return {NEEDED: "too lazy", NOT_NEEDED: "suffices"}.get(judge(lost, self.inputs.delta), "undecided")


def _points(inputs: CadenceInputs, longest: int | None, losses: dict[int, Gain | None]) -> tuple[CadencePoint, ...]:
    if not inputs.grids or not np.isfinite(fresh(stack(inputs.grids))).any():
        return ()
    seconds = np.concatenate([np.asarray(one.fit_cpu_s, np.float64).ravel() for one in inputs.grids])
    cpu_s = float(np.nanmean(seconds)) if np.isfinite(seconds).any() else math.nan
    table = _Table(inputs, level(inputs.grids), cpu_s)
    points = []
    if longest is not None:
        points.append(
            table.point("never", longest, losses[longest], 0.0, f"as every {longest} weeks, the longest measurable")
        )
    for weeks in sorted({*RUNGS, *_whole(inputs.hand_weeks)}, reverse=True):
        lost = losses[weeks] if weeks in losses else weekly_over(inputs, weeks).gain
        if lost is not None:
            points.append(table.point(_named(weeks), weeks, lost, YEAR_WEEKS / weeks))
    points += _weekly_and_daily(table)
    points += _alarms(table)
    if inputs.incremental:
        points.append(_incremental(table))
    return tuple(points)


def _weekly_and_daily(table: _Table) -> list[CadencePoint]:
    inputs = table.inputs
    weekly = table.point("weekly", 1, None, YEAR_WEEKS, "the reference")
    spot = None if inputs.daily is None else gain(inputs.daily, inputs.starts)
    if spot is None:
        return [weekly]
    note = f"spot check on {spot.weeks} weeks"
    daily = replace(table.point("daily", 1 / 7, opposite(spot), 365.0, note), verdict="")
    if spot.weeks < _SPOT_WEEKS or inputs.why:
        return [replace(weekly, verdict="undecided"), daily]
    says = {NEEDED: "too lazy", NOT_NEEDED: "suffices"}.get(judge(spot, inputs.delta), "undecided")
    return [replace(weekly, verdict=says, note=f"the reference; daily gains {shown(spot)}"), daily]


def _alarms(table: _Table) -> list[CadencePoint]:
    inputs = table.inputs
    values = stack(inputs.grids)
    paths = [performance_refits(one, inputs.label_delay_weeks) for one in values]
    found = [_alarm(table, "on performance alarm", paths)]
    if inputs.drift_alarm_weeks is not None:
        weeks = tuple(week for week in sorted(set(inputs.drift_alarm_weeks)) if 0 < week < values.shape[1])
        found.insert(0, _alarm(table, "on drift alarm", [weeks] * len(values)))
    return [one for one in found if one is not None]


def _alarm(table: _Table, name: str, paths: Sequence[tuple[int, ...]]) -> CadencePoint | None:
    inputs, weeks = table.inputs, len(table.inputs.starts)
    run = by_seed([refits((0, *path)) for path in paths])
    lost = compare(inputs.grids, inputs.grids, (fresh, run), inputs.starts).gain
    if lost is None:
        return None
    fits = float(np.mean([len(path) for path in paths]))
    note = f"{fits:g} refits in {weeks} weeks"
    against = None
    if fits:
        same = by_seed([calendar(len(path), weeks) for path in paths])
        against = compare(inputs.grids, inputs.grids, (run, same), inputs.starts).gain
        note += "" if against is None else f"; {_against(against)}"
    if lost.weeks < weeks:
        note += f"; followed for {lost.weeks} weeks only, until its model was older than what was measured"
    point = table.point(name, None, lost, fits / weeks * YEAR_WEEKS, note)
    return replace(point, against_calendar=against)


def _against(found: Gain) -> str:
    if found.low > 0:
        return f"better than a calendar of as many fits: {shown(found)}"
    if found.high < 0:
        return f"worse than a calendar of as many fits: {shown(found)}"
    return f"not shown better than a calendar of as many fits: {shown(found)}"


def _incremental(table: _Table) -> CadencePoint:
    inputs = table.inputs
    lost = compare(inputs.grids, inputs.incremental, (fresh, fresh), inputs.starts).gain
    seconds = np.concatenate([np.asarray(one.fit_cpu_s, np.float64).ravel() for one in inputs.incremental])
    a_week = float(np.nanmean(seconds)) if np.isfinite(seconds).any() else math.nan
    point = table.point("incremental", None, lost, 0.0, "learns each label as it becomes known, never refits")
    return replace(point, cpu_s_a_year=a_week * YEAR_WEEKS)


# ------------------------------------------------------------------ in words


def _knee(
    points: Sequence[CadencePoint], too_lazy: int | None, ladder: Sequence[int], losses: dict[int, Gain | None]
) -> str:
    """The cadence beyond which nothing is shown to be gained: the next more eager one after what is shown too lazy."""
    if not points:
        return ""
    measured = [weeks for weeks in ladder if losses[weeks] is not None]
    weekly = next(one for one in points if one.weeks == 1)
    if too_lazy is None:
        return _named(measured[-1]) if measured else "weekly"
    eager = [weeks for weeks in measured if weeks < too_lazy]
    if eager:
        return _named(eager[-1])
    return "daily" if weekly.verdict == "too lazy" else "weekly"


def _single_start(inputs: CadenceInputs) -> tuple[tuple[int, float], ...]:
    if not inputs.grids:
        return ()
    values = refits((0,))(stack(inputs.grids))
    sign = sign_of(inputs.grids[0].metrics[0])
    known = np.flatnonzero(np.isfinite(values).any(axis=0))
    return tuple((int(inputs.starts[week]), sign * float(np.nanmean(values[:, week]))) for week in known)


def _notes(inputs: CadenceInputs, longest: int | None, losses: dict[int, Gain | None]) -> tuple[str, ...]:
    measured = np.isfinite(fresh(stack(inputs.grids))).any(axis=0).sum() if inputs.grids else 0
    notes = []
    if FEWEST_WEEKS <= measured < RECOMMENDED_WEEKS:
        notes.append(f"{measured} evaluation weeks; {RECOMMENDED_WEEKS} are recommended")
    short = [weeks for weeks in RUNGS if (lost := losses.get(weeks)) is None or lost.weeks < FEWEST_WEEKS]
    if short and longest is not None:
        notes.append(f"too few weeks to judge {', '.join(_named(weeks) for weeks in short)}")
    if any((one := losses[weeks]) is not None and one.high < 0 for weeks in losses):
        notes.append(
            "weekly refits are shown worse than lazier ones: new fits learn from too little or too noisy labels"
        )
    if inputs.grids and (inputs.drift_alarm_weeks is not None or measured):
        notes.append(
            "an alarm's history is one path with one first model: its interval is too narrow when it refits rarely"
        )
    return tuple(notes)


def _named(weeks: float) -> str:
    if weeks < 1:
        return "daily" if abs(weeks * 7 - 1) < 0.01 else f"every {weeks * 7:.2g} days"
    return {1: "weekly", 13: "quarterly"}.get(weeks, f"every {weeks:.3g} weeks")


def _whole(weeks: float) -> tuple[int, ...]:
    return (int(weeks),) if weeks > 1 and float(weeks).is_integer() else ()


__all__ = ["YEAR_WEEKS", "CadenceInputs", "by_hand", "cadence", "longest_measurable", "weekly_over"]
