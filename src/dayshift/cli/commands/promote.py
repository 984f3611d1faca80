"""`dayshift promote VERSION`: another model serves."""

from typing import Annotated

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.tables import emit


def promote(
    version: Annotated[int, typer.Argument(min=1, help="The version of the model that shall serve.")],
    folder: Folder = HERE,
    now: Now = None,
    plan: Plan = False,
    as_json: Json = False,
) -> None:
    """Let a version of the model serve, whatever its gates said; the next run scores with it."""
    from dayshift.cli.reports import promotion_sentence
    from dayshift.lifecycle.promote import promote as let_serve
    from dayshift.runtimes.project import open_project

    project = open_project(folder)
    if plan:
        before = project.registry.alias(project.pipeline.name, "champion")
        project.registry.require(project.pipeline.name, version)
        emit({"now": before, "then": version}, [f"version {before} serves; then version {version}"], as_json=as_json)
        return
    done = let_serve(project.registry, project.pipeline.name, version, now_or(now))
    project.lake.ledger.append(done.verb, done.outcome, done.record(), done.at)
    emit({"outcome": done.outcome, **done.record()}, [promotion_sentence(done)], as_json=as_json)
