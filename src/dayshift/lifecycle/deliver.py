"""The lake's tables into the team's warehouse: upserted by key, so that a delivery repeated after a crash changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.connectors import open_destination

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project


@dataclass(frozen=True)
class DeliveryReport:
    """Rows that were put into one destination's table."""

    destination: str
    table: str
    rows: int
    last_load: int


def deliver(project: Project, delivered: dict[str, int]) -> list[DeliveryReport]:
    """Upserts what each destination has not got yet; `delivered` says up to which load it has."""
    reports = []
    for name, settings in project.settings.destinations.items():
        table = project.predictions if settings.content == "predictions" else project.features
        last, rows = project.lake.last_load, 0
        if table.exists:
            fresh = table.scan().filter(pl.col("_load") > delivered.get(name, 0))
            destination = open_destination(settings, project.root, name=name, ingest=project.settings.ingest)
            for frame in fresh.collect_batches(chunk_size=200_000):
                if frame.height:
                    rows += destination.upsert(frame, [*project.question_keys, "as_of"])
        reports.append(DeliveryReport(name, settings.table, rows, last))
    return reports
