"""The lake's tables into the team's warehouse: upserted by key, so that a delivery repeated after a crash changes nothing.

A destination has got the rows of all loads up to one, of one table of the lake, as it was after so many backfills.
When one of these is another than before (a new definition, a backfill, another table in the warehouse), it gets all rows
again; else those of the loads after. Rows computed in hindsight stay in the lake: they have the keys of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.connectors import open_destination
from dayshift.diagnostics import NotReady, Problem
from dayshift.lifecycle import backfill, features, predictions

if TYPE_CHECKING:
    from dayshift.definition.settings import DestinationSettings
    from dayshift.lake import Table
    from dayshift.lifecycle.project import Project


@dataclass(frozen=True)
class DeliveryReport:
    """Rows put into one destination's `table`, which now has those of the lake's table `content` up to `last_load`, as
    it was after its backfill number `backfills`."""

    destination: str
    table: str
    rows: int
    last_load: int
    content: str = ""
    backfills: int = 0

    def continues(self, before: DeliveryReport | None) -> bool:
        """Whether what was delivered before is a part of this."""
        if before is None:
            return False
        mine, theirs = ((one.table, one.content, one.backfills) for one in (self, before))
        return mine == theirs


def deliver(project: Project, delivered: Mapping[str, DeliveryReport]) -> list[DeliveryReport]:
    """Upserts what each destination has not got yet, by the last report of each in `delivered`.

    Raises:
        NotReady: DS321, destinations cannot be written; the others have got their rows.
    """
    reports: list[DeliveryReport] = []
    problems: list[Problem] = []
    for name, settings in project.settings.destinations.items():
        try:
            reports.append(_deliver(project, name, settings, delivered.get(name)))
        except NotReady as error:
            problems += error.problems
    if problems:
        raise NotReady(problems)
    return reports


def _deliver(
    project: Project, name: str, settings: DestinationSettings, before: DeliveryReport | None
) -> DeliveryReport:
    table, last, rows = _content(project, settings), _last(project, settings), 0
    now = DeliveryReport(name, settings.table, 0, last, table.name, table.last_number(backfill.APP))
    done = before.last_load if before is not None and now.continues(before) else 0
    if table.exists and (done < last or not now.continues(before)):
        fresh = table.scan().filter(pl.col("_load") > done)
        if settings.content == "features":
            fresh = fresh.filter(pl.col("_policy") == "as_known")
        destination = open_destination(settings, project.root, name=name, ingest=project.settings.ingest)
        for frame in fresh.collect_batches(chunk_size=200_000):
            if frame.height:
                rows += destination.upsert(frame, [*project.question_keys, "as_of"])
    return DeliveryReport(name, now.table, rows, last, now.content, now.backfills)


def _content(project: Project, settings: DestinationSettings) -> Table:
    return project.predictions if settings.content == "predictions" else project.features


def _last(project: Project, settings: DestinationSettings) -> int:
    """The last load of which the table holds the rows: predictions may lag behind when there was no model."""
    app = predictions.APP if settings.content == "predictions" else features.APP
    return _content(project, settings).last_number(app)
