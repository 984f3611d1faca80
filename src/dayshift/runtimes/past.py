"""What the ledger knows of earlier runs of a pipeline; other pipelines may write into the same lake."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.lifecycle.deliver import DeliveryReport

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

RUN = "run"


def last_ended(project: Project, verb: str) -> dt.datetime | None:
    """When this verb last ended, well or with a refusal; None when it never did."""
    ended = _records(project, verb, "done", "refused")
    return ended["at"].max() if ended.height else None  # type: ignore[return-value]


def finished_runs(project: Project, last: int) -> list[dict[str, Any]]:
    """The details of the `last` runs that came to their end, oldest first: what `RunReport.to_json` gave."""
    return [json.loads(detail) for detail in _records(project, RUN, "done")["detail"].tail(last)]


def first_unfinished(project: Project) -> int:
    """The load after the last one that a run of this pipeline brought to its end; 1 when none did."""
    done = _records(project, RUN, "done")["detail"].tail(1)
    return int(json.loads(done[0])["features"]["last_load"]) + 1 if len(done) else 1


def delivered_so_far(project: Project) -> dict[str, DeliveryReport]:
    """What each destination got last, from the runs that finished."""
    done: dict[str, DeliveryReport] = {}
    for detail in reversed(_records(project, RUN, "done")["detail"].to_list()):
        if project.settings.destinations.keys() <= done.keys():
            break
        for delivery in json.loads(detail).get("deliveries", []):
            done.setdefault(delivery["destination"], DeliveryReport(**delivery))
    return done


def _records(project: Project, verb: str, *outcomes: str) -> pl.DataFrame:
    mine = (pl.col("pipeline") == project.pipeline.name) & pl.col("outcome").is_in(outcomes)
    return project.lake.ledger.read(verb=verb).filter(mine)
