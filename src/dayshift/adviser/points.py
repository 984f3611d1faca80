"""The table of cadences: what each is worth beside weekly refits, and what it costs in CPU seconds a year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dayshift.adviser import say
from dayshift.adviser.alarms import performance_refits
from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, CadencePoint, Gain
from dayshift.adviser.grids import Grids, by_seed, calendar, compare, fresh, level, refits, sign_of, stack
from dayshift.adviser.interval import gain, opposite
from dayshift.adviser.ladder import RUNGS
from dayshift.adviser.refitting import YEAR_WEEKS, CadenceInputs, weekly_over
from dayshift.adviser.verdict import FEWEST_WEEKS, fewest_weeks, judge, shown

_SPOT_WEEKS = 4
_FEWEST_REFITS = 6
_SAYS = {NEEDED: "too lazy", NOT_NEEDED: "suffices"}


@dataclass(frozen=True)
class _Table:
    """What every point needs: the reference's level and what a fit costs."""

    inputs: CadenceInputs
    base: float
    cpu_s: float
    weeks: int

    def point(self, name: str, weeks: float | None, lost: Gain | None, fits: float, note: str = "") -> CadencePoint:
        metric = self.inputs.grids[0].metrics[0]
        value = self.base - sign_of(metric) * (lost.mean if lost else 0.0)
        return CadencePoint(name, weeks, value, lost, fits, fits * self.cpu_s, self.judged(lost), note)

    def judged(self, lost: Gain | None) -> str:
        """What the loss against weekly refits says about a cadence."""
        if lost is None:
            return ""
        if self.weeks < FEWEST_WEEKS or lost.weeks < fewest_weeks(self.weeks) or self.inputs.why:
            return "undecided"
        return _SAYS.get(judge(lost, self.inputs.delta), "undecided")


def cadence_points(
    inputs: CadenceInputs, losses: Mapping[int, Gain | None], never: Gain | None
) -> tuple[CadencePoint, ...]:
    """From never to daily, then the alarms and incremental learning; what could not be measured is left out."""
    if not inputs.grids or not np.isfinite(fresh(stack(inputs.grids))).any():
        return ()
    table = _Table(inputs, level(inputs.grids), _mean_cpu_s(inputs.grids), inputs.evaluated)
    points = []
    if never is not None:
        points.append(
            table.point("never", None, never, 0.0, "the models of the first weeks: more data and ageing together")
        )
    for weeks in sorted({*losses, *RUNGS, *_whole(inputs.hand_weeks)}, reverse=True):
        lost = losses[weeks] if weeks in losses else weekly_over(inputs, weeks).gain
        if lost is not None:
            points.append(table.point(say.every(weeks), weeks, lost, YEAR_WEEKS / weeks))
    points += _weekly_and_daily(table)
    points += _alarms(table)
    points += _incremental(table)
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
    says = _SAYS.get(judge(spot, inputs.delta), "undecided")
    return [replace(weekly, verdict=says, note=f"the reference; daily gains {shown(spot)}"), daily]


def _alarms(table: _Table) -> list[CadencePoint]:
    """Seeds that only have fresh models are left out: they have no path, and would count as one without refits."""
    inputs = table.inputs
    aged = [one for one in inputs.grids if np.isfinite(np.asarray(one.value)[0, :, 1:]).any()]
    if not aged:
        return []
    values = stack(aged)
    paths = [performance_refits(one, inputs.label_delay_weeks) for one in values]
    found = [_alarm(table, aged, "on performance alarm", paths)]
    if inputs.drift_alarm_weeks is not None:
        weeks = tuple(week for week in sorted(set(inputs.drift_alarm_weeks)) if 0 < week < values.shape[1])
        found.insert(0, _alarm(table, aged, "on drift alarm", [weeks] * len(values)))
    return [one for one in found if one is not None]


def _alarm(table: _Table, grids: Grids, name: str, paths: Sequence[tuple[int, ...]]) -> CadencePoint | None:
    """One alarm, each seed on its own path. A path has one first model and few refits, and they are its sample: with fewer
    than six an interval over its weeks would promise too much, so nothing is decided then.
    """
    inputs, weeks = table.inputs, len(table.inputs.starts)
    run = by_seed([refits((0, *path)) for path in paths])
    lost = compare(grids, grids, (fresh, run), inputs.starts).gain
    if lost is None:
        return None
    fits = float(np.mean([len(path) for path in paths]))
    note = f"{fits:g} refits in {weeks} weeks"
    against = None
    if fits:
        same = by_seed([calendar(len(path), weeks) for path in paths])
        against = compare(grids, grids, (run, same), inputs.starts).gain
        note += "" if against is None else f"; {_against(against)}"
    if lost.weeks < weeks:
        note += f"; measured in {lost.weeks} of them (models older than that were not replayed)"
    point = table.point(name, None, lost, fits / weeks * YEAR_WEEKS, note)
    if fits < _FEWEST_REFITS:
        point = replace(point, verdict="undecided", note=f"{note}; too few refits to judge it by")
    return replace(point, against_calendar=against)


def _against(found: Gain) -> str:
    if found.low > 0:
        return f"better than a calendar of as many fits: {shown(found)}"
    if found.high < 0:
        return f"worse than a calendar of as many fits: {shown(found)}"
    return f"not shown better than a calendar of as many fits: {shown(found)}"


def _incremental(table: _Table) -> list[CadencePoint]:
    inputs = table.inputs
    lost = compare(inputs.grids, inputs.incremental, (fresh, fresh), inputs.starts).gain
    if lost is None:
        return []
    point = table.point("incremental", None, lost, 0.0, "learns each label as it becomes known, never refits")
    return [replace(point, cpu_s_a_year=_mean_cpu_s(inputs.incremental) * YEAR_WEEKS)]


def _mean_cpu_s(grids: Grids) -> float:
    seconds = np.concatenate([np.asarray(one.fit_cpu_s, np.float64).ravel() for one in grids])
    return float(np.nanmean(seconds)) if np.isfinite(seconds).any() else math.nan


def _whole(weeks: float) -> tuple[int, ...]:
    return (int(weeks),) if weeks > 1 and float(weeks).is_integer() else ()


__all__ = ["cadence_points"]
