"""A small history with the attributes of the real one, for tests of the replay."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from dayshift.adviser.history import Situation
from dayshift.adviser.tracks import Track
from dayshift.definition.metric import metric_named
from dayshift.lifecycle.metrics import DAY_US

FIRST = 19_000 * DAY_US
MIDNIGHT = Situation("midnight")
TRACK = Track(MIDNIGHT, window_us=28 * DAY_US)


class FakeHistory:
    """`days` days of `a_day` questions; the label follows the first feature, and is known `delay` days later."""

    def __init__(self, model: Any, days: int = 120, a_day: int = 40, delay: int = 3, **options: Any) -> None:
        rng = np.random.default_rng(options.get("seed", 0))
        n = days * a_day
        self.as_of = FIRST + (np.arange(n) * DAY_US) // a_day
        self.values = rng.normal(size=(n, 2)).astype(np.float32)
        self.kind = options.get("kind", "classifier")
        noise = rng.normal(size=n)
        score = self.values[:, 0] + noise
        self.label = (score > options.get("above", 1.0)).astype(float) if self.kind == "classifier" else score
        self.metric = metric_named(options.get("metric", "roc_auc" if self.kind == "classifier" else "rmse"))
        self.label_delay_us = delay * DAY_US
        self.known_until_us = int(self.as_of[-1]) + self.label_delay_us
        self.longest_window_us = options.get("longest", 7 * DAY_US)
        self.questions = pl.DataFrame({"number": np.arange(n)})
        self.by = {"card": pl.Series("card", np.arange(n) % 7)} if self.metric.by else {}
        self.pipeline = SimpleNamespace(name="fake", model=model, columns=("a", "b"), place=options.get("place"))

    def ripe_at(self, label_delay_us: int | None = None) -> np.ndarray:
        return self.as_of + (self.label_delay_us if label_delay_us is None else label_delay_us)

    def features(self, situation: Situation) -> pl.DataFrame:
        if situation.freshness == "none":
            return pl.DataFrame(height=len(self.as_of))
        return pl.DataFrame(self.values, schema=["a", "b"])
