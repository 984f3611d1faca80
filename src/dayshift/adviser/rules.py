"""The alarm rules that are compared, on a history's own days and on injected faults alike.

A rule of distances sees what `scores.distances` measured for every column and window, [kind, column, window]; it takes the
column that differs most. The pipeline's own past (`lifecycle/monitor.py`) is asked as it stands, with observations of the
same sampled rows. Alarms of one of its kinds alone (drift, nulls, rows, prediction) are counted too.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayshift.adviser.days import Days
from dayshift.adviser.detectors import alarms_of, conformal_limit, least_adjusted
from dayshift.adviser.scores import KINDS, Column
from dayshift.lifecycle.monitor import FEWEST, LATEST, PAST, Observation, monitor, quantiles_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
PSI, KS, WASSERSTEIN, CHI2, NULLS, REPEATS, OUTSIDE = (KINDS.index(kind) for kind in KINDS)
OWN_PAST, OWN_KINDS = "own past, 2 of 3 windows", ("drift", "nulls", "rows", "prediction")
CALM_PSI, CALM_WASSERSTEIN, REPEATED, RANGES = (
    "PSI, limit of own calm days",
    "Wasserstein, limit of own calm days",
    "repeated value, limit of own calm days",
    "values out of range, limit of own calm days",
)
POISSON = "rows, 3 Poisson deviations"
CUSUM = "CUSUM on accuracy, false alarm a year"
LIVE = "every hour, PSI of 24 hours, limit of own calm days"
_SIGNIFICANT = -math.log10(0.05)


@dataclass(frozen=True)
class Rule:
    """One rule of distances: alarms when `score(distances, columns in all)` is above `limit`."""

    name: str
    watches: str
    limit: float
    score: Callable[[Floats, int], Floats]

    def alarms(self, distances: Floats, columns: int) -> Bools:
        """Which windows alarm: bool[window]; a window without a score does not."""
        return alarms_of(self.score(distances, columns), self.limit)


def greatest(values: Floats) -> Floats:
    """The greatest of each window over its columns [column, window]; NaN where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmax(values, axis=0)) if len(values) else np.full(values.shape[1:], np.nan)


def _rejected(kind: int) -> Callable[[Floats, int], Floats]:
    def score(distances: Floats, columns: int) -> Floats:
        p = np.nan_to_num(distances[kind], nan=1.0)
        padded = np.concatenate([p, np.ones((max(columns - len(p), 0), p.shape[1]))]).T
        return -np.log10(np.maximum(least_adjusted(padded), 1e-300))

    return score


def _plain(kind: int) -> Callable[[Floats, int], Floats]:
    return lambda distances, columns: greatest(distances[kind])


def defaults(few: bool) -> list[Rule]:
    """The usual defaults; chi-square when some columns have few values or text."""
    found = [
        Rule("PSI above 0.1", "inputs", 0.1, _plain(PSI)),
        Rule("PSI above 0.2", "inputs", 0.2, _plain(PSI)),
        Rule("Kolmogorov-Smirnov 5 %, Benjamini-Hochberg", "inputs", _SIGNIFICANT, _rejected(KS)),
        Rule("Wasserstein above 0.1 deviations", "inputs", 0.1, _plain(WASSERSTEIN)),
    ]
    if few:
        found.append(Rule("chi-square 5 %, Benjamini-Hochberg", "inputs", _SIGNIFICANT, _rejected(CHI2)))
    return [*found, Rule("null rates, chi-square 5 %", "nulls", _SIGNIFICANT, _rejected(NULLS))]


def usual_of(distances: Floats, calm: Bools) -> Floats:
    """What each column's distance is on nine of ten of these days: float64[kind, column], never 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = (
            np.nanquantile(distances[:, :, calm], 0.9, axis=2) if calm.any() else np.full(distances.shape[:2], np.nan)
        )
    return np.asarray(np.maximum(np.nan_to_num(usual, nan=math.inf), 1e-6))


def calibrated(distances: Floats, calm: Bools, budget: float) -> list[Callable[[Sequence[int]], Rule]]:
    """Rules whose limit is taken from these calm days: each needs the places of the columns that it will be shown.

    The chance to pass is half of the budget's share of days; see `detectors.conformal_limit`.
    """
    usual = usual_of(distances, calm)
    made = []
    kinds = {CALM_PSI: PSI, CALM_WASSERSTEIN: WASSERSTEIN, REPEATED: REPEATS, RANGES: OUTSIDE}
    for name, kind in kinds.items():
        score = greatest(distances[kind] / usual[kind][:, None])
        limit = conformal_limit(score[calm], budget / 30 / 2)
        made.append(_relative(name, kind, usual[kind], limit))
    return made


def _relative(name: str, kind: int, usual: Floats, limit: float) -> Callable[[Sequence[int]], Rule]:
    def made(places: Sequence[int]) -> Rule:
        scale = usual[list(places)][:, None]
        return Rule(name, "inputs and predictions", limit, lambda distances, columns: greatest(distances[kind] / scale))

    return made


def poisson_alarms(volume: NDArray[np.int64]) -> Bools:
    """Days whose number of rows is further than three Poisson deviations from the mean of the 28 days before."""
    out = np.zeros(len(volume), np.bool_)
    for day in range(FEWEST + LATEST, len(volume)):
        usual = float(volume[max(day - 30, 0) : day - 2].mean())
        out[day] = abs(volume[day] - usual) > 3 * math.sqrt(max(usual, 1.0))
    return out


def observations(days: Days, columns: Sequence[tuple[Column, Floats]]) -> list[Observation]:
    """What the monitor would have observed on each day, from the drawn rows; rows are all of the day's."""
    edge = np.searchsorted(days.day[days.drawn], np.arange(days.count + 1))
    inputs = {column.name: values for column, values in columns if column.name != "prediction"}
    given = next((values for column, values in columns if column.name == "prediction"), None)
    few = {column.name for column, _ in columns if column.codes is not None}
    found = []
    for day in range(days.count):
        rows = slice(int(edge[day]), int(edge[day + 1]))
        said = None if given is None else given[rows][np.isfinite(given[rows])]
        found.append(observed({n: v[rows] for n, v in inputs.items()}, few, said, int(days.volume[day])))
    return found


def observed(inputs: Mapping[str, Floats], text: set[str], prediction: Floats | None, rows: int) -> Observation:
    """One window's observation; of columns named in `text` only the nulls are watched."""
    nulls = {name: float(np.isnan(values).mean()) if len(values) else 0.0 for name, values in inputs.items()}
    kept = {name: quantiles_of(values[~np.isnan(values)]) for name, values in inputs.items() if name not in text}
    quantiles = {name: values for name, values in kept.items() if values is not None}
    if prediction is None or not len(prediction):
        return Observation(rows, nulls, quantiles)
    return Observation(rows, nulls, quantiles, float(np.mean(prediction)), float(np.std(prediction)))


def own_past(past: Sequence[Observation], window: Observation) -> dict[str, bool]:
    """Whether each kind of signal alarms in this window by the pipeline's own past."""
    report = monitor(past[-(PAST + LATEST) :], window)
    alarming = {signal.kind for signal in report.alarms}
    return {kind: kind in alarming for kind in OWN_KINDS}


def own_past_alarms(seen: Sequence[Observation]) -> dict[str, Bools]:
    """The monitor's alarms on each day, by kind."""
    found = {kind: np.zeros(len(seen), np.bool_) for kind in OWN_KINDS}
    for day in range(FEWEST, len(seen)):
        for kind, alarm in own_past(seen[:day], seen[day]).items():
            found[kind][day] = alarm
    return found
