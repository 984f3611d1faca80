"""What becomes of micro-batches after a while: a load of the lake, a saved state, labels, rows in warehouses.

All of it on one thread, the only one that writes to the lake's tables during a live run.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dayshift.diagnostics import DayshiftError
from dayshift.lake.journal import Entry, Journal
from dayshift.lifecycle import settle
from dayshift.lifecycle.deliver import DeliveryReport, deliver
from dayshift.lifecycle.labels import update_labels
from dayshift.runtimes.past import delivered_so_far

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

COMPACT_EVERY = 500
"""So many loads make so many small files of each table; then they are merged."""


@dataclass(frozen=True)
class Ended:
    """A load whose micro-batches are all in the journal; without entries, only a state behind it that is to be saved."""

    load: int
    entries: list[Entry]
    save: Callable[[], bytes] | None


class Upkeep:
    """The work to be done now and then; there is one of it, which says nothing more."""


@dataclass
class Kept:
    """What was done, for the status: seconds of the last time, and when."""

    loads: int = 0
    last_load: int = 0
    commit_s: float = 0.0
    checkpoint_s: float = 0.0
    checkpoint_bytes: int = 0
    checkpoint_load: int = 0
    committed_at: dt.datetime | None = None
    labels: int = 0
    upkeep_s: float = 0.0
    note: str | None = None


class Keeper:
    """Does the works of the lake's thread.

    Args:
        project: whose lake.
        journal: whose records are deleted once they are in the lake.
        now: the clock on the wall.
        settled: told of every load that the lake then holds.
        begin: called on this thread before each work.
    """

    def __init__(
        self,
        project: Project,
        journal: Journal,
        now: Callable[[], dt.datetime],
        settled: Callable[[int], None],
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._project, self._journal, self._now, self._settled, self._begin = project, journal, now, settled, begin
        self._delivered: dict[str, DeliveryReport] | None = None
        self.kept = Kept()

    def __call__(self, works: Sequence[Ended | Upkeep]) -> None:
        """Does these works in order."""
        for work in works:
            self._begin()
            if isinstance(work, Ended):
                self._end(work)
            else:
                self._upkeep()

    def _end(self, work: Ended) -> None:
        begun, kept = time.perf_counter(), self.kept
        if work.entries:
            settle.commit(self._project, work.load, work.entries, self._now())
            kept.loads, kept.last_load, kept.committed_at = kept.loads + 1, work.load, self._now()
            self._settled(work.load)
            kept.commit_s = time.perf_counter() - begun
        if work.save is not None:
            begun = time.perf_counter()
            state = work.save()
            self._project.lake.state(self._project.pipeline.name).save(self._project.fingerprint, work.load, state)
            kept.checkpoint_s, kept.checkpoint_bytes = time.perf_counter() - begun, len(state)
            kept.checkpoint_load = work.load
        self._journal.forget(work.load)
        if work.entries and kept.loads % COMPACT_EVERY == 0:
            self._project.lake.compact()

    def _upkeep(self) -> None:
        """Labels and warehouses: what fails is told and tried again the next time, the run goes on."""
        begun, project = time.perf_counter(), self._project
        try:
            if project.pipeline.label is not None and project.lake.last_load:
                self.kept.labels += update_labels(project, self._now()).written
            if project.settings.destinations:
                if self._delivered is None:
                    self._delivered = delivered_so_far(project)
                for report in deliver(project, self._delivered):
                    self._delivered[report.destination] = report
            self.kept.note = None
        except Exception as error:  # noqa: BLE001 - whatever a warehouse's driver raises, the run goes on
            said = str(error) if isinstance(error, DayshiftError) else f"{type(error).__name__}: {error}"
            self.kept.note = f"upkeep did not succeed and is tried again: {said}"
        self.kept.upkeep_s = time.perf_counter() - begun
