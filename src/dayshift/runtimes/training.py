"""Training by hand or by the calendar, on everything that was ripe at its time."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

from dayshift.diagnostics import NotReady
from dayshift.lifecycle.features import update_features
from dayshift.lifecycle.labels import labelled, update_labels
from dayshift.lifecycle.settle import settle
from dayshift.lifecycle.split import needed_since
from dayshift.lifecycle.train import TrainReport, train
from dayshift.runtimes import calendar
from dayshift.runtimes.live import status
from dayshift.runtimes.past import last_ended
from dayshift.runtimes.report import plain

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

VERB = "train"


def run(project: Project, now: dt.datetime) -> TrainReport:
    """Trains by hand: brings features and labels up to date, then fits, judges and registers a model.

    A model that a gate refuses stays a challenger, which the report says. While a live run is up, which keeps features and
    labels up to date itself, it trains on what these tables hold, and changes nothing in the lake.

    Raises:
        NotReady: DS710, the lake holds no load; DS601 to DS603, there is too little ripe to learn from.
    """
    if status.is_alive(project):
        return train_now(project, now, trigger="by hand")
    with project.lake.lock():
        settle(project, now)
        if not project.lake.last_load:
            raise NotReady("DS710", "there is nothing to train on: the lake holds no load", hint="dayshift run")
        update_features(project)
        update_labels(project, now)
        return train_now(project, now, trigger="by hand")


def is_due(project: Project, now: dt.datetime) -> bool:
    """Whether the calendar asks for training since it last succeeded or was last refused."""
    schedule = project.settings.schedule
    return calendar.is_due(schedule.train, last_ended(project, VERB), now, schedule.timezone)


def train_now(project: Project, now: dt.datetime, trigger: str) -> TrainReport:
    """Fits on what is ripe, registers, judges by the gates, and leaves one record in the ledger."""
    features, labels = _training_rows(project, now)
    data = {"load": project.lake.last_load, "features": project.features.version, "labels": project.labels.version}
    report = train(project.pipeline, project.settings, features, labels, now, project.registry, data)
    outcome = "done" if report.outcome == "promoted" else "refused"
    detail = {"fingerprint": project.pipeline_fingerprint, "trigger": trigger, "load": project.lake.last_load}
    project.lake.ledger.append(VERB, outcome, {**detail, **plain(report.to_json())}, now)
    return report


def _training_rows(project: Project, now: dt.datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    labels = labelled(project)
    rows = project.features.scan().filter(pl.col("_policy") == "as_known")
    since = needed_since(labels, project.settings.train, now)
    return (rows if since is None else rows.filter(pl.col("as_of") >= since)).collect(), labels
