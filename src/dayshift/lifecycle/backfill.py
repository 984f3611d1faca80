"""Answers questions of the past again, with today's definition, and puts the new rows in place of the old ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.diagnostics import Refused, UsageError
from dayshift.engines.contract import Policy
from dayshift.lifecycle.horizon import answerable_from
from dayshift.lifecycle.score import score
from dayshift.semantics.instants import EPOCH, microseconds

if TYPE_CHECKING:
    from dayshift.learners.registry import Registered
    from dayshift.lifecycle.project import Project

APP = "backfill"


@dataclass(frozen=True)
class BackfillReport:
    """What was answered again: questions in `[start, end)`, under which policy, and how many were scored."""

    start: dt.datetime
    end: dt.datetime
    policy: str
    features: int
    predictions: int
    model_version: str | None


def backfill(
    project: Project, start: dt.datetime, end: dt.datetime, now: dt.datetime, *, policy: Policy = "as_known"
) -> BackfillReport:
    """Recomputes features, and predictions by the champion, of questions with `start <= as_of < end`.

    Under "as_known" every value is what was known at the question; "hindsight" uses complete data, and its rows say so.

    Raises:
        UsageError: DS730, the range is empty.
        Refused: DS591, DS592, events that the questions need have been deleted.
    """
    if start >= end:
        raise UsageError(
            "DS730",
            f"nothing lies between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M}",
            facts=("FROM is included, TO is not",),
            hint=f"dayshift backfill {start:%Y-%m-%d} {start + dt.timedelta(days=1):%Y-%m-%d}",
        )
    _require_events(project, start)
    between = (microseconds(start), microseconds(end))
    frames = project.engine.features(project.pipeline, project.lake.as_log(), between=between, policy=policy)
    where = f"as_of >= '{start:%Y-%m-%dT%H:%M:%S.%fZ}' AND as_of < '{end:%Y-%m-%dT%H:%M:%S.%fZ}'"
    number = project.features.last_number(APP) + 1
    rows = project.features.replace(frames, f"{where} AND _policy = '{policy}'", APP, number)
    scored, version = 0, None
    champion = project.registry.champion(project.pipeline.name) if project.pipeline.model is not None else None
    if champion is not None and policy == "as_known":
        version = str(champion.version)
        written = project.predictions.last_number(APP) + 1
        scored = project.predictions.replace(_scored(project, champion, between, now), where, APP, written)
    return BackfillReport(start, end, policy, rows, scored, version)


def _require_events(project: Project, start: dt.datetime) -> None:
    complete = answerable_from(project)
    if complete is not None and start < complete:
        raise Refused(
            "DS592",
            f"questions before {complete:%Y-%m-%d %H:%M} can't be answered again: events that they need were deleted",
            facts=(f"asked for: from {start:%Y-%m-%d %H:%M} on", "what was computed in its own time still stands"),
            hint=f"dayshift backfill {complete + dt.timedelta(days=1):%Y-%m-%d} TO",
        )


def _scored(
    project: Project, champion: Registered, between: tuple[int, int], now: dt.datetime
) -> Iterator[pl.DataFrame]:
    start, end = (EPOCH + dt.timedelta(microseconds=bound) for bound in between)
    inside = (pl.col("as_of") >= start) & (pl.col("as_of") < end) & (pl.col("_policy") == "as_known")
    for features in project.features.scan().filter(inside).collect_batches(chunk_size=500_000):
        yield score(project.pipeline, features, champion, now)
