"""`dayshift rollback`: the earlier model serves again."""

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.tables import emit


def rollback(folder: Folder = HERE, now: Now = None, plan: Plan = False, as_json: Json = False) -> None:
    """Let the version serve again that the present one replaced."""
    from dayshift.cli.reports import promotion_sentence
    from dayshift.lifecycle.promote import before_champion
    from dayshift.lifecycle.promote import rollback as go_back
    from dayshift.runtimes.project import open_project

    project = open_project(folder)
    if plan:
        serves, then = before_champion(project.registry, project.pipeline.name)
        emit({"now": serves, "then": then}, [f"version {serves} serves; then version {then}"], as_json=as_json)
        return
    done = go_back(project.registry, project.pipeline.name, now_or(now))
    project.lake.ledger.append(done.verb, done.outcome, done.record(), done.at)
    emit({"outcome": done.outcome, **done.record()}, [promotion_sentence(done)], as_json=as_json)
