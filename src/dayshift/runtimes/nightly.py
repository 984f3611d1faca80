"""The night: ingest, features, labels, training when it is due, predictions, delivery, a look at what came out.

Each step is idempotent and knows from the lake itself what it still has to do, so a run that was killed is repaired by
running again. One run at a time holds the lake. Whatever happens, the ledger gets one record.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dayshift.diagnostics import DayshiftError, to_json
from dayshift.lifecycle.deliver import deliver
from dayshift.lifecycle.features import check_not_ahead, update_features
from dayshift.lifecycle.ingest import LoadReport, Progress, ingest
from dayshift.lifecycle.labels import update_labels
from dayshift.lifecycle.predictions import update_predictions
from dayshift.lifecycle.settle import settle
from dayshift.runtimes import training
from dayshift.runtimes.meter import Meter
from dayshift.runtimes.past import RUN, delivered_so_far, first_unfinished
from dayshift.runtimes.report import RunReport, plain
from dayshift.runtimes.watch import watch

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project
    from dayshift.lifecycle.train import TrainReport

VERB = RUN


def run(project: Project, now: dt.datetime, progress: Progress | None = None) -> RunReport:
    """Runs the whole night once.

    Args:
        project: what to run.
        now: the run's own time (aware, UTC): labels ripen and calendars fall due by it.
        progress: called when a step begins (its name, 0, 0.0), and after every chunk of ingest with a source's name, its
            rows so far and the seconds so far.

    Raises:
        DayshiftError: whatever stopped the run, after the ledger has recorded it; nothing of a stopped load is visible.
    """
    meter = Meter(begun=None if progress is None else lambda step: progress(step, 0, 0.0))
    try:
        with project.lake.lock():
            report = _run(project, now, progress, meter)
    except DayshiftError as error:
        _record(project, "stopped", [to_json(problem) for problem in error.problems], meter, now, error)
        raise
    except Exception as error:
        _record(project, "broken", [{"message": f"{type(error).__name__}: {error}"}], meter, now, error)
        raise
    project.lake.ledger.append(VERB, report.outcome, {**_whose(project), **report.to_json()}, now)
    return report


def _record(
    project: Project, outcome: str, problems: list[dict[str, Any]], meter: Meter, now: dt.datetime, error: Exception
) -> None:
    """The ledger's record of a run that did not end; when that cannot be written either, both are told."""
    try:
        detail = {**_whose(project), "problems": problems, "steps": plain(meter.steps)}
        project.lake.ledger.append(VERB, outcome, detail, now)
    except DayshiftError as unrecorded:
        if isinstance(error, DayshiftError):
            raise type(error)([*error.problems, *unrecorded.problems]) from error


def _run(project: Project, now: dt.datetime, progress: Progress | None, meter: Meter) -> RunReport:
    notes: list[str] = []
    notes += settle(project, now).notes()
    check_not_ahead(project)
    with meter.step("ingest"):
        load = ingest(project.pipeline, project.settings, project.lake, project.root, now, progress)
    notes += _coarse(load)
    with meter.step("features"):
        features = update_features(project)
    if features.rebuilt:
        notes.append(f"the engine's state could not be read and was rebuilt from the log ({features.rebuilt})")
    if features.unanswered:
        notes.append(f"{features.unanswered:,} old questions are not answered: events that they need were deleted")
    with meter.step("labels"):
        labels = update_labels(project, now)
    if labels.corrected:
        notes.append(f"{labels.corrected:,} labels are put right: their answers came after they had been decided")
    with meter.step("train"):
        trained = _train_when_due(project, now, notes)
    with meter.step("score"):
        since = min(features.first_load, first_unfinished(project))  # a killed run's questions are scored too
        predictions = update_predictions(project, since, now)
    with meter.step("deliver"):
        deliveries = tuple(deliver(project, delivered_so_far(project)))
    with meter.step("monitor"):
        monitor = watch(project, features, now)
    return _report(project, now, meter, notes, (load, features, labels, trained, predictions, deliveries, monitor))


def _report(project: Project, now: dt.datetime, meter: Meter, notes: list[str], parts: tuple[Any, ...]) -> RunReport:
    load, features, labels, trained, predictions, deliveries, monitor = parts
    notes += [predictions.note] if predictions.note else []
    run_id = f"{now:%Y%m%dT%H%M%S}-{project.lake.last_load}"
    return RunReport(
        run_id=run_id,
        pipeline=project.pipeline.name,
        now=now,
        outcome="done",
        load=load,
        features=features,
        labels=labels,
        training=trained,
        predictions=predictions,
        deliveries=deliveries,
        monitor=monitor,
        steps=tuple(meter.steps),
        notes=tuple(notes),
    )


def _coarse(load: LoadReport) -> list[str]:
    return [
        f"{count:,} values of '{name}' of '{source.source}' were rounded by more than a millionth of themselves: "
        f"declare Column(float, bits=...) for a finer grid"
        for source in load.sources
        for name, count in source.coarse.items()
    ]


def _train_when_due(project: Project, now: dt.datetime, notes: list[str]) -> TrainReport | None:
    schedule = project.settings.schedule
    if project.pipeline.model is None or not training.is_due(project, now):
        return None
    try:
        return training.train_now(project, now, trigger=f"calendar: {schedule.train}")
    except DayshiftError as error:
        notes.append(f"training was due and did not succeed: {error}")
        return None


def _whose(project: Project) -> dict[str, str]:
    return {"pipeline": project.pipeline.name, "fingerprint": project.pipeline_fingerprint}
