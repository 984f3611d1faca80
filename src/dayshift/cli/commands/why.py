"""`dayshift why FEATURE KEY`: how one value came about."""

from typing import Annotated

import typer

from dayshift.cli.options import HERE, Folder, Json
from dayshift.cli.tables import emit


def why(
    feature: Annotated[str, typer.Argument(help="The name of a window feature's column.")],
    key: Annotated[list[str], typer.Argument(help="The question's key; on a calendar, followed by its as_of.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> int:
    """Show which events made a feature's value, in which window, and which late ones were left out.

    The value is computed twice, by the kernel and by the slow reference; exit code 70 should they differ.
    """
    from dayshift.cli.reports import plain_values, why_tables
    from dayshift.runtimes import why as reason
    from dayshift.runtimes.project import open_project

    project = open_project(folder)
    found = reason.explain(project, feature, key)
    made = [one.aggregate.name for one in project.pipeline.window_features if feature in one.columns]
    emit(plain_values(found), why_tables(found, is_length=made == ["time_since_last"]), as_json=as_json)
    return 0 if found.equal else 70
