"""Predictions by the champion for the questions that have come since the last time, written exactly once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.learners.registry import CHAMPION
from dayshift.lifecycle.score import score
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

APP = "predictions"


@dataclass(frozen=True)
class PredictionReport:
    """Rows written, the model that made them, and why there are none when there are none."""

    rows: int
    model_version: str | None
    note: str | None = None


def update_predictions(project: Project, since_load: int, now: dt.datetime) -> PredictionReport:
    """Scores the questions of loads after the last scored one.

    When nothing was ever scored, neither questions of loads before `since_load` nor those that the model was trained
    on are: they are no predictions. `dayshift backfill` scores them on request.
    """
    if project.pipeline.model is None:
        return PredictionReport(0, None, "the pipeline has no model")
    serves = project.registry.alias(project.pipeline.name, CHAMPION)
    if serves is None:
        return PredictionReport(0, None, "no champion yet: run `dayshift train`")
    version = str(serves)
    done = project.predictions.last_number(APP)
    first = max(done + 1, since_load) if done == 0 else done + 1
    last = project.lake.last_load
    if first > last or not project.features.exists:
        return PredictionReport(0, version)
    champion = project.registry.load(project.pipeline.name, serves)
    asked = (pl.col("_load").is_between(first, last)) & (pl.col("_policy") == "as_known")
    if done == 0:
        trained_to = EPOCH + dt.timedelta(microseconds=int(champion.about.get("trained_to_us", 0)))
        asked &= pl.col("as_of") > trained_to
    features = project.features.scan().filter(asked).collect()
    frame = score(project.pipeline, features, champion, now)
    project.predictions.append_once(iter([frame]), APP, last)
    return PredictionReport(frame.height, version)
