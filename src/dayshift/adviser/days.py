"""A history looked at day by day: sampled rows, the predictions that a running model gave them, and its daily metric.

Of each day (UTC) about `rows_a_day` questions are drawn by the hash of their number; the positives of a rare class are
all kept beside them, to judge by, with weights (`sampling.py`). Only the drawn ones are looked at for drift. Watching
begins when windows are full (`history.longest_window_us`), since a window that fills up looks like drift and is none.

The running model is refitted every few weeks, as a person would; each day is predicted by the last one fitted before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.adviser.sampling import mixed, rarer
from dayshift.adviser.worker import answers
from dayshift.definition.metric import Metric
from dayshift.diagnostics import DayshiftError
from dayshift.learners.estimator import Model
from dayshift.lifecycle.evaluate import metric_for
from dayshift.lifecycle.metrics import DAY_US, Judged, estimate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
RARE_A_DAY = 400
UNBOUNDED_LEAD_DAYS = 30
_SALT = 822


@dataclass(frozen=True)
class Days:
    """The days that are watched: `first` is a day's number since 1970, `volume[d]` all its questions.

    `rows` are numbers of questions, by day: those of day d stand from `edge[d]` to `edge[d + 1]`. `drawn[s]` says whether
    row s is one of the uniform sample, `weight[s]` how many rows it stands for when the day is judged. `hour[s]` 0 ... 23.
    """

    first: int
    volume: Ints
    rows: Ints
    edge: Ints
    drawn: NDArray[np.bool_]
    weight: Floats
    hour: Ints

    @property
    def count(self) -> int:
        """How many days."""
        return len(self.volume)

    @property
    def starts_us(self) -> Ints:
        """When each day begins."""
        return (self.first + np.arange(self.count, dtype=np.int64)) * DAY_US

    @property
    def day(self) -> Ints:
        """The place of each row's day among the days: int64[rows]."""
        return np.repeat(np.arange(self.count), np.diff(self.edge))


@dataclass(frozen=True)
class Running:
    """The running model's answers: `prediction[s]` for each row of the days (NaN before the first fit), `metric[d]` the
    day's metric where labels are known; where days hold too little (`daily` False) the week's metric at its last day and
    NaN elsewhere. `model_of[d]` is the place of the day's model in `models`, -1 before the first."""

    prediction: Floats
    metric: Floats
    models: tuple[Model, ...]
    model_of: Ints
    judged_by: Metric
    daily: bool = True
    notes: tuple[str, ...] = field(default=())


def days_of(history: Any, rows_a_day: int = 1000, most_days: int = 400, most_rows: int = 150_000) -> Days:
    """The days from full windows to the end of the log, at most the last `most_days`, without the last if it is cut off.

    Of each day `rows_a_day` are drawn in the mean, fewer where that would be more than `most_rows` in all.
    """
    as_of = np.asarray(history.as_of)
    day = as_of // DAY_US
    lead = history.longest_window_us
    span = int(day.max() - day.min()) + 1
    lead_days = min(UNBOUNDED_LEAD_DAYS if lead is None else -(-lead // DAY_US), span // 4)
    last = int(day.max()) - (1 if int(as_of.max()) % DAY_US < DAY_US * 3 // 4 and span > 1 else 0)
    first = max(int(day.min()) + lead_days, last - most_days + 1)
    inside = np.flatnonzero((day >= first) & (day <= last))
    place = day[inside] - first
    volume = np.bincount(place, minlength=last - first + 1).astype(np.int64)
    rows_a_day = min(rows_a_day, max(most_rows // len(volume), 1))
    share = np.minimum(1.0, rows_a_day / np.maximum(volume, 1))
    drawn = mixed(inside, _SALT) < (share * 2.0**64).clip(max=2.0**64 - 4096).astype(np.uint64)[place]
    drawn |= share[place] >= 1
    extra, weight = _rare(history, inside, place, drawn, len(volume))
    kept = np.flatnonzero(drawn | extra)
    kept = kept[np.argsort(place[kept], kind="stable")]
    edge = np.searchsorted(place[kept], np.arange(len(volume) + 1))
    rows = inside[kept]
    hour = as_of[rows] % DAY_US // 3_600_000_000
    return Days(first, volume, rows, edge, drawn[kept], weight[kept], hour)


def _rare(
    history: Any, inside: Ints, place: Ints, drawn: NDArray[np.bool_], days: int
) -> tuple[NDArray[np.bool_], Floats]:
    """Which rows are kept for judging only, and what each row weighs then."""
    label = np.asarray(history.label)[inside]
    none, even = np.zeros(len(inside), np.bool_), np.ones(len(inside))
    which = rarer(label) if history.kind == "classifier" else None
    if which is None:
        return none, even
    rare = label == which
    few = (np.bincount(place[rare], minlength=days) <= RARE_A_DAY)[place]
    other = ~rare & ~np.isnan(label)
    all_others = np.bincount(place[other], minlength=days)
    drawn_others = np.bincount(place[other & drawn], minlength=days)
    weight = np.where(few & other, (all_others / np.maximum(drawn_others, 1))[place], 1.0)
    return rare & few & ~drawn, weight


def run_models(history: Any, replay: Any, track: Any, days: Days, sub: pl.DataFrame, most: int = 8) -> Running:
    """What models refitted at evenly spaced weeks (at most `most`) said on the days; `sub` are the features of `days.rows`."""
    weeks = replay.weeks
    step = max(-(-weeks.count // most), 1)
    origins = range(0, weeks.count, step)
    models, failed = list[Model](), list[str]()
    model_of = np.full(days.count, -1, np.int64)
    prediction = np.full(len(days.rows), np.nan)
    starts, day = days.starts_us, days.day
    for origin in origins:
        try:
            model = replay.fitted(track, origin)
        except DayshiftError as error:
            failed.append(f"no model in week {origin}: {error}")
            continue
        begin = int(weeks.starts[origin])
        model_of[(starts >= begin)] = len(models)
        models.append(model)
    for place, model in enumerate(models):
        mine = np.flatnonzero(model_of[day] == place)
        if len(mine):
            prediction[mine] = answers(model, sub[mine])
    metric, notes = judged_by(history)
    daily = bool(getattr(replay, "daily_metrics", True))
    value = (
        daily_metric(history, days, prediction, metric) if daily else weekly_metric(history, days, prediction, metric)
    )
    return Running(prediction, value, tuple(models), model_of, metric, daily, (*notes, *failed))


def judged_by(history: Any) -> tuple[Metric, tuple[str, ...]]:
    """The metric that days are judged by: the user's, or average precision where that one counts per entity."""
    metric: Metric = history.metric
    if metric.by is None:
        return metric, ()
    return metric_for("average_precision", "classifier"), (
        f"days are judged by average_precision, as {metric.name} cannot count sampled rows",
    )


def daily_metric(history: Any, days: Days, prediction: Floats, metric: Metric) -> Floats:
    """The metric of each day on its rows whose labels are known; NaN without both classes."""
    found = np.full(days.count, np.nan)
    for day in range(days.count):
        rows = slice(int(days.edge[day]), int(days.edge[day + 1]))
        found[day] = metric_on(history, metric, days.rows[rows], prediction[rows], days.weight[rows])
    return found


def weekly_metric(history: Any, days: Days, prediction: Floats, metric: Metric) -> Floats:
    """The metric of each seven days, counted back from the last one, at the place of their last day; NaN on the others."""
    found = np.full(days.count, np.nan)
    for last in range(days.count - 1, 5, -7):
        rows = slice(int(days.edge[last - 6]), int(days.edge[last + 1]))
        found[last] = metric_on(history, metric, days.rows[rows], prediction[rows], days.weight[rows])
    return found


def metric_on(history: Any, metric: Metric, rows: Ints, prediction: Floats, weight: Floats) -> float:
    """The metric on these questions; NaN where it has none."""
    label = np.asarray(history.label)[rows]
    known = ~np.isnan(label) & ~np.isnan(prediction)
    if known.sum() < 2:
        return float("nan")
    judged = Judged(label[known], prediction[known], np.asarray(history.as_of)[rows][known], weight[known])
    return estimate(metric, judged).value


def numbers_of(column: pl.Series) -> tuple[Floats, Mapping[str, int] | None]:
    """A column as float64 with NaN for null; text as codes of its values in alphabetical order, which are given then."""
    if column.dtype in (pl.String, pl.Categorical, pl.Enum):
        text = column.cast(pl.String)
        codes = {value: code for code, value in enumerate(sorted(text.drop_nulls().unique().to_list()))}
        coded = text.replace_strict(codes, return_dtype=pl.Float64) if codes else text.cast(pl.Float64)
        return coded.fill_null(float("nan")).to_numpy(), codes
    if column.dtype.is_temporal():
        column = column.to_physical()
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy(), None
