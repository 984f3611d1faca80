"""`dayshift advise`: which pipeline this history needs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.tables import emit, facts, talk, warnings

if TYPE_CHECKING:
    from dayshift.adviser.evidence import Advice
    from dayshift.lifecycle.project import Project

FOLDER, ADVICE, PAGE, CACHE = "advice", "advice.json", "advice.html", "cache"
SETTINGS = "dayshift.toml"
AT_ONCE = "_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0"
"""Polars' allocator gives freed memory back at once; it reads this when Polars is imported."""

WhatIf = Annotated[
    str | None,
    typer.Option("--what-if", metavar="NAME=VALUE,...", help="Judge the last advice again: label_delay=1d,volume=10x."),
]
Seconds = Annotated[float | None, typer.Option("--seconds", min=5, help="The time it may take; else [advise] seconds.")]
Schema = Annotated[bool, typer.Option("--schema", help="Print the schema of what --json prints.")]


def advise(
    folder: Folder = HERE,
    now: Now = None,
    what_if: WhatIf = None,
    seconds: Seconds = None,
    plan: Plan = False,
    schema: Schema = False,
    as_json: Json = False,
) -> int:
    """Replay the history, and say which capabilities it needs, with intervals: needed, not needed, or undecided.

    Ctrl-C gives the advice so far. Exit code 1 when a suspected leak stops the advice.
    """
    if schema:
        from dayshift.adviser.written import schema as of_json

        emit(of_json(), [], as_json=True)
        return 0
    if what_if is not None:
        _tell(_judged_again(folder, what_if), None, as_json=as_json)
        return 0
    os.environ.setdefault(*AT_ONCE)
    from dayshift.runtimes.project import open_project

    time, project = now_or(now), open_project(folder, warnings)
    if plan:
        planned = _plan(project, seconds)
        emit(planned, [facts("Would", planned)], as_json=as_json)
        return 0
    from dayshift.cli.advising import asked_profile, compute

    project = project if as_json else asked_profile(project)
    advice = compute(project, time, seconds=seconds, quiet=as_json, cache=f"{FOLDER}/{CACHE}")
    try:
        page = _keep(project, advice)
    except OSError as fault:  # an advice took its time: it is told even where it cannot be kept
        page = None
        talk(f"warning: the advice cannot be kept: {fault}; what stood in {FOLDER}/ before stays")
    _tell(advice, page, as_json=as_json)
    return 1 if advice.stopped_by else 0


def _tell(advice: Advice, page: Path | None, *, as_json: bool) -> None:
    from dayshift.adviser.written import to_json
    from dayshift.cli.advice import advice_tables

    emit(to_json(advice), advice_tables(advice, page), as_json=as_json)


def _keep(project: Project, advice: Advice) -> Path:
    """The page and the values of an advice; one that was stopped does not replace a whole one for what-if."""
    from dayshift.adviser.written import save
    from dayshift.exports.advice_report import write_advice

    kept = project.root / FOLDER
    if advice.complete or not (kept / ADVICE).exists():
        save(advice, kept / ADVICE)
    return write_advice(advice, kept / PAGE)


def _judged_again(folder: Path, text: str) -> Advice:
    """From what is on disk and the settings alone: the pipeline's file, and what it imports, is not read."""
    from dayshift.adviser.what_if import judge_again, parse
    from dayshift.adviser.written import load
    from dayshift.definition.settings_file import read_settings

    root = folder.resolve()
    settings = read_settings(root / SETTINGS)
    return judge_again(load(root / FOLDER / ADVICE), parse(text), settings)


def _plan(project: Project, seconds: float | None) -> dict[str, object]:
    from dayshift.diagnostics import counted

    loads = project.lake.last_load
    first = "load the sources into the lake, as `dayshift run` does; " if not loads else ""
    return {
        "do": f"{first}replay the history of '{project.pipeline.name}' ({counted(loads, 'load')} in the lake)",
        "write": f"{FOLDER}/{ADVICE}, {FOLDER}/{PAGE}, {FOLDER}/{CACHE}",
        "take": f"about {project.settings.advise.seconds if seconds is None else seconds:g} s",
    }
