"""What the ledger knows of earlier runs."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project


def last_ended(project: Project, verb: str) -> dt.datetime | None:
    """When this verb last ended, well or with a refusal; None when it never did."""
    records = project.lake.ledger.read(verb=verb)
    ended = records.filter(pl.col("outcome").is_in(["done", "refused"])) if records.height else records
    return ended["at"].max() if ended.height else None  # type: ignore[return-value]


def first_unfinished(project: Project) -> int:
    """The load after the last one that a run of this pipeline brought to its end; 1 when none did."""
    runs = project.lake.ledger.read(verb="run")
    done = runs.filter((pl.col("outcome") == "done") & (pl.col("pipeline") == project.pipeline.name))
    return int(json.loads(done["detail"][-1])["features"]["last_load"]) + 1 if done.height else 1
