"""Features of the loads that have come since the last time, written exactly once.

Two things are kept: the table (rows of all loads up to D, D being the table's own record of what it holds) and the
engine's state (everything up to load S). A run may be killed between writing the one and saving the other, so S may
be smaller than D. Then the loads S+1..D are run through the state again and their rows, already in the table, are
thrown away; the loads after D are written. A state that can't be read is not guessed at: it is rebuilt from the log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.definition import Calendar
from dayshift.diagnostics import Bug, DayshiftError, NotReady
from dayshift.lifecycle.horizon import answerable_from

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

APP = "features"


@dataclass(frozen=True)
class FeatureReport:
    """Rows written and the loads whose questions they answer; why a state was rebuilt, if it was.

    `unanswered` questions are so old that events which their windows need have been deleted.
    """

    rows: int
    first_load: int
    last_load: int
    fingerprint: str
    rebuilt: str | None = None
    unanswered: int = 0


@dataclass
class _Counted:
    """Frames that pass through without questions before `since`, how many rows came, and how many were left out."""

    frames: Iterator[pl.DataFrame]
    since: dt.datetime | None
    rows: int = 0
    left_out: int = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self.frames:
            kept = frame if self.since is None else frame.filter(pl.col("as_of") >= self.since)
            self.rows += frame.height
            self.left_out += frame.height - kept.height
            yield kept


def update_features(project: Project) -> FeatureReport:
    """Answers the questions of all loads that the features table does not hold yet.

    Raises:
        Bug: DS590, fewer or more rows came out than questions went in.
        Refused: DS591, the past must be read again, and a feature needs events of it that were deleted.
    """
    table, last = project.features, project.lake.last_load
    done = table.last_number(APP)
    check_not_ahead(project)
    if done == last:
        return FeatureReport(0, last + 1, last, project.fingerprint)
    state, since, rebuilt = _saved_state(project, done)
    complete = answerable_from(project, remembered=state is not None)
    if since < done:
        state = _advance(project, state, (since + 1, done), complete, keep=False)[1]
    counted, state = _advance(project, state, (done + 1, last), complete, keep=True)
    _check_rows(project, counted.rows, done + 1, last)
    project.lake.state(project.pipeline.name).save(project.fingerprint, last, state)
    written = counted.rows - counted.left_out
    return FeatureReport(written, done + 1, last, project.fingerprint, rebuilt, counted.left_out)


def current_state(project: Project) -> tuple[bytes | None, str | None]:
    """The engine's state behind the lake's last load, from the newest saved one and the loads since; and why that one could
    not be read, if so. None when there is no load. The features table must be up to date.
    """
    last = project.lake.last_load
    if not last:
        return None, None
    state, since, rebuilt = _saved_state(project, last)
    if state is not None and since == last:
        return state, None
    complete = answerable_from(project, remembered=state is not None)
    return _advance(project, state, (since + 1, last), complete, keep=False)[1], rebuilt


def check_not_ahead(project: Project) -> None:
    """The features answer no load that table `loads` does not have; ask before a load takes that number again.

    Raises:
        NotReady: DS403, one of the two tables has lost commits.
    """
    done, last = project.features.last_number(APP), project.lake.last_load
    if done > last:
        raise NotReady(
            "DS403",
            f"table '{project.features.name}' and table 'loads' cannot both be right",
            facts=(f"one answers the questions of load {done}, the other ends with load {last}",),
            hint="dayshift explain DS403",
        )


def _saved_state(project: Project, done: int) -> tuple[bytes | None, int, str | None]:
    """The newest state of which the table holds all rows, if it can be read and this version understands it."""
    try:
        held = project.lake.state(project.pipeline.name).load(project.fingerprint, upto_load=done)
        if held is not None:
            load, blob = held
            project.engine.advance(project.pipeline, project.lake.as_log(), blob, loads=(load + 1, load + 1))
            return blob, load, None
    except DayshiftError as error:
        return None, 0, str(error)
    return None, 0, None


def _advance(
    project: Project, state: bytes | None, loads: tuple[int, int], since: dt.datetime | None, *, keep: bool
) -> tuple[_Counted, bytes]:
    frames, save = project.engine.advance(project.pipeline, project.lake.as_log(), state, loads=loads)
    counted = _Counted(frames, since)
    if keep:
        project.features.append_once(iter(counted), APP, loads[1])
    else:
        for _ in counted:
            pass
    return counted, save()


def _check_rows(project: Project, rows: int, first: int, last: int) -> None:
    if isinstance(project.pipeline.predict, Calendar):
        return
    asker = project.lake.events(project.pipeline.asker.name)
    asked = asker.filter(pl.col("_load").is_between(first, last)).select(pl.len()).collect().item()
    if asked != rows:
        raise Bug("DS590", f"{asked} questions went in and {rows} rows came out, in loads {first} to {last}")
