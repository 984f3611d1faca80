"""`dayshift run`: the whole night, once."""

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.progress import progress
from dayshift.cli.tables import emit, warnings


def run(folder: Folder = HERE, now: Now = None, plan: Plan = False, as_json: Json = False) -> None:
    """Ingest what is new, compute features and labels, train when it is due, score, deliver, and report."""
    from dayshift.cli.plans import run_plan_tables
    from dayshift.cli.reports import page_of, run_tables, run_values
    from dayshift.runtimes import nightly, plans
    from dayshift.runtimes.project import open_project

    time = now_or(now)
    project = open_project(folder, warnings)
    if plan:
        planned = plans.of_run(project, time)
        emit(planned.to_json(), run_plan_tables(planned), as_json=as_json)
        return
    with progress(quiet=as_json) as told:
        report = nightly.run(project, time, told)
    page = page_of(project, report)
    values = run_values(report, page)
    emit(values, run_tables(values, page), as_json=as_json)
