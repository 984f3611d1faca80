"""`dayshift run`: the whole night, once."""

from dayshift.cli.options import HERE, Folder, Json, Now, now_or
from dayshift.cli.progress import progress
from dayshift.cli.tables import emit


def run(folder: Folder = HERE, now: Now = None, as_json: Json = False) -> None:
    """Ingest what is new, compute features and labels, train when it is due, score, deliver, and report."""
    from dayshift.cli.reports import run_tables, write_page
    from dayshift.runtimes import nightly
    from dayshift.runtimes.project import open_project

    time = now_or(now)
    project = open_project(folder)
    with progress(quiet=as_json) as told:
        report = nightly.run(project, time, told)
    page = write_page(project, report)
    emit({**report.to_json(), "page": str(page)}, run_tables(report.to_json(), page), as_json=as_json)
