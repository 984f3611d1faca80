"""A replay by brute force, to judge the adviser by: all rows, one loop, nothing shared with the adviser.

Features as of last midnight or of the last full hour are asked of the engine as a question that another event puts at that
time; shorter label delays move the events of the label's source forward. It is slow on purpose: no samples, no cache.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

import dayshift as ds
from dayshift.definition.metric import metric_named
from dayshift.engines.contract import FrameLog, Log
from dayshift.engines.local.engine import LocalEngine
from dayshift.learners.estimator import fit, predict
from dayshift.lifecycle.metrics import Judged, estimate

DAY_US = 86_400_000_000
FLOORS = {"midnight": "1d", "hour": "1h"}
ASKS = "_asks"  # sorts before every other source: at a full hour it stands before the events of that instant
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Clock:
    """Weeks from `first_us` on; models learn from the `window_days` before their origin (None: from all)."""

    first_us: int
    weeks: int
    window_days: int | None = 28
    ages: int = 8
    seed: int = 0


@dataclass(frozen=True)
class Rows:
    """Every question in the order of its key, with its features, its label (NaN: unknown), and when that is ripe."""

    pipeline: ds.Pipeline
    features: pl.DataFrame
    as_of: NDArray[np.int64]
    label: Floats
    ripe_at: NDArray[np.int64]


def rows_of(pipeline: ds.Pipeline, log: Log, level: str = "event", sooner_us: int = 0) -> Rows:
    """The questions with features of this freshness, and labels that come `sooner_us` earlier than declared."""
    keys, engine = list(pipeline.asker.key_columns), LocalEngine()
    declared = pl.concat(list(engine.features(pipeline, log)))
    labels = engine.labels(pipeline, declared, log)
    assert labels.select(keys).equals(declared.select(keys))
    features = declared if level == "event" and not sooner_us else _features(pipeline, log, level, sooner_us)
    place = declared.select(keys).with_row_index("#place")
    features = place.join(features, on=keys, how="left").sort("#place").select(pipeline.columns)
    as_of = declared["as_of"].dt.epoch("us").to_numpy()
    ripe = labels["ripe_at"].dt.epoch("us").to_numpy() - sooner_us
    label = labels["label"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return Rows(pipeline, features, as_of, label, np.maximum(as_of, ripe))


def _features(pipeline: ds.Pipeline, log: Log, level: str, sooner_us: int) -> pl.DataFrame:
    asker, keys = pipeline.asker, list(pipeline.asker.key_columns)
    frames = {source.name: log.scan(source.name).collect() for source in pipeline.sources}
    if sooner_us and pipeline.label is not None:
        name = pipeline.label.source.name
        time = pl.col(pipeline.label.source.time).dt.epoch("us")
        frames[name] = frames[name].with_columns(_position=pl.max_horizontal(time, pl.col("_position") - sooner_us))
    windows = [_sooner(feature, pipeline, sooner_us) for feature in pipeline.window_features]
    if level == "event":
        changed = replace(pipeline, features=[*windows, *pipeline.row_features])
        return pl.concat(list(LocalEngine().features(changed, FrameLog(frames)))).rename(_names(pipeline, windows))
    asks = ds.Source(ASKS, time=asker.time, key=keys, schema=asker.schema)
    floored = pl.col(asker.time).dt.truncate(FLOORS[level])
    frames[ASKS] = frames[asker.name].with_columns(floored, _position=floored.dt.epoch("us"))
    outside = [replace(feature, window=replace(feature.window, including_self=False)) for feature in windows]
    stale = replace(pipeline, predict=asks, features=outside, label=None, model=None)
    found = pl.concat(list(LocalEngine().features(stale, FrameLog(frames)))).rename(_names(pipeline, outside))
    rows = replace(pipeline, features=list(pipeline.row_features), label=None, model=None)
    own = pl.concat(list(LocalEngine().features(rows, log)))
    return own.select(*keys, *(feature.name for feature in pipeline.row_features)).join(found, on=keys)


def _sooner(feature: object, pipeline: ds.Pipeline, sooner_us: int) -> object:
    label = pipeline.label
    if not sooner_us or label is None or feature.source is not label.source or not feature.window.delay_us:
        return feature
    delay = max(feature.window.delay_us - sooner_us, 0)
    return replace(feature, window=replace(feature.window, delay=f"{delay // 1_000_000}s"))


def _names(pipeline: ds.Pipeline, windows: list[object]) -> dict[str, str]:
    pairs = zip(windows, pipeline.window_features, strict=True)
    return {new: old for now, then in pairs for new, old in zip(now.columns, then.columns, strict=True) if new != old}


def grid(rows: Rows, clock: Clock) -> Floats:
    """The mean of the daily metric by (week, age) of models that were fitted at the start of week - age."""
    found = np.full((clock.weeks, clock.ages), np.nan)
    for origin in range(clock.weeks):
        model = fitted(rows, clock, origin)
        if model is None:
            continue
        last = min(clock.ages, clock.weeks - origin)
        start = clock.first_us + 7 * DAY_US * origin
        judged = _between(rows, start, start + 7 * DAY_US * last)
        daily = daily_metric(rows, judged, predict(model, rows.features[judged]))
        for age in range(last):
            week = [value for day, value in daily.items() if 7 * age <= day - start // DAY_US < 7 * age + 7]
            found[origin + age, age] = np.nanmean(week) if week else np.nan
    return found


def fitted(rows: Rows, clock: Clock, origin: int) -> object:
    """The model of one origin; None where there is one class only."""
    start = clock.first_us + 7 * DAY_US * origin
    known = ~np.isnan(rows.label) & (rows.ripe_at <= start)
    if clock.window_days is not None:
        known &= rows.ripe_at > start - clock.window_days * DAY_US
    chosen = np.flatnonzero(known)
    if len(set(rows.label[chosen])) < 2:
        return None
    label = pl.Series(rows.label[chosen]).cast(pl.Int64)
    pipeline = rows.pipeline
    return fit(pipeline.model, rows.features[chosen], pipeline.columns, label, seed=clock.seed + origin)


def _between(rows: Rows, low: int, high: int) -> NDArray[np.intp]:
    return np.flatnonzero((rows.as_of >= low) & (rows.as_of < high) & ~np.isnan(rows.label))


def daily_metric(rows: Rows, chosen: NDArray[np.intp], predicted: Floats) -> dict[int, float]:
    """The pipeline's metric of each day (days since 1970), NaN where a day holds one class only."""
    metric = metric_named(rows.pipeline.metric)
    assert metric is not None
    day = rows.as_of[chosen] // DAY_US
    found = {}
    for one in np.unique(day):
        held = day == one
        judged = Judged(rows.label[chosen][held], predicted[held], rows.as_of[chosen][held])
        found[int(one)] = estimate(metric, judged).value
    return found
