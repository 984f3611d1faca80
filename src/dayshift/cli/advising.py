"""Computing an advice while somebody looks: a live table on a terminal, Ctrl-C for the advice so far."""

from __future__ import annotations

import datetime as dt
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dayshift.adviser import say
from dayshift.cli.tables import talk
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.adviser.evidence import Advice
    from dayshift.adviser.tracks import Progress, Track
    from dayshift.lifecycle.project import Project

QUIET_S = 15.0
"""How often something is said where no terminal shows a table."""


def compute(project: Project, now: dt.datetime, *, seconds: float | None, quiet: bool, cache: str) -> Advice:
    """The advice of a project's lake; an empty lake is loaded first, as `dayshift run` would.

    Raises:
        NotReady: the sources or the lake are not ready, or the history holds no question.
    """
    from dayshift.adviser.history import read_history, require
    from dayshift.adviser.pool import Workers
    from dayshift.adviser.run import AdviseRequest, advise
    from dayshift.engines.local.memory import keep_no_large

    keep_no_large()
    require(project.pipeline)
    if not project.lake.last_load:
        _load(project, now, quiet=quiet)
    with _watching(quiet=quiet) as looks, _interruptible() as asked_to_stop:
        request = AdviseRequest(
            now_us=(now - EPOCH) // dt.timedelta(microseconds=1),
            settings=project.settings,
            root=project.root,
            cache=project.root / cache,
            bytes_by_source=project.lake.stored_bytes(),
            seconds=seconds,
            told=looks.told,
            stage=looks.stage,
            stop=asked_to_stop.is_set,
        )
        looks.stage("reading the history")
        pool = Workers(project.pipeline, project.settings.advise.workers) if project.settings.advise.workers else None
        try:
            return advise(read_history(project.pipeline, project.lake.as_log()), request, pool=pool)
        finally:
            if pool is not None:
                pool.close()


def asked_profile(project: Project) -> Project:
    """The project with what the team says of itself, asked on a terminal; as it is where nobody looks or all is declared."""
    if project.settings.team.model_fields_set or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return project
    from rich.markup import escape
    from rich.prompt import Confirm, Prompt

    from dayshift.adviser.team import parse_answer, profile_questions, profile_toml

    console = _console()
    offer = escape("Nobody declared [team]. Answer twelve short questions now?")
    if not Confirm.ask(offer, default=False, console=console):
        return project
    answers: dict[str, Any] = {}
    for question in profile_questions():
        while question.setting not in answers:
            try:
                asked = escape(f"{question.text} ({question.answers})")
                said = Prompt.ask(asked, default="", show_default=False, console=console)
                answers[question.setting] = parse_answer(question, said)
            except ValueError as fault:
                talk(str(fault))
    talk(f"to keep these answers, paste into dayshift.toml:\n\n{profile_toml(answers)}\n")
    given = {name: value for name, value in answers.items() if value is not None}
    team = project.settings.team.model_validate(given)
    return replace(project, settings=project.settings.model_copy(update={"team": team}))


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def _load(project: Project, now: dt.datetime, *, quiet: bool) -> None:
    from dayshift.cli.progress import progress
    from dayshift.lifecycle.ingest import ingest

    talk("the lake is empty: loading the sources first, as `dayshift run` does")
    with progress(quiet=quiet) as told:
        ingest(project.pipeline, project.settings, project.lake, project.root, now, told)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """The first Ctrl-C asks for the advice so far, the second one interrupts."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)
        talk("stopping: the advice so far follows; Ctrl-C again leaves at once")

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


class _Silent:
    """Says a line now and then, where no terminal shows a table."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._said = quiet, time.monotonic()
        self._begun = self._said

    def stage(self, name: str) -> None:
        """A part begins."""
        self._say(name)

    def told(self, fit: Progress) -> None:
        """A fit is done."""
        self._say(f"{fit.done} of {fit.total} fits")

    def _say(self, text: str) -> None:
        now = time.monotonic()
        if not self._quiet and now - self._said >= QUIET_S:
            self._said = now
            talk(f"{now - self._begun:.0f} s: {text}")


class _Shown:
    """A table that fills while the replay goes on: one line a track, with the gain so far."""

    def __init__(self, live: Any) -> None:
        self._live, self._name = live, "reading the history"
        self._tracks: dict[Track, Progress] = {}
        self._begun = time.monotonic()

    def stage(self, name: str) -> None:
        """A part begins."""
        self._name = name
        self._draw()

    def told(self, fit: Progress) -> None:
        """A fit is done."""
        self._tracks[fit.track] = fit
        self._draw()

    def _draw(self) -> None:
        from rich import box
        from rich.table import Table

        title = f"{self._name}, {time.monotonic() - self._begun:.0f} s (Ctrl-C: the advice so far)"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for name in ("replayed", "fits", "gain so far", "lost by ageing"):
            table.add_column(name, justify="left" if name == "replayed" else "right")
        for track, fit in self._tracks.items():
            numbers = ["–" if value is None else say.number(value) for value in (fit.gain, fit.lost)]
            table.add_row(called(track), f"{fit.fits}/{fit.of}", *numbers)
        self._live.update(table)


def called(track: Track) -> str:
    """A track in words."""
    parts = [
        {"none": "no window features"}.get(track.situation.freshness, f"features as of {track.situation.freshness}")
    ]
    if track.situation.label_delay_us is not None:
        parts.append(f"labels after {say.duration(track.situation.label_delay_us)}")
    parts.append("all history" if track.window_us is None else f"last {say.duration(track.window_us)}")
    if track.family != "declared":
        parts.append("second family")
    return ", ".join([*parts, f"seed {track.seed}"])


@contextmanager
def _watching(*, quiet: bool) -> Iterator[_Silent | _Shown]:
    if quiet or not sys.stderr.isatty():
        yield _Silent(quiet=quiet)
        return
    from rich.live import Live

    with Live(console=_console(), refresh_per_second=4, transient=True) as live:
        yield _Shown(live)
