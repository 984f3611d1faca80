"""`dayshift check`: everything that is wrong with a project, at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dayshift.cli.options import HERE, Json
from dayshift.cli.tables import Table, emit, facts, table, talk
from dayshift.diagnostics import DayshiftError, DefinitionError, Problem, render, to_json

if TYPE_CHECKING:
    from dayshift.definition import Pipeline
    from dayshift.definition.settings import Settings


def check(
    folder: Annotated[Path, typer.Argument(help="A project's folder, or a pipeline file alone.")] = HERE,
    as_json: Json = False,
) -> int:
    """Report all faults of a definition and its settings, each with its file and line."""
    pipeline, problems = _read(folder)
    errors = any(problem.severity == "error" for problem in problems)
    if problems:
        talk(render(problems, colour=sys.stderr.isatty()))
    value: dict[str, Any] = {"problems": [to_json(problem) for problem in problems]}
    if pipeline is not None and not errors:
        summary, features = _summary(pipeline), _features(pipeline)
        emit({**value, **summary, "features": features}, _tables(summary, features), as_json=as_json)
    elif as_json:
        emit(value, [], as_json=True)
    return DefinitionError.exit_code if errors else 0


def _read(folder: Path) -> tuple[Pipeline | None, list[Problem]]:
    """The pipeline when its file can be run, and what is wrong with it, its settings, and both together."""
    from dayshift.definition.check import check as find_faults
    from dayshift.definition.loading import load_pipeline, read_settings

    if folder.name == "dayshift.toml":
        folder = folder.parent
    if not folder.is_dir():
        pipeline = load_pipeline(folder)
        return pipeline, find_faults(pipeline)
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = read_settings(folder)
    except DefinitionError as error:
        problems += error.problems
        if error.problems[0].code == "DS101" or not (folder / "pipeline.py").is_file():
            return None, problems
    problems += _engine_faults(settings)
    try:
        pipeline = load_pipeline(folder / (settings.pipeline if settings else "pipeline.py"))
    except DefinitionError as error:
        return None, [*problems, *error.problems]
    history = _history(folder, settings, pipeline) if settings else None
    return pipeline, [*problems, *find_faults(pipeline, settings, history=history)]


def _engine_faults(settings: Settings | None) -> list[Problem]:
    from dayshift.runtimes.wiring import engine_of

    if settings is None:
        return []
    try:
        engine_of(settings)
    except DayshiftError as error:
        return [replace(problem, place=settings.place("engine", "name")) for problem in error.problems]
    return []


def _history(folder: Path, settings: Settings, pipeline: Pipeline) -> Mapping[str, tuple[int, int]]:
    """The first and the last event time of each source that the lake holds; nothing before the first load."""
    if "://" in settings.lake or not (folder / settings.lake).exists():
        return {}
    import polars as pl

    from dayshift.runtimes import wiring

    lake = wiring.lake_of(settings, folder.resolve())
    spans = {}
    for source in pipeline.sources:
        if lake.has_events(source.name):
            time = pl.col(source.time).dt.epoch("us")
            first, last = lake.events(source.name).select(a=time.min(), b=time.max()).collect().row(0)
            spans.update({source.name: (first, last)} if first is not None else {})
    return spans


def _summary(pipeline: Pipeline) -> dict[str, Any]:
    from dayshift.definition.fingerprint import features_fingerprint, pipeline_fingerprint

    label = pipeline.label
    return {
        "pipeline": pipeline.name,
        "sources": [source.name for source in pipeline.sources],
        "columns": len(pipeline.columns),
        "label": None if label is None else f"of {label.source.name}, within {label.within}",
        "model": None if pipeline.model is None else type(pipeline.model).__name__,
        "metric": pipeline.metric,
        "features_fingerprint": features_fingerprint(pipeline),
        "pipeline_fingerprint": pipeline_fingerprint(pipeline),
    }


def _features(pipeline: Pipeline) -> list[dict[str, str]]:
    from dayshift.definition.fingerprint import feature_fingerprint

    return [
        {"column": column, "type": getattr(feature, "type", "expression"), "fingerprint": feature_fingerprint(feature)}
        for feature in pipeline.flat
        for column in feature.columns
    ]


def _tables(summary: dict[str, Any], features: list[dict[str, str]]) -> list[Table]:
    named = {
        name.replace("_", " "): ", ".join(value) if isinstance(value, list) else value
        for name, value in summary.items()
    }
    return [
        facts("", named),
        table("", ("feature", "type", "fingerprint"), [tuple(feature.values()) for feature in features]),
    ]
