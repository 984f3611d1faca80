"""Every alarm rule run over the watched days, once: scores, alarms, real shifts and which days are calm.

    distances of each day from its past -> shifts -> calm days, in two halves -> limits from the first half
                                        -> alarms of every rule on every day, counted on the second half

The first days, which have no past yet to be compared with, are neither calm nor counted. Faults are held against the same
limits later (`faults.py`), so what a rule costs and what it finds come from one calibration.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.adviser.days import Days, Running
from dayshift.adviser.detectors import (
    alarm_runs,
    alarms_of,
    conformal_limit,
    cusum_limit,
    cusum_step,
    psi,
    siegmund_limit,
)
from dayshift.adviser.rules import (
    CUSUM,
    LIVE,
    OWN_KINDS,
    OWN_PAST,
    POISSON,
    PSI,
    WASSERSTEIN,
    Rule,
    calibrated,
    defaults,
    greatest,
    observations,
    own_past_alarms,
    poisson_alarms,
    usual_of,
)
from dayshift.adviser.scores import Column, by_hour, distances, references, sliding, watched_columns
from dayshift.adviser.shifts import Change, calm_days, changes, series_of, silent_days
from dayshift.lifecycle.metrics import DAY_US
from dayshift.lifecycle.monitor import FEWEST, LATEST, Observation

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
WEEKS_A_YEAR = 52


@dataclass(frozen=True)
class Watch:
    """What watching the days would have said.

    `distances[kind, column, day]`; `alarms[name]` what a rule watches and the days it alarms; `changes` the real shifts,
    `silent` days without any row; `fitted_on` and `held_out` the two halves of the calm days. `live_alarms[day, hour]`
    those of a rule that looks at the last 24 hours every hour (`hourly` False: times are too coarse for that).
    `strongest[day]` the greatest Wasserstein distance in calm standard deviations.
    """

    days: Days
    running: Running
    columns: Sequence[tuple[Column, Floats]]
    seen: Sequence[Observation]
    distances: Floats
    changes: tuple[Change, ...]
    silent: tuple[int, ...]
    fitted_on: Bools
    held_out: Bools
    hourly: bool
    live_psi: Floats
    budget: float

    @cached_property
    def _calibrated(self) -> list[Any]:
        return calibrated(self.distances, self.fitted_on, self.budget)

    def rules(self, places: Sequence[int]) -> list[Rule]:
        """The rules of distances for the columns at these places."""
        few = any(column.few for column, _ in self.columns)
        return [*defaults(few), *(made(places) for made in self._calibrated)]

    @cached_property
    def alarms(self) -> Mapping[str, tuple[str, Bools]]:
        """What each rule watches, and the days that it alarms."""
        found: dict[str, tuple[str, Bools]] = {}
        for rule in self.rules(range(len(self.columns))):
            found[rule.name] = (rule.watches, rule.alarms(self.distances, len(self.columns)))
        found[POISSON] = ("rows", poisson_alarms(self.days.volume))
        own = own_past_alarms(self.seen)
        found[OWN_PAST] = ("rows, nulls, inputs and predictions", np.any(list(own.values()), axis=0))
        for kind in OWN_KINDS:
            found[f"{OWN_PAST}: {kind}"] = ({"drift": "inputs", "prediction": "predictions"}.get(kind, kind), own[kind])
        if self.hourly:
            found[LIVE] = ("inputs and predictions", np.asarray(self.live_alarms.any(axis=1)))
        found[CUSUM] = ("accuracy", alarm_runs(self.standardised(self.running.metric), self.cusum_limit))
        return found

    def counted(self, name: str) -> Bools:
        """The held-out calm days on which a rule could have alarmed."""
        ready = np.arange(self.days.count) >= FEWEST + LATEST
        if name == CUSUM:
            ready = np.isfinite(self.running.metric) if self.running.daily else ready
        return self.held_out & ready

    def together(self, names: Sequence[str]) -> Bools:
        """The days on which any of these rules alarms."""
        none = np.zeros(self.days.count, np.bool_)
        return np.asarray(np.any([none, *(self.alarms[name][1] for name in names)], axis=0))

    @cached_property
    def _usual_metric(self) -> tuple[float, float]:
        metric = self.running.metric
        calm = metric[self.fitted_on & np.isfinite(metric)]
        if len(calm) < (14 if self.running.daily else 3):
            calm = metric[np.isfinite(metric)]
        if len(calm) < 3:
            return math.nan, math.nan
        return float(np.mean(calm)), float(np.std(calm, ddof=1)) * math.sqrt(1 + 1 / len(calm))

    def standardised(self, metric: Floats) -> Floats:
        """How much worse than on calm days, in their standard deviations."""
        mean, sd = self._usual_metric
        sign = 1.0 if self.running.judged_by.larger_is_better else -1.0
        return sign * (mean - metric) / sd if sd > 0 else np.full(metric.shape, np.nan)

    @cached_property
    def cusum_limit(self) -> float:
        """The CUSUM's limit, for a false alarm a year."""
        if not self.running.daily:
            return siegmund_limit(WEEKS_A_YEAR)
        return cusum_limit(self.standardised(self.running.metric)[self.fitted_on])

    def cusum_before(self, day: int) -> float:
        """The CUSUM's sum on the morning of a day, begun anew after alarms."""
        now = 0.0
        for value in self.standardised(self.running.metric)[:day]:
            now = cusum_step(now, value)
            now = 0.0 if now > self.cusum_limit else now
        return now

    @cached_property
    def _live(self) -> tuple[Floats, float]:
        """The usual PSI of each column at any hour, and the limit that a calm day's greatest look passes within budget."""
        calm = np.repeat(self.fitted_on, 24)
        flat = self.live_psi.reshape(1, len(self.columns), -1)
        usual = usual_of(flat, calm)[0]
        score = greatest(flat[0] / usual[:, None]).reshape(-1, 24)
        highest = greatest(score.T)
        return usual, conformal_limit(highest[self.fitted_on], self.budget / 30 / 2)

    def looks(self, places: Sequence[int], measured: Floats) -> Bools:
        """Whether a look every hour alarms, from PSI [place, window, hour] of the columns at these places."""
        usual, limit = self._live
        score = greatest(measured / usual[list(places)][:, None, None])
        return alarms_of(score, limit)

    @cached_property
    def live_alarms(self) -> Bools:
        """Whether a look every hour alarms on the watched days: bool[day, hour]."""
        return self.looks(range(len(self.columns)), self.live_psi)

    @cached_property
    def strongest(self) -> Floats:
        """Each day's greatest distance over columns, in standard deviations of calm days above their mean."""
        kind = self.distances[WASSERSTEIN]
        kind = np.where(np.isnan(kind).all(axis=1, keepdims=True), self.distances[PSI], kind)
        calm = kind[:, self.fitted_on] if self.fitted_on.any() else kind
        known = np.isfinite(calm).sum(axis=1) >= FEWEST
        if not known.any():
            return np.full(self.days.count, np.nan)
        mean, sd = np.nanmean(calm[known], axis=1), np.nanstd(calm[known], axis=1)
        return greatest((kind[known] - mean[:, None]) / np.maximum(sd, 1e-12)[:, None])


def watched(history: Any, days: Days, sub: pl.DataFrame, running: Running, budget: float) -> Watch:
    """All distances of all days, and what they say."""
    columns = watched_columns(days, sub, running.prediction)
    drawn = days.day[days.drawn]
    measured, live = [], []
    for column, values in columns:
        counts = column.counts(values, drawn, days.count)
        reference = references(counts)
        measured.append(distances(column, reference, counts))
        slid = sliding(by_hour(column, values, days))
        binned = column.binned(reference)
        known = (binned.sum(-1) > 0)[:, None] & (slid.sum(-1) > 0)
        live.append(np.where(known, psi(binned[:, None, :], slid), np.nan))
    found = changes(*series_of(days, columns, running))
    silent = silent_days(days)
    calm = calm_days(days.count, [*found, *(Change(day, "rows", "", 0.0, 0.0) for day in silent)])
    calm &= np.arange(days.count) >= FEWEST + LATEST
    half = np.cumsum(calm) <= calm.sum() / 2
    return Watch(
        days=days,
        running=running,
        columns=columns,
        seen=observations(days, columns),
        distances=np.stack(measured, axis=1),
        changes=found,
        silent=silent,
        fitted_on=calm & half,
        held_out=calm & ~half,
        hourly=history.resolution_us < DAY_US,
        live_psi=np.stack(live),
        budget=budget,
    )
