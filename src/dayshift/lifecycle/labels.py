"""Labels that have become ripe; one that answers change which came late is decided again.

The log has a clock of its own: the latest time up to which events are known. A label is ripe when the log's clock, and
not only the wall's, has passed `as_of + within + delay`: before that, its events may simply not have been loaded yet.

An answer may come later still: a file is late, a source was broken for some days. The label of its question stands in
the table already, and is put right: what the log holds decides, not the night in which it came. Each row keeps the load
(`_load`) up to which the log was known when it was first decided, so only newer questions and answers are looked at.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.definition.fingerprint import label_fingerprint
from dayshift.engines.contract import FINGERPRINT, LOAD
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.definition import Label
    from dayshift.lifecycle.project import Project

APP = "labels"


@dataclass(frozen=True)
class LabelReport:
    """Labels written now, all that are ripe, questions whose label is not ripe, and until when the log knows events.

    `corrected` counts labels that stood in the table already and that late answers changed.
    """

    written: int
    ripe: int
    unripe: int
    known_until: dt.datetime | None
    corrected: int = 0


@dataclass(frozen=True)
class _Decided:
    """What the labels table covers: the newest question, and the load up to which the log was known then."""

    as_of: dt.datetime | None = None
    load: int = 0


def log_clock(project: Project) -> dt.datetime | None:
    """The latest time at which any event of the pipeline's sources was known; None for an empty log."""
    latest = [
        project.lake.events(source.name).select(pl.col("_position").max()).collect().item()
        for source in project.pipeline.sources
        if project.lake.has_events(source.name)
    ]
    known = [position for position in latest if position is not None]
    return EPOCH + dt.timedelta(microseconds=max(known)) if known else None


def update_labels(project: Project, now: dt.datetime) -> LabelReport:
    """Writes the labels that became ripe by `now` (aware, UTC) and by the log's own clock, and puts old ones right."""
    label, clock = project.pipeline.label, log_clock(project)
    if label is None or clock is None or not project.features.exists:
        return LabelReport(0, 0, 0, clock)
    asked = project.features.scan().filter(pl.col("_policy") == "as_known")
    decided = _decided(project)
    corrected = _correct(project, label, asked, decided)
    ripe_by = min(clock, now) - dt.timedelta(microseconds=label.ripe_after_us)
    questions = _undecided(project, asked.filter(pl.col("as_of") <= ripe_by), decided)
    if questions.height:
        found = project.engine.labels(project.pipeline, questions, project.lake.as_log())
        mark = pl.lit(label_fingerprint(project.pipeline)).alias(FINGERPRINT)
        known = found.with_columns(pl.lit(project.lake.last_load, pl.Int64).alias(LOAD), mark)
        project.labels.append_once(iter([known]), APP, project.labels.last_number(APP) + 1)
    total = int(project.labels.scan().select(pl.len()).collect().item()) if project.labels.exists else 0
    everything = int(asked.select(pl.len()).collect().item())
    return LabelReport(questions.height, total, everything - total, clock, corrected)


def _decided(project: Project) -> _Decided:
    if not project.labels.exists:
        return _Decided()
    table = project.labels.scan()
    load = pl.col(LOAD).max() if LOAD in table.collect_schema() else pl.lit(0)  # of before loads were written down
    newest, covered = table.select(pl.col("as_of").max(), load.alias(LOAD)).collect().row(0)
    return _Decided(newest, covered or 0)


def _undecided(project: Project, ripe: pl.LazyFrame, decided: _Decided) -> pl.DataFrame:
    """Ripe questions without a label: newer than the newest that has one, or of a load that came since."""
    columns = _question_columns(project)
    if decided.as_of is None:
        return ripe.select(columns).collect()
    keys = [*project.question_keys, "as_of"]
    new = ripe.filter((pl.col("as_of") > decided.as_of) | (pl.col(LOAD) > decided.load)).select(columns).collect()
    oldest = new["as_of"].min()
    if oldest is None:
        return new
    labelled = project.labels.scan().filter(pl.col("as_of") >= oldest).select(keys).collect()
    return new.join(labelled, on=keys, how="anti", nulls_equal=True)


def _correct(project: Project, label: Label, asked: pl.LazyFrame, decided: _Decided) -> int:
    """Decides labels again whose answers came after they had been decided; how many are another now.

    Runs before new labels are written, and keeps `_load`: killed in between, the next run does it again.
    """
    span = _late_answers(project, label, decided)
    if span is None:
        return 0
    keys = [*project.question_keys, "as_of"]
    stored = project.labels.scan().filter(pl.col("as_of").is_between(*span)).collect()
    questions = asked.filter(pl.col("as_of").is_between(*span)).select(_question_columns(project)).collect()
    questions = questions.join(stored.select(keys), on=keys, how="semi", nulls_equal=True)
    found = project.engine.labels(project.pipeline, questions, project.lake.as_log())
    both = stored.join(found.select(*keys, late="label"), on=keys, how="left", nulls_equal=True, maintain_order="left")
    differs = ~pl.col("late").eq_missing(pl.col("label"))
    times = both.filter(differs)["as_of"].unique()
    if times.is_empty():
        return 0
    rows = both.filter(pl.col("as_of").is_in(times.implode())).with_columns(label="late").select(stored.columns)
    where = pl.col("as_of").is_in(times.implode())
    project.labels.replace(iter([rows]), where, APP, project.labels.last_number(APP) + 1)
    return int(both.select(differs.sum()).item())


def _late_answers(project: Project, label: Label, decided: _Decided) -> tuple[dt.datetime, dt.datetime] | None:
    """Between which times labelled questions were asked that answers of newer loads belong to; None: there is none.

    Where events were deleted, old questions keep the label that they have: the log no longer knows all that it knew.
    """
    source = label.source
    if decided.as_of is None or not project.lake.has_events(source.name):
        return None
    within = dt.timedelta(microseconds=label.within_us)
    time = pl.col(source.time)
    late = project.lake.events(source.name).filter(pl.col(LOAD) > decided.load, time <= decided.as_of + within)
    first, last = late.select(a=time.min(), b=time.max()).collect().row(0)
    if first is None:
        return None
    start, end = first - within, min(last, decided.as_of)
    whole = [project.lake.complete_from_us(name) for name in {source.name, project.pipeline.asker.name}]
    kept = [EPOCH + dt.timedelta(microseconds=micros) for micros in whole if micros is not None]
    start = max([start, *kept])
    return (start, end) if start <= end else None


def _question_columns(project: Project) -> list[str]:
    return [*project.question_keys, "as_of", LOAD, "_position"]


def labelled(project: Project, since: dt.datetime | None = None) -> pl.DataFrame:
    """Every ripe label that is not null, with its question's keys, `as_of` and `ripe_at`; of questions after `since`."""
    if not project.labels.exists:
        return pl.DataFrame()
    known = project.labels.scan().filter(pl.col("label").is_not_null())
    return (known if since is None else known.filter(pl.col("as_of") > since)).collect()
