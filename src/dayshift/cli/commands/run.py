"""`dayshift run`: the whole night, once."""

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.progress import progress
from dayshift.cli.tables import emit, talk, warnings


def run(folder: Folder = HERE, now: Now = None, plan: Plan = False, as_json: Json = False) -> None:
    """Ingest what is new, compute features and labels, train when it is due, score, deliver, and report."""
    from dayshift.cli.plans import run_plan_tables
    from dayshift.cli.reports import run_tables, write_page
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
    page = None
    try:
        page = write_page(project, report)
    except OSError as error:
        talk(f"the run is done, but its page could not be written: {error}")
    value = {**report.to_json(), "page": None if page is None else str(page)}
    emit(value, run_tables(report.to_json(), page), as_json=as_json)
