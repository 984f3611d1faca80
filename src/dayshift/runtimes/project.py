"""From a folder to a project that can run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dayshift.definition.check import check
from dayshift.definition.loading import load_pipeline, read_settings
from dayshift.diagnostics import DefinitionError, Problem
from dayshift.lifecycle.project import Project
from dayshift.runtimes import wiring

if TYPE_CHECKING:
    from dayshift.definition import Pipeline
    from dayshift.definition.settings import Settings

SETTINGS = "dayshift.toml"


def open_project(folder: Path, warned: Callable[[list[Problem]], None] | None = None) -> Project:
    """Reads `dayshift.toml` and the pipeline file beside it, and checks both; `warned` gets what is no error.

    Raises:
        DefinitionError: everything that is wrong with the definition and the settings, at once.
        UsageError: DS1xx, there is no project in the folder.
    """
    root = folder.resolve()
    settings = read_settings(root / SETTINGS)
    pipeline = load_pipeline(root / settings.pipeline)
    problems = check(pipeline, settings)
    if any(problem.severity == "error" for problem in problems):
        raise DefinitionError([problem for problem in problems if problem.severity == "error"])
    if problems and warned is not None:
        warned(problems)
    return _project(root, settings, pipeline)


def project_at(root: Path, settings: Settings) -> Project:
    """The project in a folder with settings that were read and checked before.

    Raises:
        DefinitionError: the pipeline file is no pipeline any more.
    """
    return _project(root, settings, load_pipeline(root / settings.pipeline))


def _project(root: Path, settings: Settings, pipeline: Pipeline) -> Project:
    return Project(
        root=root,
        pipeline=pipeline,
        settings=settings,
        lake=wiring.lake_of(settings, root),
        engine=wiring.engine_of(settings),
        open_registry=partial(wiring.registry_of, settings, root),
    )
