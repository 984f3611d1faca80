"""A made history to be watched: a known number of days, a known shift, a model that is known, no lake and no replay."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

import dayshift as ds
from dayshift.adviser.weeks import Weeks
from dayshift.definition.metric import metric_named
from dayshift.learners.estimator import Model, fit

DAY_US = 86_400_000_000
START_US = 1_704_067_200_000_000  # a Monday


def pipeline() -> ds.Pipeline:
    """Orders with an amount; what a shop's orders came to; the label comes from outcomes."""
    orders = ds.Source("orders", time="at", key="id", schema={"id": int, "shop": int, "amount": float})
    outcomes = ds.Source("outcomes", time="at", key="id", schema={"id": int, "shop": int, "bad": bool})
    return ds.Pipeline(
        "made",
        predict=orders,
        features=[
            orders.row(amount=pl.col("amount")),
            outcomes.by("shop").over("7d").mean("bad").alias("risk"),
            orders.by("shop").over("1d", "7d").count().alias("busy"),
        ],
        label=ds.Label(outcomes, pl.col("bad"), within="7d"),
        model=LogisticRegression(),
        metric="roc_auc",
    )


@dataclass
class Made:
    """What `monitoring` needs of a history."""

    questions: pl.DataFrame
    frame: pl.DataFrame
    as_of: Any
    label: Any
    pipeline: Any = field(default_factory=pipeline)
    kind: str = "classifier"
    metric: Any = field(default_factory=lambda: metric_named("roc_auc"))
    label_delay_us: int = 7 * DAY_US
    longest_window_us: int | None = 7 * DAY_US
    resolution_us: int = 1_000_000


def made(
    days: int = 154,
    a_day: int = 120,
    seed: int = 0,
    shift: Callable[[Any, Any], Any] | None = None,
    wander: float = 0.15,
) -> Made:
    """Calm days whose mean wanders by `wander` standard deviations; `shift(day, amount)` gives other amounts."""
    draw = np.random.default_rng(seed)
    count = days * a_day
    day = np.repeat(np.arange(days), a_day)
    as_of = START_US + np.sort(day * DAY_US + draw.integers(0, DAY_US, count) // 1_000_000 * 1_000_000)
    day = (as_of - START_US) // DAY_US
    amount = draw.normal(0, 1, count) + (wander * draw.normal(0, 1, days))[day]
    if shift is not None:
        amount = shift(day, amount)
    shop = draw.integers(0, 20, count)
    risk = 0.3 * draw.normal(0, 1, count) + shop / 10
    chance = 1 / (1 + np.exp(-(1.2 * amount + risk - 1)))
    label = (draw.random(count) < chance).astype(np.float64)
    busy = draw.poisson(6, count).astype(np.float64)
    names = pipeline().columns
    frame = pl.DataFrame(dict(zip(names, (amount, risk, busy, busy + draw.poisson(36, count)), strict=True)))
    questions = pl.DataFrame({"id": np.arange(count), "shop": shop, "as_of": as_of})
    return Made(questions, frame, as_of, label)


class FakeReplay:
    """A replay of a made history: the weeks after six, models fitted on what came a week before their week."""

    def __init__(self, history: Made) -> None:
        self.history = history
        weeks = (int(history.as_of.max()) - START_US) // (7 * DAY_US)
        self.weeks = Weeks(START_US + 42 * DAY_US, max(weeks - 6, 0), 42 * DAY_US, 28 * DAY_US)

    def take(self, situation: object, rows: Any) -> pl.DataFrame:
        """Features of some questions."""
        return self.history.frame[np.asarray(rows)]

    def fitted(self, track: object, week: int) -> Model:
        """The model of a week."""
        known = np.flatnonzero(self.history.as_of < self.weeks.starts[week] - 7 * DAY_US)
        labels = pl.Series(self.history.label[known])
        return fit(LogisticRegression(), self.history.frame[known], self.history.frame.columns, labels)


TRACK: Any = SimpleNamespace(situation=None)
