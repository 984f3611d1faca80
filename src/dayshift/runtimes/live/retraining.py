"""Training by the calendar while a pipeline is live: `dayshift train` as a process of its own, when it is due.

It would take the loop's processor and hold up what comes, so it is not a thread here. The new model, once the gates agree,
is the champion of the registry, where the live run finds it (`models.py`).
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from dayshift.diagnostics import DayshiftError
from dayshift.runtimes import training
from dayshift.runtimes.live.turns import yielding

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

_SAID = 300


class Retraining:
    """Begins a training when the calendar asks for one, and hears what became of it; never two at once."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this; a pipe would fill up
        self.begun = 0
        self.note: str | None = None

    def look(self, now: dt.datetime) -> None:
        """Begins a training if one is due and none runs; hears of one that has ended."""
        if self._process is not None:
            self._hear()
        elif self._is_due(now):
            self._said.truncate(0)
            command = [sys.executable, "-m", "dayshift", "train", "-C", str(self._project.root), "--json"]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
            )
            yielding(self._process.pid)
            self.begun += 1
            self.note = "a model is being trained"

    def end(self) -> None:
        """Leaves a training that runs to itself: it writes nothing but a model and its record."""
        self._process = None

    def _is_due(self, now: dt.datetime) -> bool:
        try:
            return self._project.pipeline.model is not None and training.is_due(self._project, now)
        except DayshiftError:
            return False  # a ledger that cannot be read now is told by whoever needs it

    def _hear(self) -> None:
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            return
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()
        self._process, self.note = None, None if code == 0 else f"training was due and did not succeed: {said[:_SAID]}"
