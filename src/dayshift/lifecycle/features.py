"""Features of the loads that have come since the last time, written exactly once.

Two things are kept: the table (rows of all loads up to D, D being the table's own record of what it holds) and the
engine's state (everything up to load S). A run may be killed between writing the one and saving the other, so S may
be smaller than D. Then the loads S+1..D are run through the state again and their rows, already in the table, are
thrown away; the loads after D are written. A state that can't be read is not guessed at: it is rebuilt from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dayshift.definition import Calendar
from dayshift.diagnostics import Bug, DayshiftError

if TYPE_CHECKING:
    import polars as pl

    from dayshift.lifecycle.project import Project

APP = "features"


@dataclass(frozen=True)
class FeatureReport:
    """Rows written, the loads that they answer, the first load that was computed, and why a state was rebuilt."""

    rows: int
    first_load: int
    last_load: int
    fingerprint: str
    rebuilt: str | None = None


@dataclass
class _Counted:
    """Frames that pass through, and how many rows they had."""

    frames: Iterator[pl.DataFrame]
    rows: int = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self.frames:
            self.rows += frame.height
            yield frame


def update_features(project: Project) -> FeatureReport:
    """Answers the questions of all loads that the features table does not hold yet.

    Raises:
        Bug: DS590, fewer or more rows came out than questions went in.
    """
    table, last = project.features, project.lake.last_load
    done = table.last_number(APP)
    if done >= last:
        return FeatureReport(0, last + 1, last, project.fingerprint)
    state, since, rebuilt = _saved_state(project)
    if since < done:
        state = _advance(project, state, since + 1, done, keep=False)[1]
    rows, state = _advance(project, state, done + 1, last, keep=True)
    _check_rows(project, rows, done + 1, last)
    project.lake.state(project.pipeline.name).save(project.fingerprint, last, state)
    return FeatureReport(rows, done + 1, last, project.fingerprint, rebuilt)


def _saved_state(project: Project) -> tuple[bytes | None, int, str | None]:
    try:
        held = project.lake.state(project.pipeline.name).load(project.fingerprint)
    except DayshiftError as error:
        return None, 0, str(error)
    if held is None:
        return None, 0, None
    load, blob = held
    return blob, load, None


def _advance(project: Project, state: bytes | None, first: int, last: int, *, keep: bool) -> tuple[int, bytes]:
    frames, save = project.engine.advance(project.pipeline, project.lake.as_log(), state, loads=(first, last))
    counted = _Counted(frames)
    if keep:
        project.features.append_once(iter(counted), APP, last)
    else:
        for _ in counted:
            pass
    return counted.rows, save()


def _check_rows(project: Project, rows: int, first: int, last: int) -> None:
    if isinstance(project.pipeline.predict, Calendar):
        return
    import polars as pl

    asker = project.lake.events(project.pipeline.asker.name)
    asked = asker.filter(pl.col("_load").is_between(first, last)).select(pl.len()).collect().item()
    if asked != rows:
        raise Bug("DS590", f"{asked} questions went in and {rows} rows came out, in loads {first} to {last}")
