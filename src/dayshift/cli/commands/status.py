"""`dayshift status`: how the project stands."""

from dayshift.cli.options import HERE, Folder, Json, Now, now_or
from dayshift.cli.tables import emit


def status(folder: Folder = HERE, now: Now = None, as_json: Json = False) -> None:
    """Say what the lake holds, what ran last, what is due, and what waits for a person."""
    from dayshift.cli.reports import status_tables
    from dayshift.runtimes import status as standing
    from dayshift.runtimes.project import open_project

    found = standing.read(open_project(folder), now_or(now))
    emit(found.to_json(), status_tables(found), as_json=as_json)
