"""`dayshift compact`: fewer and larger files in the lake, and what retention says is over."""

from typing import Annotated

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, now_or
from dayshift.cli.tables import emit, facts


def compact(
    retain: Annotated[bool, typer.Option("--retain", help="Also delete what [retention] says is over.")] = False,
    folder: Folder = HERE,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Merge the lake's small files; no answer changes."""
    from dayshift.cli.reports import retention_of
    from dayshift.runtimes.project import open_project

    time = now_or(now)
    project = open_project(folder)
    value = {"files_rewritten": project.lake.compact()}
    if retain:
        value |= retention_of(project, time)
    emit(value, [facts("", {name.replace("_", " "): number for name, number in value.items()})], as_json=as_json)
