"""What a verb would do, before it does it. Nothing here changes anything."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.lifecycle.features import APP as FEATURES
from dayshift.lifecycle.ingest import to_read
from dayshift.lifecycle.settle import journal_of
from dayshift.runtimes import training
from dayshift.runtimes.past import delivered_so_far, last_ended
from dayshift.runtimes.report import plain
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project


@dataclass(frozen=True)
class Reading:
    """What a source would be asked for: new files and their bytes, or a table from its cursor on; `skipped` are known."""

    source: str
    origins: tuple[str, ...]
    bytes: int
    skipped: int
    cursor: str | None


@dataclass(frozen=True)
class RunPlan:
    """What `run` would do now.

    `settles` are loads that a live run left in the journal, which are committed before anything is read; `load` is the
    number that the new one would get; `answers` are loads whose questions have no features yet, beside those two;
    `trains` says whether training is due; `scores_with` is the champion's version; `delivers` the destinations.
    """

    reads: tuple[Reading, ...]
    settles: tuple[int, ...]
    load: int
    answers: int
    trains: bool
    last_training: dt.datetime | None
    scores_with: str | None
    delivers: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(self)
        return made


def of_run(project: Project, now: dt.datetime) -> RunPlan:
    """What `dayshift run` would read, answer, train, score with and deliver."""
    plans = to_read(project.pipeline, project.settings, project.lake, project.root)
    reads = tuple(
        Reading(
            name,
            tuple(origin.path for origin in plan.origins),
            sum(origin.size for origin in plan.origins),
            len(plan.skipped),
            plan.cursor,
        )
        for name, plan in plans.items()
    )
    model = project.pipeline.model is not None
    champion = project.registry.alias(project.pipeline.name, "champion") if model and _registered(project) else None
    delivered = delivered_so_far(project)
    last, settles = project.lake.last_load, _left_by_live(project)
    return RunPlan(
        reads=reads,
        settles=settles,
        load=max((last, *settles)) + 1,
        answers=last - min(project.features.last_number(FEATURES), last),
        trains=model and training.is_due(project, now),
        last_training=last_ended(project, training.VERB),
        scores_with=None if champion is None else str(champion),
        delivers={
            name: delivered[name].last_load if name in delivered else 0 for name in project.settings.destinations
        },
    )


def _left_by_live(project: Project) -> tuple[int, ...]:
    """The loads of which a live run left micro-batches in its journal."""
    journal = journal_of(project.lake)
    if journal is None:
        return ()
    return tuple(load for load in journal.loads if next(journal.read(load), None) is not None)


def _registered(project: Project) -> bool:
    """Whether asking the registry can't make one: a plan leaves no trace."""
    return project.settings.registry.uri is not None or (project.registry.folder / "mlflow.db").exists()


@dataclass(frozen=True)
class TrainPlan:
    """The rows that a training now could use: ripe and labelled, of which window, and how many are not ripe yet."""

    labelled: int
    unripe: int
    first: dt.datetime | None
    last: dt.datetime | None
    window: str | None
    holdout: str
    champion: str | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(self)
        return made


def of_training(project: Project) -> TrainPlan:
    """What `dayshift train` would train on, as far as the tables tell before they are brought up to date."""
    settings, labelled, span = project.settings.train, 0, (None, None)
    if project.labels.exists:
        known = project.labels.scan().filter(pl.col("label").is_not_null())
        counted = known.select(pl.len(), pl.col("as_of").min().alias("a"), pl.col("as_of").max().alias("b")).collect()
        labelled, *rest = counted.row(0)
        span = (rest[0], rest[1])
    asked = _rows(project.features, pl.col("_policy") == "as_known") if project.features.exists else 0
    decided = _rows(project.labels) if project.labels.exists else 0
    champion = project.registry.alias(project.pipeline.name, "champion") if _registered(project) else None
    return TrainPlan(
        labelled=labelled,
        unripe=asked - decided,
        first=span[0],
        last=span[1],
        window=settings.window,
        holdout=settings.holdout,
        champion=None if champion is None else str(champion),
    )


@dataclass(frozen=True)
class BackfillPlan:
    """The questions in the range, and the rows of features and predictions that would be replaced."""

    start: dt.datetime
    end: dt.datetime
    policy: str
    replaced_features: int
    replaced_predictions: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(self)
        return made


def of_backfill(project: Project, start: dt.datetime, end: dt.datetime, policy: str) -> BackfillPlan:
    """What `dayshift backfill` would replace."""
    inside = (pl.col("as_of") >= start) & (pl.col("as_of") < end)
    features = _rows(project.features, inside & (pl.col("_policy") == policy)) if project.features.exists else 0
    predictions = 0
    if policy == "as_known" and project.predictions.exists:
        predictions = _rows(project.predictions, inside)
    return BackfillPlan(start, end, policy, features, predictions)


@dataclass(frozen=True)
class UpkeepPlan:
    """Files in the lake, and with retention the events that would be deleted, by source, and from when on events stay."""

    files: int
    older_than: dt.datetime | None
    events: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(self)
        return made


def of_upkeep(project: Project, older_than_us: int | None) -> UpkeepPlan:
    """What `dayshift compact` would merge and delete."""
    sources = [source.name for source in project.pipeline.sources if project.lake.has_events(source.name)]
    root = project.lake.root.path
    files = sum(1 for _ in root.rglob("*.parquet")) if root is not None and root.is_dir() else 0
    if older_than_us is None:
        return UpkeepPlan(files, None, {})
    old = pl.col("_position") < older_than_us
    counts = {name: int(project.lake.events(name).filter(old).select(pl.len()).collect().item()) for name in sources}
    return UpkeepPlan(files, EPOCH + dt.timedelta(microseconds=older_than_us), counts)


def _rows(table: Any, where: pl.Expr | None = None) -> int:
    rows = table.scan() if where is None else table.scan().filter(where)
    return int(rows.select(pl.len()).collect().item())
