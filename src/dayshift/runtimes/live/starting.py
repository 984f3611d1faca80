"""How a live run begins: from the lake, whatever state a night, an earlier run or a crash left it in.

    settle the journal -> features and predictions up to the last load -> the engine's state behind it
        -> keys that are known -> outputs get what they lack behind their mark -> taps begin at the cursors

No gap and no overlap: the state holds the loads, the cursors say how far these loads were read, in the same commit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.connectors.live import Known, Mark
from dayshift.connectors.opening import section_of
from dayshift.diagnostics import DefinitionError, NotReady
from dayshift.engines.contract import LOAD, POSITION
from dayshift.lifecycle import ingest
from dayshift.lifecycle.contract import KEY_HASH
from dayshift.lifecycle.door.live import LiveDoor
from dayshift.lifecycle.door.passing import LiveSource
from dayshift.lifecycle.features import current_state, update_features
from dayshift.lifecycle.predictions import update_predictions
from dayshift.lifecycle.settle import Settled, settle
from dayshift.runtimes.live.log import LiveLog
from dayshift.runtimes.live.marks import Marks
from dayshift.runtimes.live.output import Output
from dayshift.runtimes.past import first_unfinished

if TYPE_CHECKING:
    from dayshift.definition import Source
    from dayshift.lake import Lake
    from dayshift.lifecycle.project import Project

AT_ONCE = 20_000
LAST = 2**62
"""A place behind every row of a load."""


@dataclass(frozen=True)
class Begun:
    """The lake as a live run goes on from it: what was settled from the journal, questions answered and scored on the way, the
    engine's state behind the last load, and what a person should know."""

    settled: Settled
    answered: int
    scored: int
    state: bytes | None
    notes: tuple[str, ...]


def bring_up(project: Project, now: dt.datetime) -> Begun:
    """Settles the journal and brings features, predictions and state up to the last load; under the lake's lock.

    Raises:
        DayshiftError: as a nightly run's.
    """
    settled = settle(project, now)
    features = update_features(project)
    notes = settled.notes()
    scored = 0
    try:
        scored = update_predictions(project, min(features.first_load, first_unfinished(project)), now).rows
    except DefinitionError as error:  # a row that the model cannot take; other kinds of errors end the run
        notes.append(f"questions of earlier loads could not be scored: {error}")
    state, rebuilt = current_state(project)
    why = features.rebuilt or rebuilt
    if why:
        notes.append(f"the engine's state could not be read and was rebuilt from the log ({why})")
    return Begun(settled, features.rows, scored, state, tuple(notes))


def known_of(project: Project) -> dict[str, Known]:
    """How far each source has been taken, by the loads of the lake."""
    loads = project.lake.loads().sort("load")
    return {source.name: ingest.known_of(loads, source.name) for source in project.pipeline.sources}


def door_of(project: Project, lake: Lake, log: LiveLog) -> LiveDoor:
    """The doors of all sources, which know the keys of all events in the lake.

    Raises:
        NotReady: DS703, a float column has no grid yet.
        DefinitionError: DS365, a source has no section.
    """
    return LiveDoor({source.name: _source(project, lake, log, source) for source in project.pipeline.sources})


def _source(project: Project, lake: Lake, log: LiveLog, source: Source) -> LiveSource:
    settings = section_of(source, project.settings.sources)
    made = LiveSource(source, settings, lake.bits(source.name), _lookup(log, source.name))
    held = lake.quarantine().filter(pl.col("source") == source.name).select("raw")
    for frame in held.collect_batches():
        made.learn_held(frame["raw"])
    if lake.has_events(source.name):
        there = lake.events(source.name)
        names = [KEY_HASH, *(name for name in made.unique_columns if name in there.collect_schema())]
        for frame in there.select(names).collect_batches():
            made.learn(frame)
    return made


def _lookup(log: LiveLog, source: str) -> Callable[[pl.Expr], pl.DataFrame]:
    return lambda wanted: log.where(source, wanted)


def catch_up(
    project: Project, outputs: list[Output], marks: Marks, stopped: Callable[[], bool], told: Callable[[str], None]
) -> None:
    """Gives each output what the lake holds behind its mark, or behind the one that the lake remembers of it when it has none;
    one that was never seen begins with what comes now.

    Raises:
        NotReady: an output cannot be reached, or refuses.
    """
    for output in outputs:
        mark = output.mark = output.sink.open()
        if mark is None:
            mark = output.mark = _beginning(project, output.name, marks, told)
            marks.keep(outputs)
            output.send(pl.DataFrame(), mark, stopped)
        marks.keep(outputs)
        for frame in _lacking(project, output.content, mark):
            if output.ended:
                break
            output.send(frame, Mark(*frame.select(LOAD, POSITION).row(-1)), stopped)


def _beginning(project: Project, name: str, marks: Marks, told: Callable[[str], None]) -> Mark:
    """Where an output without a mark begins."""
    end, remembered = Mark(project.lake.last_load, LAST), marks.of(name)
    if remembered is None:
        told(f"output '{name}' is new: it begins with what comes now")
        return end
    mark = min(remembered, end)
    place = "" if mark.position == LAST else f"position {mark.position} of "
    told(f"output '{name}' has no mark in its topic: it gets what the lake holds behind {place}load {mark.load}")
    return mark


def lacks(project: Project, content: str, mark: Mark) -> tuple[int, int | None]:
    """How many rows the lake holds behind a mark, and the load of the first one."""
    rows = _behind(project, content, mark)
    if rows is None:
        return 0, None
    count, load = rows.select(pl.len(), pl.col(LOAD).min()).collect().row(0)
    return count, load


def _behind(project: Project, content: str, mark: Mark) -> pl.LazyFrame | None:
    behind = (pl.col(LOAD) > mark.load) | ((pl.col(LOAD) == mark.load) & (pl.col(POSITION) > mark.position))
    rows = _content(project, content)
    return None if rows is None else rows.filter(behind)


def _lacking(project: Project, content: str, mark: Mark) -> Iterator[pl.DataFrame]:
    """The rows behind a mark in the order of the log, in pieces that end where a place ends."""
    rows = _behind(project, content, mark)
    if rows is None:
        return
    counts = rows.group_by(LOAD).len().sort(LOAD).collect()
    for low, high in _stretches(counts):
        part = rows.filter(pl.col(LOAD).is_between(low, high)).collect().sort(LOAD, POSITION, maintain_order=True)
        yield from _pieces(part)


def _content(project: Project, content: str) -> pl.LazyFrame | None:
    """What an output of this content should hold; None when nothing was ever written. Held rows are numbered in their load."""
    if content == "quarantine":
        number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(LOAD)
        return project.lake.quarantine().drop("state").with_columns(number.alias(POSITION))
    table = project.predictions if content == "predictions" else project.features
    if not table.exists:
        return None
    return table.scan().filter(pl.col("_policy") == "as_known") if content == "features" else table.scan()


def _stretches(counts: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """First and last load of stretches of about `AT_ONCE` rows."""
    first, rows = None, 0
    for load, count in counts.iter_rows():
        first, rows = load if first is None else first, rows + count
        if rows >= AT_ONCE:
            yield first, load
            first, rows = None, 0
    if first is not None:
        yield first, load


def _pieces(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    places = rows.select(pl.struct(LOAD, POSITION)).to_series()
    edges = [0]
    for start in (places != places.shift()).fill_null(True).arg_true():
        if start - edges[-1] >= AT_ONCE:
            edges.append(start)
    for start, end in zip(edges, [*edges[1:], rows.height], strict=True):
        if end > start:
            yield rows.slice(start, end - start)


def require_place(project: Project) -> None:
    """Refuse a lake that cannot have a journal.

    Raises:
        NotReady: DS414.
    """
    if project.lake.root.path is None:
        raise NotReady(
            "DS414",
            f"a live run needs a folder on this machine, and the lake lies at {project.lake.root.uri}",
            facts=("what it takes is first written to a journal there",),
            hint="keep the lake on a local or mounted disk",
        )
