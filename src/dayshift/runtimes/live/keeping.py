"""What becomes of micro-batches after a while: a load of the lake, and a saved state.

All of it on one thread. During a live run nobody else writes to the lake's tables, but for labels (upkeep.py).
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dayshift.lake.compaction import Extent
from dayshift.lake.journal import Entry, Journal
from dayshift.lifecycle import settle

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

COMPACT_LOADS, COMPACT_ROWS = 500, 2_000_000
"""So many loads make so many small files of each table, and so many rows of small loads take a second or two: then they are merged."""
SMALL = Extent(rows=2 * COMPACT_ROWS, files=2, below=100_000)
"""Nothing may keep the next loads waiting for long, so what is large enough to read is left to `dayshift compact`."""


@dataclass(frozen=True)
class Ended:
    """A load whose micro-batches are all in the journal; without entries, only a state behind it that is to be saved."""

    load: int
    entries: list[Entry]
    save: Callable[[], bytes] | None


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
        self._loads = self._rows = 0
        self.kept = Kept(last_load=project.lake.last_load)

    def __call__(self, works: Sequence[Ended]) -> None:
        """Does these works in order."""
        for work in works:
            self._begin()
            self._end(work)

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
        if work.entries:
            self._merge(sum(frame.height for entry in work.entries for frame in entry.frames.values()))

    def _merge(self, rows: int) -> None:
        """Merges the files of small loads, once there are enough of them; those of labels are not ours (upkeep.py).

        Args:
            rows: of the load that was written, in all tables.
        """
        self._loads += 1
        self._rows += rows if rows < (SMALL.below or 0) else 0
        if self._loads >= COMPACT_LOADS or self._rows >= COMPACT_ROWS:
            self._loads = self._rows = 0
            self._project.lake.compact(SMALL, ("features", "predictions"))
