"""Simple monitoring of a nightly run: is tonight like this pipeline's own past nights?

Rows, null rates, the mean prediction, the metric over labels that became ripe, and the distribution of each numeric
feature are observed in every run and compared with the last 30 windows before the latest three. There is one rule: a
value is outside when it is further than three standard deviations from their mean, and two of the latest three
windows outside make an alarm; one alone is watched. Fixed limits (PSI above 0.2 and the like) and single tests cry wolf
on calm data, because ordinary days differ more than samples do; a pipeline's own past knows how much.

A feature's distribution is kept as 33 quantiles. Its distance is the Wasserstein distance, in standard deviations, from
the barycenter of the past windows (in one dimension: the mean of their quantile functions), so an observation is a few
hundred bytes and old data need not be read again. Distances are skewed and features are many, so their limit is four
deviations: on calm simulated nights with ten features at most 3 % of the nights alarm, and a shift of 0.3 standard
deviations is found within three nights (tests/lifecycle/test_monitor.py). Text features are watched by their
nulls only.

With fewer than 14 past windows the answer is "not enough history", never an alarm.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.definition.metric import Metric

PAST, FEWEST, LATEST, NEEDED, LIMIT = 30, 14, 3, 2, 3.0
DRIFT_LIMIT = 4.0
_GRID = (np.arange(33) + 0.5) / 33
_FEWEST_VALUES = 50
_FARTHEST = 1e6
CALM, WATCH, ALARM, SHORT = "calm", "watch", "alarm", "not enough history"


@dataclass(frozen=True)
class Observation:
    """What one window (a night) looked like, as plain values.

    `nulls` is the share of null or NaN by feature, `quantiles` 33 quantiles by numeric feature with at least 50 values,
    `prediction` and `prediction_spread` mean and standard deviation of the predictions, `metric` over the labels that
    became ripe. None where there is nothing.
    """

    rows: int
    nulls: Mapping[str, float]
    quantiles: Mapping[str, Sequence[float]]
    prediction: float | None = None
    prediction_spread: float | None = None
    metric: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values; `Observation(**values)` reads them back."""
        return asdict(self)


@dataclass(frozen=True)
class Signal:
    """One thing watched: `kind` is "rows", "nulls", "prediction", "metric" or "drift", `subject` the feature if any.

    `value` is tonight's, `usual` the mean of the past windows, `low` and `high` the limits (None: no limit on that
    side), `windows` how many past windows they stand on; `state` "calm", "watch", "alarm" or "not enough history".
    """

    kind: str
    subject: str | None
    state: str
    value: float | None
    usual: float | None
    low: float | None
    high: float | None
    windows: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class MonitorReport:
    """What was observed tonight, kept as the past of later nights, and what it means beside the nights before."""

    observation: Observation
    signals: tuple[Signal, ...]

    @property
    def alarms(self) -> tuple[Signal, ...]:
        """The signals that were outside in two of the latest three windows."""
        return tuple(signal for signal in self.signals if signal.state == ALARM)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def observe(
    features: pl.DataFrame,
    columns: Iterable[str],
    predictions: NDArray[np.float64] | None = None,
    metric: float | None = None,
) -> Observation:
    """What this window's features and predictions look like.

    >>> observe(pl.DataFrame({"a": [1.0, None, 3.0, 4.0]}), ["a"]).nulls
    {'a': 0.25}
    """
    nulls, quantiles = {}, {}
    for name in columns:
        column = features[name]
        if column.dtype.is_float():
            column = column.fill_nan(None)
        nulls[name] = column.null_count() / features.height if features.height else 0.0
        if column.dtype.is_numeric() or column.dtype == pl.Boolean:
            known = quantiles_of(column.drop_nulls().cast(pl.Float64).to_numpy())
            if known is not None:
                quantiles[name] = known
    given = predictions is not None and len(predictions) > 0
    mean = float(np.mean(predictions)) if given and predictions is not None else None
    spread = float(np.std(predictions)) if given and predictions is not None else None
    return Observation(features.height, nulls, quantiles, mean, spread, metric)


def quantiles_of(values: NDArray[np.float64]) -> tuple[float, ...] | None:
    """The 33 quantiles that a feature's distribution is kept as, of values without NaN; None with fewer than 50."""
    return tuple(np.quantile(values, _GRID).tolist()) if len(values) >= _FEWEST_VALUES else None


def monitor(past: Sequence[Observation], tonight: Observation, metric: Metric | None = None) -> MonitorReport:
    """Every signal of tonight against the past windows (oldest first); alarms first, then the rest in order.

    >>> monitor([], Observation(100, {}, {})).signals[0].state
    'not enough history'
    """
    windows = [*past, tonight][-(PAST + LATEST) :]
    signals = [_signal("rows", None, windows, lambda seen: float(seen.rows), _row_noise)]
    signals += [_signal("nulls", name, windows, _nulls(name), _null_noise, low=False) for name in tonight.nulls]
    signals.append(_signal("prediction", None, windows, lambda seen: seen.prediction, _prediction_noise))
    if metric is not None:
        larger = metric.larger_is_better
        signals.append(
            _signal("metric", None, windows, lambda seen: seen.metric, _no_noise, low=larger, high=not larger)
        )
    signals += [_drift(name, windows) for name in tonight.quantiles]
    shown = [signal for signal in signals if signal.value is not None]
    order = (ALARM, WATCH, CALM, SHORT)
    return MonitorReport(tonight, tuple(sorted(shown, key=lambda signal: order.index(signal.state))))


Noise = Callable[[float, Observation], float]


def _signal(
    kind: str,
    subject: str | None,
    windows: Sequence[Observation],
    read: Callable[[Observation], float | None],
    noise: Noise,
    *,
    low: bool = True,
    high: bool = True,
) -> Signal:
    before = [value for value in map(read, windows[:-LATEST]) if value is not None]
    latest = [value for value in map(read, windows[-LATEST:]) if value is not None]
    value = read(windows[-1])
    if len(before) < FEWEST:
        return Signal(kind, subject, SHORT, value, None, None, None, len(before))
    mean = float(np.mean(before))
    reach = LIMIT * max(float(np.std(before, ddof=1)), noise(mean, windows[-1]))
    bottom = mean - reach if low else None
    top = mean + reach if high else None
    return Signal(kind, subject, _state(latest, bottom, top), value, mean, bottom, top, len(before))


def _state(latest: Sequence[float], low: float | None, high: float | None) -> str:
    outside = [(low is not None and value < low) or (high is not None and value > high) for value in latest]
    if sum(outside) >= NEEDED:
        return ALARM
    return WATCH if outside and outside[-1] else CALM


def _drift(name: str, windows: Sequence[Observation]) -> Signal:
    before = np.array([seen.quantiles[name] for seen in windows[:-LATEST] if name in seen.quantiles])
    if len(before) < FEWEST:
        return Signal("drift", name, SHORT, 0.0, None, None, None, len(before))
    centre = np.mean(before, axis=0)
    latest = np.array([seen.quantiles[name] for seen in windows[-LATEST:] if name in seen.quantiles])
    usual = _distances(before, (centre * len(before) - before) / (len(before) - 1))
    away = _distances(latest, np.broadcast_to(centre, latest.shape)).tolist()
    mean = float(np.mean(usual))
    high = mean + DRIFT_LIMIT * float(np.std(usual, ddof=1)) + 1e-9
    return Signal("drift", name, _state(away, None, high), away[-1], mean, None, high, len(before))


def _distances(quantiles: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Wasserstein distance of each row from its centre, in standard deviations of the centre."""
    gap = np.mean(np.abs(quantiles - centres), axis=1)
    spread = np.std(centres, axis=1)
    known = np.minimum(gap / np.where(spread > 0, spread, 1.0), _FARTHEST)
    return np.where(spread > 0, known, np.where(gap == 0, 0.0, _FARTHEST))


def _nulls(name: str) -> Callable[[Observation], float | None]:
    return lambda seen: seen.nulls.get(name) if seen.rows else None


def _row_noise(mean: float, tonight: Observation) -> float:  # noqa: ARG001
    return max(math.sqrt(mean), mean / 100)


def _null_noise(mean: float, tonight: Observation) -> float:
    rows = max(tonight.rows, 1)
    return max(math.sqrt(max(mean, 1 / rows) * (1 - mean) / rows), 0.001)


def _prediction_noise(mean: float, tonight: Observation) -> float:  # noqa: ARG001
    return (tonight.prediction_spread or 0.0) / math.sqrt(max(tonight.rows, 1))


def _no_noise(mean: float, tonight: Observation) -> float:  # noqa: ARG001
    return 0.0
