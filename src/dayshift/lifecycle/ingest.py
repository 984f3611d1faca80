"""Ingest: what is new in every source of a pipeline, through the door, into one load of the lake.

A load is all or nothing: every source is read to its end, every row is judged, thresholds and freshness are looked
at, and then one commit makes it visible. What stops it, a source that is absent, a column that is missing, too many bad
rows, `kill -9`, leaves the lake as it was, and the next run reads the same files again.
"""

import datetime as dt
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from dayshift.connectors import Origin, Reader, ReadPlan, open_source
from dayshift.connectors.live import Known
from dayshift.connectors.opening import section_of
from dayshift.connectors.sql import not_after
from dayshift.definition import Pipeline, Source, format_duration, parse_duration
from dayshift.definition.settings import Settings, SourceSettings
from dayshift.diagnostics import Problem, Refused
from dayshift.lake import Lake, LoadRecord
from dayshift.lake import Origin as LakeOrigin
from dayshift.lifecycle.door.intake import Intake
from dayshift.lifecycle.door.prefetch import ahead
from dayshift.semantics.instants import microseconds

Progress = Callable[[str, int, float], None]
"""Called with a source's name, its rows read so far, and the seconds so far."""

REFUSED = "refused"
_WAITING = "ingest.tmp"


@dataclass(frozen=True)
class SourceReport:
    """One source in one load. read = loaded + quarantined + duplicates + filtered.

    `reasons` counts quarantined rows by code; `ignored` are columns that came and are declared nowhere; `coarse` counts,
    by float column, values that its grid moved by more than a millionth; `newest_us` the newest event time read.
    """

    source: str
    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    filtered: int = 0
    bytes: int = 0
    seconds: float = 0.0
    origins: tuple[Origin, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    cursor: str | None = None
    ignored: tuple[str, ...] = ()
    coarse: dict[str, int] = field(default_factory=dict)
    newest_us: int | None = None

    @property
    def changed(self) -> bool:
        """Whether there is anything that a commit would have to keep."""
        return bool(self.loaded or self.quarantined or any(origin.sha256 for origin in self.origins))


@dataclass(frozen=True)
class LoadReport:
    """What a load brought; `load` is its number, None when nothing was new and nothing was committed."""

    load: int | None
    sources: tuple[SourceReport, ...] = ()

    @property
    def read(self) -> int:
        """Rows read, of all sources."""
        return sum(one.read for one in self.sources)

    @property
    def loaded(self) -> int:
        """Rows that are events now."""
        return sum(one.loaded for one in self.sources)

    @property
    def quarantined(self) -> int:
        """Rows that are held."""
        return sum(one.quarantined for one in self.sources)

    @property
    def duplicates(self) -> int:
        """Rows that said again what is known."""
        return sum(one.duplicates for one in self.sources)


@dataclass(frozen=True)
class _Part:
    """One source of the pipeline: how it is read, and what is new in it."""

    source: Source
    settings: SourceSettings
    reader: Reader
    plan: ReadPlan


def ingest(
    pipeline: Pipeline, settings: Settings, lake: Lake, root: Path, now: dt.datetime, progress: Progress | None = None
) -> LoadReport:
    """Loads what is new in all sources of the pipeline, in one commit.

    Args:
        pipeline, settings: what to read, and from where.
        lake: where to.
        root: the folder that paths in the settings start from.
        now: the load's time, aware; freshness is measured against it.
        progress: called after every chunk.

    Raises:
        NotReady: DS3xx, a source cannot be read; DS4xx, the lake cannot be written.
        Refused: DS360, too many rows would be held; DS361 to DS363, columns changed; DS364, a source is stale.
        DefinitionError: DS365, a source has no section; DS366, an expression cannot be computed.

    In every case nothing of the load is visible. The rows that would have been held are kept in `refused/` in the
    lake's folder.
    """
    with lake.lock():
        parts = _planned(pipeline, settings, lake, Path(root))
        if not any(part.plan.origins for part in parts):
            reports = [SourceReport(part.source.name) for part in parts]
            _refuse(_stale(parts, reports, lake, now))
            return LoadReport(None, tuple(reports))
        with lake.begin_load(now) as load, waiting_room(lake) as folder:
            intakes = {
                part.source.name: Intake(part.source, part.settings, lake, load, folder / str(n))
                for n, part in enumerate(parts)
            }
            reports = [_read(part, intakes[part.source.name], now, progress or _silent) for part in parts]
            held = _kept(_too_many(parts, reports, settings), intakes, lake, now)
            _refuse([*held, *_stale(parts, reports, lake, now)])
            if not any(report.changed for report in reports) and not _moved(parts, reports):
                return LoadReport(None, tuple(reports))
            load.commit(*(_record(report) for report in reports if report.read or report.origins))
            return LoadReport(load.number, tuple(reports))


def to_read(pipeline: Pipeline, settings: Settings, lake: Lake, root: Path) -> dict[str, ReadPlan]:
    """What `ingest` would read now, by source; nothing is read for it but listings and changed files' hashes.

    Raises:
        NotReady: DS3xx, a source cannot be reached.
        DefinitionError: DS365, a source has no section.
    """
    return {part.source.name: part.plan for part in _planned(pipeline, settings, lake, Path(root))}


def _silent(name: str, rows: int, seconds: float) -> None:
    """The progress that nobody looks at."""


def _planned(pipeline: Pipeline, settings: Settings, lake: Lake, root: Path) -> list[_Part]:
    loads = lake.loads().sort("load")
    parts = []
    for source in pipeline.sources:
        given = section_of(source, settings.sources)
        known = known_of(loads, source.name)
        reader = open_source(source, given, settings.ingest, root)
        parts.append(_Part(source, given, reader, reader.plan(known.manifest, known.cursor)))
    return parts


def known_of(loads: pl.DataFrame, source: str) -> Known:
    """How far a source has been taken, by these loads in their order; a lake of before they had stamps has null there."""
    mine = loads.filter(pl.col("source") == source)
    manifest = tuple(
        Origin(**origin, stamp=stamp)
        for origins, stamps in zip(mine["origins"], mine["stamps"], strict=True)
        for origin, stamp in zip(origins, [0] * len(origins) if stamps is None else stamps, strict=True)
    )
    cursors = mine["cursor"].drop_nulls()
    return Known(manifest, cursors[-1] if len(cursors) else None)


def _read(part: _Part, intake: Intake, now: dt.datetime, progress: Progress) -> SourceReport:
    started, size = time.perf_counter(), 0
    for chunk in ahead(part.reader.chunks(part.plan)):
        intake.take(chunk)
        size += chunk.bytes
        progress(part.source.name, intake.read, time.perf_counter() - started)
    counts, bookmark = intake.finish(), part.reader.bookmark()
    return SourceReport(
        source=part.source.name,
        read=counts.read,
        loaded=counts.loaded,
        quarantined=counts.quarantined,
        duplicates=counts.duplicates,
        filtered=counts.filtered,
        bytes=size,
        seconds=round(time.perf_counter() - started, 6),
        origins=bookmark.origins,
        reasons=counts.reasons,
        cursor=not_after(bookmark.cursor, now, part.settings.timezone),
        ignored=tuple(sorted(intake.drift.ignored)),
        coarse=intake.coarse,
        newest_us=intake.newest_us,
    )


def _record(report: SourceReport) -> LoadRecord:
    return LoadRecord(
        report.source,
        read=report.read,
        loaded=report.loaded,
        quarantined=report.quarantined,
        duplicates=report.duplicates,
        filtered=report.filtered,
        bytes=report.bytes,
        seconds=report.seconds,
        origins=tuple(LakeOrigin(one.path, one.size, one.sha256, one.rows, one.stamp) for one in report.origins),
        cursor=report.cursor,
    )


def _moved(parts: Sequence[_Part], reports: Sequence[SourceReport]) -> bool:
    """Whether a table's cursor is another than before."""
    return any(report.cursor != part.plan.cursor for part, report in zip(parts, reports, strict=True) if report.cursor)


# What stops a load


def too_many(report: SourceReport, most: float) -> Problem | None:
    """The problem of a source of whose rows more than the share `most` would be held."""
    belonging = report.read - report.filtered
    if not belonging or report.quarantined <= most * belonging:
        return None
    enough = math.ceil(100 * report.quarantined / belonging) / 100
    reasons = ", ".join(f"{code}: {count:,}" for code, count in sorted(report.reasons.items(), key=lambda one: -one[1]))
    return Problem(
        "DS360",
        f"source '{report.source}': {report.quarantined:,} of {belonging:,} rows break their contract, "
        f"more than max_quarantine = {most:g} allows",
        facts=(reasons, "nothing was loaded"),
        hint=f"[sources.{report.source}]\nmax_quarantine = {enough:g}    # or repair the input and run again",
    )


def _too_many(parts: Sequence[_Part], reports: Sequence[SourceReport], settings: Settings) -> dict[str, Problem]:
    found = {}
    for part, report in zip(parts, reports, strict=True):
        own = part.settings.max_quarantine
        problem = too_many(report, settings.ingest.max_quarantine if own is None else own)
        if problem is not None:
            found[report.source] = problem
    return found


def _kept(problems: dict[str, Problem], intakes: dict[str, Intake], lake: Lake, now: dt.datetime) -> list[Problem]:
    """The problems with the first reasons, and the file in which all rows are."""
    told = []
    for source, problem in problems.items():
        frames = list(intakes[source].held_rows())
        facts = [
            f"{row['origin']} row {row['row']}: {row['code']} {row['reason']}" for row in frames[0].head(3).to_dicts()
        ]
        if lake.root.path is not None:
            file = lake.root.path / REFUSED / f"{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}-{source}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w", encoding="utf-8") as out:
                out.writelines(
                    json.dumps(row, ensure_ascii=False) + "\n"
                    for frame in frames
                    for row in frame.iter_rows(named=True)
                )
            facts.append(f"all {sum(frame.height for frame in frames):,} rows: {file}")
        told.append(replace(problem, facts=(*problem.facts, *facts)))
    return told


def _stale(parts: Sequence[_Part], reports: Sequence[SourceReport], lake: Lake, now: dt.datetime) -> list[Problem]:
    problems = []
    for part, report in zip(parts, reports, strict=True):
        if part.settings.freshness is None:
            continue
        newest = [time for time in (report.newest_us, _newest_us(lake, part.source)) if time is not None]
        now_us = microseconds(now)
        age = now_us - max(newest) if newest else None
        if age is None or age > parse_duration(part.settings.freshness):
            shown = f"is {format_duration(age // 1_000_000 * 1_000_000)} old" if age is not None else "does not exist"
            problems.append(
                Problem(
                    "DS364",
                    f"source '{part.source.name}' is stale: its newest event {shown}, allowed is {part.settings.freshness}",
                    facts=("nothing was loaded",),
                    hint=f"find out why nothing comes, or relax `freshness` in [sources.{part.source.name}]",
                )
            )
    return problems


def _newest_us(lake: Lake, source: Source) -> int | None:
    if not lake.has_events(source.name):
        return None
    newest = lake.events(source.name).select(pl.col(source.time).max().dt.epoch("us")).collect().item()
    return None if newest is None else int(newest)


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise Refused(problems)


@contextmanager
def waiting_room(lake: Lake) -> Iterator[Path]:
    """A folder on the lake's disk for what has to wait; what a killed run left in it is deleted first."""
    if lake.root.path is None:
        with tempfile.TemporaryDirectory(prefix="dayshift-") as name:
            yield Path(name)
        return
    folder = lake.root.path / _WAITING
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
