"""Fewer and larger files, and the end of what retention says is over."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dayshift.definition import format_duration, parse_duration
from dayshift.diagnostics import Refused
from dayshift.lifecycle.horizon import longest_us
from dayshift.runtimes.report import plain
from dayshift.semantics.instants import microseconds

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

VERB = "compact"
HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class UpkeepReport:
    """How many files are fewer, and, when retention was applied, the events deleted by source and files deleted."""

    files_fewer: int
    events_deleted: dict[str, int]
    files_deleted: int


def run(project: Project, now: dt.datetime, *, retain: bool = False) -> UpkeepReport:
    """Merges small files; with `retain` also deletes what `[retention]` says is over. No later answer changes.

    Raises:
        Refused: DS731, `[retention] events` is shorter than what the pipeline's windows and labels need.
    """
    older = older_than(project, now) if retain else None
    with project.lake.lock():
        fewer, events, files = project.lake.compact(), {}, 0
        if retain:
            hours = parse_duration(project.settings.retention.versions) // HOUR_US
            done = project.lake.retain(older, hours, now)
            events, files = dict(done.rows), done.files
        report = UpkeepReport(fewer, events, files)
        project.lake.ledger.append(VERB, "done", {"pipeline": project.pipeline.name, **plain(report)}, now)
    return report


def older_than(project: Project, now: dt.datetime) -> int | None:
    """Before which `_position` events are over by `[retention] events`; None: they are kept for ever.

    Raises:
        Refused: DS731, that is shorter than what the pipeline's windows and labels need.
    """
    kept = project.settings.retention.events
    if kept is None:
        return None
    reach, feature = longest_us(project.pipeline)
    label = project.pipeline.label.ripe_after_us if project.pipeline.label is not None else 0
    needed = reach + label
    if parse_duration(kept) < needed:
        widest = f"the widest window, of '{feature}', reaches {format_duration(reach)} back" if reach else "no window"
        raise Refused(
            "DS731",
            f'[retention] events = "{kept}" would delete events that later answers need',
            facts=(widest, f"a label is ripe {format_duration(label)} after its question"),
            hint=f'in dayshift.toml: [retention] events = "{format_duration(needed + 7 * 24 * HOUR_US)}"',
        )
    return microseconds(now) - parse_duration(kept)
