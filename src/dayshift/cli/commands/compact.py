"""`dayshift compact`: fewer and larger files in the lake, and what retention says is over."""

from typing import Annotated, Any

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.tables import emit, facts


def compact(
    retain: Annotated[bool, typer.Option("--retain", help="Also delete what [retention] says is over.")] = False,
    folder: Folder = HERE,
    now: Now = None,
    plan: Plan = False,
    as_json: Json = False,
) -> None:
    """Merge the lake's small files; no answer changes."""
    from dayshift.cli.reports import plain_values
    from dayshift.runtimes import plans, upkeep
    from dayshift.runtimes.project import open_project

    time, project = now_or(now), open_project(folder)
    if plan:
        planned = plans.of_upkeep(project, upkeep.older_than(project, time) if retain else None).to_json()
        emit(planned, [facts("Would look through", _named(planned))], as_json=as_json)
        return
    report = plain_values(upkeep.run(project, time, retain=retain))
    emit(report, [facts("", _named(report))], as_json=as_json)


def _named(values: dict[str, Any]) -> dict[str, Any]:
    """Names for people; counts by source as a text."""
    return {
        name.replace("_", " "): ", ".join(f"{source} {count:,}" for source, count in value.items())
        if isinstance(value, dict)
        else value
        for name, value in values.items()
        if value not in ({}, None)
    }
