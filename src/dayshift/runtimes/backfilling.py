"""A backfill as an operation: one at a time, with a record in the ledger."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from dayshift.diagnostics import NotReady
from dayshift.engines.contract import Policy
from dayshift.lifecycle.backfill import BackfillReport, backfill
from dayshift.lifecycle.features import update_features
from dayshift.lifecycle.settle import settle
from dayshift.runtimes.report import plain

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

VERB = "backfill"


def run(
    project: Project, start: dt.datetime, end: dt.datetime, now: dt.datetime, *, policy: Policy = "as_known"
) -> BackfillReport:
    """Answers the questions of `[start, end)` again and replaces their rows.

    Raises:
        NotReady: DS710, the lake holds no load.
        UsageError: DS730, the range is empty.
    """
    with project.lake.lock():
        settle(project, now)
        if not project.lake.last_load:
            raise NotReady("DS710", "there is nothing to backfill: the lake holds no load", hint="dayshift run")
        update_features(project)
        report = backfill(project, start, end, now, policy=policy)
        project.lake.ledger.append(VERB, "done", {"pipeline": project.pipeline.name, **plain(report)}, now)
    return report
