"""The loop of a live run: take what has come, judge it, order it, answer it, hand it on.

This thread decides the log's order, alone. Everything slow, the disk, the brokers, the lake, is on the other side of a queue.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.connectors.live import Batch, Tap
from dayshift.definition import Calendar
from dayshift.engines.contract import LOAD
from dayshift.lake.journal import Entry
from dayshift.lifecycle.door.live import LiveDoor, Taken, plain_counts
from dayshift.lifecycle.settle import EVENTS, FEATURES, HELD, PREDICTIONS
from dayshift.runtimes.live.log import LiveLog
from dayshift.runtimes.live.models import Models
from dayshift.runtimes.live.output import Answered, Roll
from dayshift.runtimes.live.seen import Seen
from dayshift.semantics.instants import microseconds

if TYPE_CHECKING:
    from dayshift.engines.contract import Session
    from dayshift.lifecycle.project import Project

IDLE_SECONDS = 0.25
NAP_SECONDS = 0.05


@dataclass(frozen=True)
class Rhythm:
    """How often things are done: `most` events at once; seconds from one micro-batch's beginning to the next one's, at least;
    a load ends after so many rows or seconds; seconds between saved states and between upkeeps."""

    most: int
    pace_s: float
    commit_rows: int
    commit_s: float
    checkpoint_s: float
    upkeep_s: float


@dataclass(frozen=True)
class Parts:
    """What the loop works with. `put` hands a work to the output thread, `upkeep` asks for labels and warehouses."""

    project: Project
    taps: Sequence[Tap]
    door: LiveDoor
    session: Session
    models: Models
    log: LiveLog
    put: Callable[[Answered | Roll], None]
    upkeep: Callable[[], None]
    check: Callable[[], None]
    now: Callable[[], dt.datetime]
    rhythm: Rhythm


@dataclass
class Turn:
    """Where the loop stands: the load that is being filled, its rows and micro-batches, and when it began."""

    load: int
    rows: int = 0
    batches: int = 0
    begun: float | None = None
    saved: float = field(default_factory=time.monotonic)
    kept_up: float = field(default_factory=time.monotonic)


class Loop:
    """Turns until it is told to stop."""

    def __init__(self, parts: Parts, load: int) -> None:
        self._parts, self.turn = parts, Turn(load)
        self.wake = threading.Event()
        self.seen = Seen(parts.project.pipeline)
        self._on_calendar = isinstance(parts.project.pipeline.predict, Calendar)
        names = {FEATURES: parts.project.features.name, PREDICTIONS: parts.project.predictions.name}
        self._tables = {kind: name.split("/", 1)[1] for kind, name in names.items()}
        self._first = 0
        self._whole, self._unsaved = True, load > 1
        self._began = 0.0

    def run(self, stopped: Callable[[], bool], until_caught_up: bool) -> None:
        """Turns until `stopped()`, or, if asked, until nothing more is to be had.

        Raises:
            DayshiftError: a tap, an output or the lake came to an end that it cannot get over.
        """
        while not stopped():
            self._parts.check()
            if self.once():
                self._rest(stopped)
                continue
            if until_caught_up and all(tap.caught_up for tap in self._parts.taps) and not self.once():
                return
            self.wake.wait(self._patience())
            self.wake.clear()

    def once(self) -> bool:
        """One micro-batch, if there is anything; and what is due by the clock. Whether there was anything."""
        batches = self._batches()
        if batches:
            self._take(batches)
        self._by_the_clock()
        return bool(batches)

    def end(self, *, save: bool) -> None:
        """Ends the load that is being filled; the state behind it is saved, or that behind the last one."""
        if self.turn.batches:
            self._roll(save=save)
        elif save:
            self._save()

    def _rest(self, stopped: Callable[[], bool]) -> None:
        """Lets events come together: a micro-batch of many costs hardly more than one of a few, on all threads and brokers."""
        until = self._began + self._parts.rhythm.pace_s
        while (left := until - time.monotonic()) > 0 and not stopped():
            time.sleep(min(left, NAP_SECONDS))

    # One micro-batch

    def _batches(self) -> list[tuple[Tap, Batch]]:
        """What has come: of each tap its share at most, of who has more what the others leave; another one is first each time."""
        taps, room = self._parts.taps, self._parts.rhythm.most
        self._first = (self._first + 1) % len(taps)
        order, share = [*taps[self._first :], *taps[: self._first]], max(1, room // len(taps))
        found: list[tuple[Tap, Batch]] = []
        for most, some in ((share, order), (room, order)) if len(taps) > 1 else ((room, order),):
            for tap in some:
                batch = tap.take(min(most, room)) if room > 0 else None
                if batch is not None:
                    found.append((tap, batch))
                    room -= batch.read
        return found

    def _take(self, batches: Sequence[tuple[Tap, Batch]]) -> None:
        parts, now, self._began = self._parts, self._parts.now(), time.monotonic()
        clock = self.seen.clock()
        arrived = [one for _, batch in batches for one in batch.arrived]
        taken = parts.door.take(arrived, self.turn.load, microseconds(now))
        clock("door")
        parts.log.add(self.turn.load, taken.events)
        self._whole = False  # from here until it is handed on the session knows what nobody else does
        features = parts.session.take(taken.events)
        clock("features")
        entry = self._entry(taken, batches, features, now)
        clock("model")
        parts.put(Answered(self.turn.load, entry, _whom(batches, taken)))
        self._whole = True
        clock("handing on")
        self.seen.took(taken, features.height)
        self._count(taken.rows)

    def _entry(
        self, taken: Taken, batches: Sequence[tuple[Tap, Batch]], features: pl.DataFrame, now: dt.datetime
    ) -> Entry:
        frames = {f"{EVENTS}{name}": frame for name, frame in taken.events.items()}
        if taken.held.height:
            frames[HELD] = taken.held
        about: dict[str, Any] = {
            "counts": plain_counts(taken.counts),
            "cursors": {name: text for _, batch in batches for name, text in batch.cursors.items()},
            "origins": _origins(batches),
        }
        return self._answered(frames, about, features, now)

    def _answered(
        self, frames: dict[str, pl.DataFrame], about: dict[str, Any], features: pl.DataFrame, now: dt.datetime
    ) -> Entry:
        project, scorer = self._parts.project, self._parts.models.scorer
        if features.height:
            if self._on_calendar:
                features = features.with_columns(pl.lit(self.turn.load, pl.Int64).alias(LOAD))
            frames[FEATURES] = features
            if scorer is not None:
                frames[PREDICTIONS], why = scorer.those_it_can(features, now)
                self.seen.scored(features.height - frames[PREDICTIONS].height, why)
        own = {
            name: frame.clone() for name, frame in frames.items()
        }  # frames are not shared between threads: journal.py
        return Entry(own, {**about, "asker": project.pipeline.asker.name, "tables": self._tables})

    # By the clock

    def _count(self, rows: int) -> None:
        turn = self.turn
        turn.rows, turn.batches = turn.rows + rows, turn.batches + 1
        if turn.begun is None:
            turn.begun = time.monotonic()

    def _by_the_clock(self) -> None:
        turn, rhythm, now = self.turn, self._parts.rhythm, time.monotonic()
        if turn.begun is not None and (turn.rows >= rhythm.commit_rows or now - turn.begun >= rhythm.commit_s):
            self._roll(save=now - turn.saved >= rhythm.checkpoint_s)
        elif turn.begun is None and now - turn.saved >= rhythm.checkpoint_s:
            self._save()  # nothing more came; what came before need not be read again
        if now - turn.kept_up >= rhythm.upkeep_s:
            turn.kept_up = now
            self._parts.upkeep()

    def _roll(self, *, save: bool) -> None:
        turn = self.turn
        snapshot = self._parts.session.snapshot(turn.load) if save and self._whole else None
        self._parts.put(Roll(turn.load, snapshot))
        self._unsaved = snapshot is None
        saved = turn.saved if snapshot is None else time.monotonic()
        self.turn = Turn(turn.load + 1, saved=saved, kept_up=turn.kept_up)

    def _save(self) -> None:
        """Saves the state behind the last load, if none was saved there."""
        if self._unsaved and self._whole:
            last = self.turn.load - 1
            self._parts.put(Roll(last, self._parts.session.snapshot(last)))
            self._unsaved = False
        self.turn.saved = time.monotonic()

    def _patience(self) -> float:
        begun = self.turn.begun
        if begun is None:
            return IDLE_SECONDS
        return max(0.0, min(IDLE_SECONDS, begun + self._parts.rhythm.commit_s - time.monotonic()))


def _whom(batches: Sequence[tuple[Tap, Batch]], taken: Taken) -> tuple[tuple[Tap, Batch, Any], ...]:
    """Each tap's batch with the outcomes of what came in it."""
    found, at = [], 0
    for tap, batch in batches:
        end = at + len(batch.arrived)
        found.append((tap, batch, taken.outcomes[at:end]))
        at = end
    return tuple(found)


def _origins(batches: Sequence[tuple[Tap, Batch]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for _, batch in batches:
        for name, origins in batch.origins.items():
            found.setdefault(name, []).extend(dict(vars(origin)) for origin in origins)
    return found


__all__ = ["Loop", "Parts", "Rhythm", "Turn"]
