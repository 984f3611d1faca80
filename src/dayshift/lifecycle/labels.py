"""Labels that have become ripe, each written once.

The log has a clock of its own: the latest time up to which events are known. A label is ripe when the log's clock, and
not only the wall's, has passed `as_of + within + delay`: before that, its events may simply not have been loaded yet.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

APP = "labels"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class LabelReport:
    """Labels written now, all that are ripe, questions whose label is not ripe, and until when the log knows events."""

    written: int
    ripe: int
    unripe: int
    known_until: dt.datetime | None


def log_clock(project: Project) -> dt.datetime | None:
    """The latest time at which any event of the pipeline's sources was known; None for an empty log."""
    latest = [
        project.lake.events(source.name).select(pl.col("_position").max()).collect().item()
        for source in project.pipeline.sources
        if project.lake.has_events(source.name)
    ]
    known = [position for position in latest if position is not None]
    return EPOCH + dt.timedelta(microseconds=max(known)) if known else None


def update_labels(project: Project, now: dt.datetime) -> LabelReport:
    """Writes the labels that became ripe by `now` (aware, UTC) and by the log's own clock."""
    label, clock = project.pipeline.label, log_clock(project)
    if label is None or clock is None or not project.features.exists:
        return LabelReport(0, 0, 0, clock)
    keys = [*project.question_keys, "as_of"]
    asked = project.features.scan().filter(pl.col("_policy") == "as_known")
    ripe_by = min(clock, now) - dt.timedelta(microseconds=label.ripe_after_us)
    ripe = asked.filter(pl.col("as_of") <= ripe_by)
    if project.labels.exists:
        ripe = ripe.join(project.labels.scan().select(keys), on=keys, how="anti")
    questions = ripe.select(*_question_columns(project)).collect()
    written = 0
    if questions.height:
        found = project.engine.labels(project.pipeline, questions, project.lake.as_log())
        written = found.height
        number = project.labels.last_number(APP) + 1
        project.labels.append_once(iter([found]), APP, number)
    total = int(project.labels.scan().select(pl.len()).collect().item()) if project.labels.exists else 0
    everything = int(asked.select(pl.len()).collect().item())
    return LabelReport(written, total, everything - total, clock)


def _question_columns(project: Project) -> list[str]:
    return [*project.question_keys, "as_of", "_load", "_position"]


def labelled(project: Project) -> pl.DataFrame:
    """Every ripe label that is not null, with its question's keys, `as_of` and `ripe_at`."""
    if not project.labels.exists:
        return pl.DataFrame()
    return project.labels.scan().filter(pl.col("label").is_not_null()).collect()
