"""What the ledger knows of earlier runs."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project


def last_ended(project: Project, verb: str) -> dt.datetime | None:
    """When this verb last ended, well or with a refusal; None when it never did."""
    records = project.lake.ledger.read(verb=verb)
    ended = records.filter(pl.col("outcome").is_in(["done", "refused"])) if records.height else records
    return ended["at"].max() if ended.height else None  # type: ignore[return-value]
