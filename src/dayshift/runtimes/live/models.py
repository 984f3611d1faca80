"""The model that serves: the champion, exchanged between two micro-batches when the registry has another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from dayshift.diagnostics import DayshiftError
from dayshift.learners.registry import CHAMPION
from dayshift.lifecycle.score import Scorer

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

_NEVER = "no champion yet: run `dayshift train`"
_GONE = "no champion in the registry, though the lake holds predictions: was the registry moved?"


class Models:
    """Asks the registry now and then, on a thread of its own; a model that cannot serve is told, and the one before stays."""

    def __init__(self, project: Project, every_seconds: float) -> None:
        self._project, self._every = project, every_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.scorer: Scorer | None = None
        self.note: str | None = None
        self.swaps = 0
        self.told: Callable[[str], None] = lambda version: None
        """Called with the version of each model that serves from now on; whoever sets it late has missed the first."""

    def begin(self) -> None:
        """Loads the champion, and looks for others from now on.

        Raises:
            Refused: DS630, DS632, the champion was made for another definition.
        """
        if self._project.pipeline.model is None:
            self.note = "the pipeline has no model"
            return
        self._look()
        self._thread = threading.Thread(target=self._watch, name="dayshift-models", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Looks no more."""
        self._stop.set()

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._look()
            except DayshiftError as error:
                self.note = f"the champion cannot serve: {error}"
            except Exception as error:  # noqa: BLE001 - a registry that is away for a while must not end the run
                self.note = f"the registry cannot be asked: {type(error).__name__}: {error}"

    def _look(self) -> None:
        name = self._project.pipeline.name
        version = self._project.registry.alias(name, CHAMPION)
        if version is None:
            self.note = _GONE if self._project.predictions.exists else _NEVER
            return
        if self.scorer is None or self.scorer.version != str(version):
            made = Scorer(self._project.pipeline, self._project.registry.load(name, version))
            self.swaps += self.scorer is not None
            self.scorer = made
            self.told(made.version)
        self.note = None
