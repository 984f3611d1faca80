"""The whole of a live run: begin, turn, end; one record in the ledger."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dayshift.connectors.live import Tap
from dayshift.connectors.outputs import open_sinks
from dayshift.definition.duration import parse_duration
from dayshift.diagnostics import DayshiftError, counted, to_json
from dayshift.lake.journal import Journal
from dayshift.lake.lake import LIVE
from dayshift.runtimes import wiring
from dayshift.runtimes.live import starting
from dayshift.runtimes.live.keeping import Ended, Keeper
from dayshift.runtimes.live.log import LiveLog
from dayshift.runtimes.live.loop import Loop, Parts, Rhythm
from dayshift.runtimes.live.marks import Marks
from dayshift.runtimes.live.models import Models
from dayshift.runtimes.live.output import Answered, Output, Outputs, Roll
from dayshift.runtimes.live.retraining import Retraining
from dayshift.runtimes.live.status import StatusFile
from dayshift.runtimes.live.turns import Priorities, quick_turns, rare_collections
from dayshift.runtimes.live.upkeep import Upkeep
from dayshift.runtimes.live.voice import Voice
from dayshift.runtimes.live.worker import Worker
from dayshift.semantics.instants import microseconds

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings
    from dayshift.lifecycle.project import Project

VERB = "live"
WAITING_BATCHES = 2
"""So many micro-batches may be answered and not yet in the journal."""
WAITING_LOADS = 2
UPKEEP_SHARE = 3
"""Upkeep rests so many times as long as it took."""
END_SECONDS = 9.0
"""A clean stop is over by then: what is not in the lake is in the journal."""
ABANDON_SECONDS = 30.0
"""A write that was begun is waited for: the lake's lock must not be let go while somebody still writes."""
OUTPUT_SECONDS = 2.0
"""So long an output that cannot be reached is waited for at the end; the next run sends what it lacks."""
LONGEST_SAVE_S = 3.0
"""A state that takes longer to save is not saved at the end; the next run reads the events since the last one."""


@dataclass(frozen=True)
class LiveReport:
    """What a live run did: events and questions by it, rows of each output, the loads that it made, and why it ended."""

    pipeline: str
    began: dt.datetime
    ended: dt.datetime
    outcome: str
    events: int
    questions: int
    loads: int
    last_load: int
    settled: tuple[int, ...]
    outputs: dict[str, int]
    sources: dict[str, Any]
    model_swaps: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """Where events come from, and where answers go."""

    taps: tuple[Tap, ...]
    outputs: tuple[Output, ...] = ()


@dataclass
class Stop:
    """Asked to stop, by whom, and since when. Until it is `taking` events, nothing needs an end in order."""

    why: str | None = None
    since: float = 0.0
    taking: bool = False

    def ask(self, why: str) -> None:
        """Asks; may be called from a signal's handler, so it takes no lock and wakes nobody: the loop looks often enough."""
        if self.why is None:
            self.why, self.since = why, time.monotonic()

    def asked(self) -> bool:
        """Whether anybody asked."""
        return self.why is not None

    def waited(self) -> bool:
        """Whether it was asked so long ago that what cannot be reached is not waited for any more."""
        return self.asked() and time.monotonic() - self.since > OUTPUT_SECONDS


def run(
    project: Project,
    now: Callable[[], dt.datetime],
    stop: Stop,
    *,
    until_caught_up: bool = False,
    told: Callable[[str], None] = lambda text: None,
    given: Given | None = None,
) -> LiveReport:
    """Runs until it is asked to stop, or until nothing more is to be had; holds the lake's lock all the time.

    Args:
        project: what to run.
        now: the clock on the wall (aware, UTC): nothing that it says can change a value.
        stop: how it is asked to stop.
        until_caught_up: end by itself once all sources are at their end.
        told: called with a sentence when something happens that a person should know.
        given: taps and outputs in place of those that dayshift.toml names.

    Raises:
        DayshiftError: what the run cannot get over; what it had taken stands in the lake or in the journal.
    """
    starting.require_place(project)
    began = now()
    with project.lake.lock(), quick_turns(), rare_collections():
        try:
            return _run(project, now, stop, (until_caught_up, told, given or _named(project, now)))
        except DayshiftError as error:
            _record(project, "stopped", {"problems": [to_json(one) for one in error.problems]}, began)
            raise
        except Exception as error:
            _record(project, "broken", {"problems": [{"message": f"{type(error).__name__}: {error}"}]}, began)
            raise


def _record(project: Project, outcome: str, detail: dict[str, Any], at: dt.datetime) -> None:
    with suppress(DayshiftError):  # a full disk, mostly: the error itself is told
        whose = {"pipeline": project.pipeline.name, "fingerprint": project.pipeline_fingerprint}
        project.lake.ledger.append(VERB, outcome, {**whose, **detail}, at)


def _named(project: Project, now: Callable[[], dt.datetime]) -> Given:
    """The taps and outputs that dayshift.toml names."""
    from dayshift.connectors.opening import open_taps

    pipeline, settings, root = project.pipeline, project.settings, project.root
    taps = open_taps(pipeline, settings, root, clock_us=lambda: microseconds(now()))
    sinks = open_sinks(settings, pipeline.name, project.question_keys)
    return Given(
        tuple(taps), tuple(Output(name, settings.live.outputs[name].content, sink) for name, sink in sinks.items())
    )


def _run(
    project: Project,
    now: Callable[[], dt.datetime],
    stop: Stop,
    how: tuple[bool, Callable[[str], None], Given],
) -> LiveReport:
    (until_caught_up, told, given), began = how, now()
    begun = starting.bring_up(project, began)
    for note in begun.notes:
        told(note)
    live = _Live(project, now, stop, given)
    try:
        live.open(begun.state, told)
        with live.status(began, told):
            try:
                live.loop.run(stop.asked, until_caught_up)
            except BaseException as error:
                live.problem = str(error) or type(error).__name__
                with suppress(Exception):  # what could be taken is kept; the error that ended it is told
                    live.finish(save=False)
                raise
            live.finish()
    finally:
        live.close()
    return live.report(began, begun)


class _Live:
    """The parts of a running pipeline, opened in order and closed in order."""

    def __init__(self, project: Project, now: Callable[[], dt.datetime], stop: Stop, given: Given) -> None:
        settings = project.settings
        assert project.lake.root.path is not None
        self._project, self._now, self._stop = project, now, stop
        self._lake = wiring.lake_of(settings, project.root)  # for reading, on the loop's thread
        self._log = LiveLog(self._lake)
        self._journal = Journal(project.lake.root.path / LIVE)
        self._models = Models(project, _seconds(settings.live.models))
        self._taps, self._outputs = list(given.taps), list(given.outputs)
        self._retraining = Retraining(project)
        self._priorities = Priorities()
        self._marks = Marks(project.lake.root.path)
        self._keeper = Keeper(project, self._journal, now, self._settled, self._priorities.lower)
        self._lake_work: Worker[Ended] = Worker("lake", self._keeper, WAITING_LOADS)
        self._upkeep = Upkeep(project)
        self._upkeep_work: Worker[tuple[int, dt.datetime]] = Worker("upkeep", self._upkeep, 1)
        self._done = Outputs(self._journal, self._outputs, self._end_load, stop.waited)
        self._output_work: Worker[Answered | Roll] = Worker("output", self._done, WAITING_BATCHES)
        self._rhythm = _rhythm(settings)
        self._finished = False
        self.problem: str | None = None
        self._kept_up = 0.0

    def open(self, state: bytes | None, told: Callable[[str], None]) -> None:
        """Opens everything, the taps last: once they are open events come."""
        project = self._project
        self._models.begin()
        session = project.engine.session(project.pipeline, self._log.now, state)
        self._session = session
        door = starting.door_of(project, self._lake, self._log)
        starting.catch_up(project, self._outputs, self._marks, self._stop.asked, told)
        parts = Parts(
            project=project, taps=self._taps, door=door, session=session, models=self._models, log=self._log,
            put=self._output_work.put, upkeep=self._ask_upkeep, check=self._check, now=self._now, rhythm=self._rhythm,
        )  # fmt: skip
        self.loop = Loop(parts, project.lake.last_load + 1)
        self._models.told = lambda version: told(f"model {version} serves from load {self.loop.turn.load}")
        self._stop.taking = True
        known = starting.known_of(project)
        for tap in self._taps:
            tap.open({name: known[name] for name in tap.sources}, self.loop.wake.set)
        self._tell_begin(told)

    def _tell_begin(self, told: Callable[[str], None]) -> None:
        size, model = self._session.size, self._models.scorer
        serves = f"model {model.version}" if model else f"no model ({self._models.note})"
        told(
            f"live since load {self.loop.turn.load - 1}: {counted(len(self._project.pipeline.sources), 'source')}, {serves}, "
            f"{counted(size['keys'], 'key')} in {size['bytes'] / 1e6:,.1f} MB"
        )
        for tap in self._taps:
            address = getattr(tap, "address", None)
            if address:
                told(f"events of {', '.join(tap.sources)} are taken at http://{address}/events/...")

    def _check(self) -> None:
        self._output_work.check()
        self._lake_work.check()

    def _end_load(self, load: int, entries: list[Any], save: Callable[[], bytes] | None) -> None:
        self._lake_work.put(Ended(load, entries, save))

    def _settled(self, load: int) -> None:
        self._log.settled(load)
        self._marks.keep(self._outputs)

    def _ask_upkeep(self) -> None:
        self._retraining.look(self._now())
        rested = time.monotonic() - self._kept_up > UPKEEP_SHARE * self._upkeep.kept.seconds
        load = self._keeper.kept.last_load
        if rested and self._upkeep_work.idle and self._upkeep.wants(load):
            self._kept_up = time.monotonic()
            self._upkeep_work.put((load, self._now()))

    @contextmanager
    def status(self, began: dt.datetime, told: Callable[[str], None]) -> Iterator[None]:
        """Keeps the status file, and says what it waits for."""
        assert self._project.lake.root.path is not None
        voice = Voice(told)

        def read() -> dict[str, Any]:
            found = self._state(began)
            voice.hear({**found["taps"], **found["outputs"]})
            return found

        file = StatusFile(self._project.lake.root.path, read)
        file.begin()
        try:
            yield
        finally:
            file.end()

    def _state(self, began: dt.datetime) -> dict[str, Any]:
        state = "ended" if self._finished else "stopping" if self._stop.asked() else "running"
        state = state if self.problem is None else "stopped"
        model = self._models.scorer
        return {
            "pid": os.getpid(),
            "state": state,
            "problem": self.problem,
            "began": began,
            "at": self._now(),
            **self.loop.seen.state(),
            "load": self.loop.turn.load,
            "waiting_rows": self._log.rows,
            "engine": dict(self._session.size),
            "model": {
                "version": model.version if model else None,
                "swaps": self._models.swaps,
                "note": self._models.note,
            },
            "training": {"begun": self._retraining.begun, "note": self._retraining.note},
            "lake": dict(vars(self._keeper.kept)),
            "upkeep": dict(vars(self._upkeep.kept)),
            "journal": {"seconds": self._done.spent.journal, "bytes": self._done.spent.journal_bytes},
            "output_seconds": self._done.spent.outputs,
            "taps": {",".join(tap.sources): _told(tap) for tap in self._taps},
            "outputs": self._done.state(),
            "threads": threading.active_count(),
        }

    def finish(self, *, save: bool = True) -> None:
        """Ends the last load, and waits for the disk, the outputs and the lake, though not for ever.

        `save` False: a micro-batch may have been broken off, and the state would hold what is stored nowhere.
        """
        self._stop.ask("nothing more was to be had")
        until = self._stop.since + END_SECONDS
        self.loop.end(save=save and self._keeper.kept.checkpoint_s < LONGEST_SAVE_S)
        for work in (self._output_work, self._lake_work):
            if not work.finish(until - time.monotonic()):
                self._check()
                work.abandon(ABANDON_SECONDS)  # what it has not done stands in the journal, or nobody was told of it
        self._check()
        self._finished = True

    def close(self) -> None:
        """Closes everything that was opened, in whatever state."""
        self._models.end()
        self._retraining.end()
        self._upkeep.end()
        for tap in self._taps:
            with suppress(Exception):
                tap.close()
        self._output_work.abandon(ABANDON_SECONDS)
        self._lake_work.abandon(ABANDON_SECONDS)
        self._upkeep_work.abandon(ABANDON_SECONDS)
        self._priorities.restore()
        with suppress(Exception):  # an older mark does: some rows are sent again, into a topic that lost its own
            self._marks.keep(self._outputs)
        for output in self._outputs:
            with suppress(Exception):
                output.sink.close()

    def report(self, began: dt.datetime, begun: starting.Begun) -> LiveReport:
        """What was done; also the ledger's record."""
        seen, kept, upkeep = self.loop.seen, self._keeper.kept, self._upkeep.kept
        late = [f"output '{one.name}' could not be reached at the end; the next run sends what it lacks"
                for one in self._outputs if one.ended]  # fmt: skip
        if seen.unscored:
            late.append(f"{counted(seen.unscored, 'question')} without a prediction: {seen.why_unscored}")
        report = LiveReport(
            pipeline=self._project.pipeline.name,
            began=began,
            ended=self._now(),
            outcome=self._stop.why or "done",
            events=seen.events,
            questions=seen.questions,
            loads=kept.loads,
            last_load=self._project.lake.last_load,
            settled=begun.settled.loads,
            outputs={one.name: one.rows for one in self._outputs},
            sources=seen.state()["sources"],
            model_swaps=self._models.swaps,
            notes=(*late, *([upkeep.note] if upkeep.note else [])),
        )
        _record(self._project, "done", {"load": report.last_load, **vars(report)}, report.ended)
        return report


def _told(tap: Tap) -> dict[str, Any]:
    address = getattr(tap, "address", None)
    return {**({"address": address} if address else {}), **tap.state()}


def _rhythm(settings: Settings) -> Rhythm:
    live = settings.live
    lengths = (_seconds(one) for one in (live.commit, live.checkpoint, live.upkeep))
    pace = min(_seconds(live.pace), _seconds(live.commit))  # else a load would be late
    return Rhythm(live.batch_rows, pace, live.commit_rows, *lengths)


def _seconds(length: str) -> float:
    return parse_duration(length) / 1e6


__all__ = ["LiveReport", "Stop", "run"]
