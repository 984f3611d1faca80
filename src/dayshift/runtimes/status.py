"""How a project stands: what the lake holds, what ran last, what is due, what waits for a person."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.lifecycle.labels import log_clock
from dayshift.runtimes.live import status as live_status
from dayshift.runtimes.report import plain
from dayshift.runtimes.schedule import due_times

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

LAST_RUNS = 5


@dataclass(frozen=True)
class SourceStatus:
    """One source in the lake: its events, the time of the first and the last, and its rows held in quarantine."""

    source: str
    events: int
    first: dt.datetime | None
    last: dt.datetime | None
    quarantined: int


@dataclass(frozen=True)
class Ran:
    """One record of the ledger."""

    at: dt.datetime
    verb: str
    outcome: str


@dataclass(frozen=True)
class Status:
    """The whole answer to "how do we stand"; `due` holds times in the past for what is overdue."""

    pipeline: str
    fingerprint: str
    now: dt.datetime
    loads: int
    known_until: dt.datetime | None
    sources: tuple[SourceStatus, ...]
    questions: int
    labels: int
    predictions: int
    champion: str | None
    runs: tuple[Ran, ...]
    due: dict[str, dt.datetime]
    live: dict[str, Any] | None = None
    """What the last live run wrote of itself (`runtimes/live/status.py`), and whether it is `alive`."""

    def to_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        made: dict[str, Any] = plain(self)
        return made


def read(project: Project, now: dt.datetime) -> Status:
    """Reads the status from the lake, the ledger and the registry; changes nothing.

    Raises:
        NotReady: DS403, a file of the lake is damaged.
    """
    with project.lake.reading():
        return _read(project, now)


def _read(project: Project, now: dt.datetime) -> Status:
    held = _held(project)
    champion = None
    if project.pipeline.model is not None and project.lake.last_load:
        version = project.registry.alias(project.pipeline.name, "champion")
        champion = None if version is None else str(version)
    return Status(
        pipeline=project.pipeline.name,
        fingerprint=project.pipeline_fingerprint,
        now=now,
        loads=project.lake.last_load,
        known_until=log_clock(project),
        sources=tuple(_source(project, source.name, source.time, held) for source in project.pipeline.sources),
        questions=_rows(project.features, pl.col("_policy") == "as_known"),
        labels=_rows(project.labels),
        predictions=_rows(project.predictions),
        champion=champion,
        runs=_last_runs(project),
        due=due_times(project, now),
        live=live_status.read(project.lake.root.path),
    )


def _rows(table: Any, where: pl.Expr | None = None) -> int:
    rows = pl.lit(True) if where is None else where
    return int(table.scan().filter(rows).select(pl.len()).collect().item()) if table.exists else 0


def _held(project: Project) -> dict[str, int]:
    held = project.lake.quarantine().filter(pl.col("state") == "held").group_by("source").len().collect()
    return dict(zip(held["source"], held["len"], strict=True))


def _source(project: Project, name: str, time: str, held: dict[str, int]) -> SourceStatus:
    if not project.lake.has_events(name):
        return SourceStatus(name, 0, None, None, held.get(name, 0))
    span = project.lake.events(name).select(
        pl.len().alias("n"), pl.col(time).min().alias("a"), pl.col(time).max().alias("b")
    )
    count, first, last = span.collect().row(0)
    return SourceStatus(name, count, first, last, held.get(name, 0))


def _last_runs(project: Project) -> tuple[Ran, ...]:
    records = project.lake.ledger.read()
    if not records.height:
        return ()
    recent = records.sort("at").tail(LAST_RUNS)
    return tuple(Ran(*row) for row in recent.select("at", "verb", "outcome").iter_rows())
