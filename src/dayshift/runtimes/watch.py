"""A look at the night against the pipeline's own past: what it saw is kept in the ledger, so no old data is read again."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.definition.fingerprint import label_fingerprint
from dayshift.definition.metric import metric_named
from dayshift.lifecycle.accuracy import Accuracy, accuracy
from dayshift.lifecycle.labels import labelled
from dayshift.lifecycle.monitor import PAST, Observation, Signal, monitor, observe
from dayshift.runtimes.past import finished_runs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dayshift.lifecycle.features import FeatureReport
    from dayshift.lifecycle.project import Project

LATEST_RIPE = "7d"


@dataclass(frozen=True)
class Watched:
    """Tonight's observation, its signals against the past nights, and how good served predictions turned out to be."""

    observation: Observation
    signals: tuple[Signal, ...]
    accuracy: Accuracy | None


def watch(project: Project, features: FeatureReport, now: dt.datetime) -> Watched | None:
    """Compares tonight's questions with the past nights; None when no question was asked tonight."""
    if not features.rows:
        return None
    tonight = pl.col("_load").is_between(features.first_load, features.last_load)
    asked = project.features.scan().filter(tonight & (pl.col("_policy") == "as_known")).collect()
    served = _accuracy(project, now)
    value = served.score.value if served and served.score else None
    seen = observe(asked, project.pipeline.columns, _predicted(project, tonight), value)
    report = monitor(_past(project), seen, metric_named(project.pipeline.metric))
    return Watched(seen, report.signals, served)


def _predicted(project: Project, tonight: pl.Expr) -> NDArray[np.float64] | None:
    if not project.predictions.exists:
        return None
    return project.predictions.scan().filter(tonight).select("prediction").collect()["prediction"].to_numpy()


def _accuracy(project: Project, now: dt.datetime) -> Accuracy | None:
    """Of the predictions whose labels became ripe in the last seven days, by models that could know none of them."""
    label = project.pipeline.label
    if label is None or not project.predictions.exists:
        return None
    since = now - dt.timedelta(days=8, microseconds=label.ripe_after_us)
    labels = labelled(project, since)
    if not labels.height:
        return None
    served = project.predictions.scan().filter(pl.col("as_of") > since).collect()
    return accuracy(project.pipeline, _forecasts(project, served), labels, now, LATEST_RIPE)


def _forecasts(project: Project, served: pl.DataFrame) -> pl.DataFrame:
    """Without what a model said of questions that it had been trained on (a backfill), or for an earlier label."""
    own = label_fingerprint(project.pipeline)
    versions = project.registry.versions(project.pipeline.name)
    others = [str(one.version) for one in versions if one.tags.get("dayshift.label_fingerprint", own) != own]
    trained_to = {str(one.version): int(one.tags.get("dayshift.trained_to_us", 0)) for one in versions}
    learned = pl.col("model_version").replace_strict(trained_to, default=0, return_dtype=pl.Int64)
    return served.filter(~pl.col("model_version").is_in(others), pl.col("as_of").dt.epoch("us") > learned)


def _past(project: Project) -> list[Observation]:
    found = [run.get("monitor") for run in finished_runs(project, 2 * PAST)]  # a night without questions has none
    return [Observation(**seen["observation"]) for seen in found if seen]
