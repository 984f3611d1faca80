"""The log as a live run knows it: what the lake holds, and behind it what is on its way there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from dayshift.diagnostics import NotReady

if TYPE_CHECKING:
    from dayshift.lake import Lake
    from dayshift.lake.log import LakeLog

NEVER_LOADED = "DS410"


class LiveLog:
    """Every event taken so far; one of these for the whole run, `now` is a view that does not change any more.

    Args:
        lake: only read here.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._guard = threading.Lock()
        self._base = lake.as_log()
        self._pending: list[tuple[int, Mapping[str, pl.DataFrame]]] = []

    @property
    def rows(self) -> int:
        """How many events are on their way to the lake."""
        return sum(frame.height for _, frames in self._pending for frame in frames.values())

    def add(self, load: int, events: Mapping[str, pl.DataFrame]) -> None:
        """Says that these events were taken; they will belong to this load."""
        with self._guard:
            self._pending.append((load, events))

    def settled(self, load: int) -> None:
        """Says that the lake holds all loads up to this one."""
        base = self._lake.as_log()
        with self._guard:
            self._base = base
            self._pending = [(one, frames) for one, frames in self._pending if one > load]

    def now(self) -> View:
        """The log as it is at this moment."""
        with self._guard:
            return View(self._base, list(self._pending))

    def where(self, source: str, wanted: pl.Expr) -> pl.DataFrame:
        """The events of a source for which an expression is true, in the log's order."""
        view = self.now()
        parts = [frame.filter(wanted) for frame in view.pending(source)]
        try:
            parts.insert(0, view.base.scan(source).filter(wanted).collect())
        except NotReady as error:
            if error.problems[0].code != NEVER_LOADED:
                raise
        return pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame()


class View:
    """A log (`engines.contract.Log`): loads of the lake, and frames of loads to come."""

    def __init__(self, base: LakeLog, pending: list[tuple[int, Mapping[str, pl.DataFrame]]]) -> None:
        self.base, self._pending = base, pending

    @property
    def last_load(self) -> int:
        """The last load, of those to come too."""
        return max([self.base.last_load, *(load for load, _ in self._pending)])

    def pending(self, source: str) -> list[pl.DataFrame]:
        """The frames of a source that are not in the lake yet."""
        return [frames[source] for _, frames in self._pending if source in frames]

    def scan(self, source: str) -> pl.LazyFrame:
        """All events of a source, with `_load` and `_position`.

        Raises:
            NotReady: DS410, none was ever taken.
        """
        frames: list[pl.LazyFrame] = [frame.lazy() for frame in self.pending(source)]
        try:
            frames.insert(0, self.base.scan(source))
        except NotReady as error:
            if not frames or error.problems[0].code != NEVER_LOADED:
                raise
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal_relaxed")

    def bits(self, source: str) -> Mapping[str, int]:
        """The measured power of two of the source's float columns."""
        return self.base.bits(source)

    def made(self) -> Mapping[int, int]:
        """When each load was made; those to come are not told."""
        return self.base.made()
