"""What naive predictions are worth on the very rows that judge the model: whoever does not beat them needs no machinery.

Constant predictions give the floor from which skill is counted; the last known answer is what a person would say who
looks at yesterday (Žliobaitė et al. 2015). Both know what was known when the evaluation began: `lifecycle/baseline.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dayshift.adviser.judging import worth
from dayshift.definition import Calendar
from dayshift.engines.contract import AS_OF, TIME
from dayshift.lifecycle.baseline import LAST, baselines
from dayshift.lifecycle.metrics import Floats

if TYPE_CHECKING:
    from dayshift.adviser.history import History
    from dayshift.adviser.replay import Replay


def floor_and_means(weeks: Mapping[str, Floats]) -> tuple[float, Mapping[str, float]]:
    """The metric of the best constant prediction, and of each naive one by name: means over the weeks of `weekly`.

    NaN where no label was known when the first week began.
    """
    values = {name: _mean(each) for name, each in weeks.items()}
    constant = [value for name, value in values.items() if name != LAST]
    return (constant[0] if constant else float("nan")), values


def weekly(replay: Replay) -> dict[str, Floats]:
    """The metric of each naive prediction in each week of the replay: float64[weeks], NaN where it has none."""
    found = naive(replay.history, replay.sample.rows, replay.weeks.t0)
    return {name: _weekly(replay, prediction) for name, prediction in found.items()}


def naive(history: History, rows: np.ndarray, known_by_us: int) -> dict[str, Floats]:
    """Naive predictions for these questions, learned from the labels that were ripe at a time; none where there were none."""
    predict = history.pipeline.predict
    keys = list(predict.by) if isinstance(predict, Calendar) else []  # an event's key never asks twice
    ripe_at = history.ripe_at()
    labelled = np.flatnonzero(~np.isnan(history.label))
    training = labelled[ripe_at[labelled] <= known_by_us]
    if not training.size or not len(rows):
        return {}
    frames = [_frame(history, chosen, ripe_at, keys) for chosen in (training, rows, labelled)]
    return baselines(frames[0], frames[1], frames[2], keys, history.kind)


def _frame(history: History, rows: np.ndarray, ripe_at: np.ndarray, keys: list[str]) -> pl.DataFrame:
    times = {AS_OF: history.as_of[rows], "ripe_at": ripe_at[rows]}
    columns = [pl.Series(name, values).cast(TIME) for name, values in times.items()]
    return pl.DataFrame(
        [*columns, pl.Series("label", history.label[rows]), *(history.questions[k][rows] for k in keys)]
    )


def _weekly(replay: Replay, prediction: Floats) -> Floats:
    values = np.full(replay.weeks.count, np.nan)
    for week in range(replay.weeks.count):
        first, end = replay.places(week)
        if end > first:
            judged = replay.sample.judged(first, end, prediction[first:end])
            values[week] = worth(replay.metrics[0], judged, replay.daily_metrics)
    return values


def _mean(values: Floats) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no week with a value: NaN is the answer
        return float(np.nanmean(values)) if values.size else float("nan")
