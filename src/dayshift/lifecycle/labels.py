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
from dayshift.lake.log import LakeLog
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
class Decided:
    """Labels written and put right now, and until when the log that decided them knows events."""

    written: int
    corrected: int
    known_until: dt.datetime | None


@dataclass(frozen=True)
class _Covered:
    """What the labels table covers: the newest question, and the load up to which the log was known then."""

    as_of: dt.datetime | None = None
    load: int = 0


def log_clock(project: Project, upto_load: int | None = None) -> dt.datetime | None:
    """The latest time at which any event of the pipeline's sources was known, up to a load; None for an empty log."""
    latest = [
        project.lake.events(source.name, upto_load).select(pl.col("_position").max()).collect().item()
        for source in project.pipeline.sources
        if project.lake.has_events(source.name, upto_load)
    ]
    known = [position for position in latest if position is not None]
    return EPOCH + dt.timedelta(microseconds=max(known)) if known else None


def update_labels(project: Project, now: dt.datetime) -> LabelReport:
    """Writes the labels that became ripe by `now` (aware, UTC) and by the log's own clock, and puts old ones right."""
    decided = decide_labels(project, now, project.lake.last_load)
    total = everything = 0
    if project.pipeline.label is not None and project.features.exists:
        total = _count(project.labels.scan()) if project.labels.exists else 0
        everything = _count(_asked(project))
    return LabelReport(decided.written, total, everything - total, decided.known_until, decided.corrected)


def decide_labels(project: Project, now: dt.datetime, upto_load: int) -> Decided:
    """What `update_labels` does, by the log up to a load, whatever others commit meanwhile.

    The questions of all loads up to this one must be in the features table. Where two do it at a time, what the later one has
    computed is dropped, and decided the next time.
    """
    label, clock = project.pipeline.label, log_clock(project, upto_load)
    if label is None or clock is None or not project.features.exists:
        return Decided(0, 0, clock)
    asked, log = _asked(project).filter(pl.col(LOAD) <= upto_load), LakeLog(project.lake, upto_load)
    number = project.labels.last_number(APP)  # asked before anything is computed: of two at a time one writes
    covered = _covered(project)
    corrected = _corrected(project, label, asked, covered, log)
    if corrected is not None:
        number += 1
        if not project.labels.replace(iter([corrected.rows]), corrected.where, APP, number):
            return Decided(0, 0, clock)
    ripe_by = min(clock, now) - dt.timedelta(microseconds=label.ripe_after_us)
    questions = _undecided(project, asked.filter(pl.col("as_of") <= ripe_by), covered)
    if questions.height:
        found = project.engine.labels(project.pipeline, questions, log)
        mark = pl.lit(label_fingerprint(project.pipeline)).alias(FINGERPRINT)
        known = found.with_columns(pl.lit(upto_load, pl.Int64).alias(LOAD), mark)
        if not project.labels.append_once(iter([known]), APP, number + 1):
            questions = questions.clear()
    return Decided(questions.height, corrected.count if corrected is not None else 0, clock)


def _asked(project: Project) -> pl.LazyFrame:
    return project.features.scan().filter(pl.col("_policy") == "as_known")


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect().item())


def _covered(project: Project) -> _Covered:
    if not project.labels.exists:
        return _Covered()
    table = project.labels.scan()
    load = pl.col(LOAD).max() if LOAD in table.collect_schema() else pl.lit(0)  # of before loads were written down
    newest, known = table.select(pl.col("as_of").max(), load.alias(LOAD)).collect().row(0)
    return _Covered(newest, known or 0)


def _undecided(project: Project, ripe: pl.LazyFrame, covered: _Covered) -> pl.DataFrame:
    """Ripe questions without a label: newer than the newest that has one, or of a load that came since."""
    columns = _question_columns(project)
    if covered.as_of is None:
        return ripe.select(columns).collect()
    keys = [*project.question_keys, "as_of"]
    new = ripe.filter((pl.col("as_of") > covered.as_of) | (pl.col(LOAD) > covered.load)).select(columns).collect()
    oldest = new["as_of"].min()
    if oldest is None:
        return new
    labelled = project.labels.scan().filter(pl.col("as_of") >= oldest).select(keys).collect()
    return new.join(labelled, on=keys, how="anti", nulls_equal=True)


@dataclass(frozen=True)
class _Corrected:
    """Rows in the place of those of these times, and how many of them have another label than before."""

    rows: pl.DataFrame
    where: pl.Expr
    count: int


def _corrected(
    project: Project, label: Label, asked: pl.LazyFrame, covered: _Covered, log: LakeLog
) -> _Corrected | None:
    """Labels decided again whose answers came after they had been decided; None: none is another now.

    Written before new labels are, and with their old `_load`: killed in between, the next run does it again.
    """
    span = _late_answers(project, label, covered, log)
    if span is None:
        return None
    keys = [*project.question_keys, "as_of"]
    stored = project.labels.scan().filter(pl.col("as_of").is_between(*span)).collect()
    questions = asked.filter(pl.col("as_of").is_between(*span)).select(_question_columns(project)).collect()
    questions = questions.join(stored.select(keys), on=keys, how="semi", nulls_equal=True)
    found = project.engine.labels(project.pipeline, questions, log)
    both = stored.join(found.select(*keys, late="label"), on=keys, how="left", nulls_equal=True, maintain_order="left")
    differs = ~pl.col("late").eq_missing(pl.col("label"))
    times = both.filter(differs)["as_of"].unique()
    if times.is_empty():
        return None
    where = pl.col("as_of").is_in(times.implode())
    rows = both.filter(where).with_columns(label="late").select(stored.columns)
    return _Corrected(rows, where, int(both.select(differs.sum()).item()))


def _late_answers(
    project: Project, label: Label, covered: _Covered, log: LakeLog
) -> tuple[dt.datetime, dt.datetime] | None:
    """Between which times labelled questions were asked that answers of newer loads belong to; None: there is none.

    Where events were deleted, old questions keep the label that they have: the log no longer knows all that it knew.
    """
    source = label.source
    if covered.as_of is None or not project.lake.has_events(source.name, log.last_load):
        return None
    within = dt.timedelta(microseconds=label.within_us)
    time = pl.col(source.time)
    late = log.scan(source.name).filter(pl.col(LOAD) > covered.load, time <= covered.as_of + within)
    first, last = late.select(a=time.min(), b=time.max()).collect().row(0)
    if first is None:
        return None
    start, end = first - within, min(last, covered.as_of)
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
