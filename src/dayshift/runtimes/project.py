"""From a folder to a project that can run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from dayshift.definition.check import check
from dayshift.definition.loading import load_pipeline, read_settings
from dayshift.diagnostics import DefinitionError
from dayshift.lifecycle.project import Project
from dayshift.runtimes import wiring

SETTINGS = "dayshift.toml"


def open_project(folder: Path) -> Project:
    """Reads `dayshift.toml` and the pipeline file beside it, and checks both.

    Raises:
        DefinitionError: everything that is wrong with the definition and the settings, at once.
        UsageError: DS1xx, there is no project in the folder.
    """
    root = folder.resolve()
    settings = read_settings(root / SETTINGS)
    pipeline = load_pipeline(root / settings.pipeline)
    faults = [problem for problem in check(pipeline, settings) if problem.severity == "error"]
    if faults:
        raise DefinitionError(faults)
    return Project(
        root=root,
        pipeline=pipeline,
        settings=settings,
        lake=wiring.lake_of(settings, root),
        engine=wiring.engine_of(settings),
        open_registry=partial(wiring.registry_of, settings, root),
    )
