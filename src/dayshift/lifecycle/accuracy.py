"""How good the predictions that were served turned out to be, over the labels that have become ripe."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from dayshift.definition.duration import parse_duration
from dayshift.definition.metric import metric_named
from dayshift.definition.pipeline import Pipeline
from dayshift.engines.contract import question_columns
from dayshift.lifecycle.evaluate import Score, evaluate
from dayshift.lifecycle.train import judged_rows


@dataclass(frozen=True)
class Accuracy:
    """The pipeline's metric over the predictions whose labels became ripe lately, and how many are still unripe."""

    score: Score | None
    ripe: int
    unripe: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"score": self.score.to_json() if self.score else None, "ripe": self.ripe, "unripe": self.unripe}


def accuracy(
    pipeline: Pipeline, predictions: pl.DataFrame, labels: pl.DataFrame, now: datetime, last: str = "7d"
) -> Accuracy:
    """The metric of served predictions over the labels that became ripe in the `last` stretch before `now`.

    Of a question that was predicted twice the first prediction counts: it is the one that was served. `score` is None
    when nothing became ripe or the pipeline names no metric.
    """
    keys = [*question_columns(pipeline), "as_of"]
    first = predictions.sort("scored_at", maintain_order=True).unique(keys, keep="first", maintain_order=True)
    joined = first.join(labels.select(*keys, "label", "ripe_at"), on=keys, how="left", nulls_equal=True)
    after = timedelta(microseconds=pipeline.label.ripe_after_us if pipeline.label else 0)
    joined = joined.with_columns(pl.coalesce("ripe_at", pl.col("as_of") + after).alias("ripe_at"))
    unripe = joined.filter(pl.col("ripe_at") > now).height
    since = now - timedelta(microseconds=parse_duration(last))
    ripe = joined.filter(pl.col("ripe_at") > since, pl.col("ripe_at") <= now, pl.col("label").is_not_null())
    metric = metric_named(pipeline.metric)
    if metric is None or not ripe.height:
        return Accuracy(None, ripe.height, unripe)
    judged = judged_rows(ripe, ripe["prediction"].to_numpy(), (metric,))
    return Accuracy(evaluate([metric], judged)[0], ripe.height, unripe)
