"""`dayshift demo`: the flights of New York 2013, night after night."""

from pathlib import Path
from typing import Annotated

import typer

from dayshift.cli.options import Json
from dayshift.cli.progress import progress
from dayshift.cli.tables import emit

FOLDER = Path("demo-run")


def demo(
    folder: Annotated[
        Path, typer.Argument(help="Where to put the project; an earlier demo there is replaced.")
    ] = FOLDER,
    history_days: Annotated[int, typer.Option(min=1, help="Days of data that the first night finds.")] = 21,
    nights: Annotated[int, typer.Option(min=0, help="Nights after the first.")] = 21,
    as_json: Json = False,
) -> None:
    """Run the whole nightly pipeline over some weeks of real flights and show what happened."""
    from dayshift.cli.project_files import replace_demo
    from dayshift.cli.reports import demo_tables, write_page
    from dayshift.runtimes import demo as flights
    from dayshift.runtimes.project import open_project

    replace_demo(folder)
    with progress(quiet=as_json) as told:
        reports = list(flights.run(folder, flights.Plan(history_days, nights), told))
    page = write_page(open_project(folder), reports[-1])
    values = [report.to_json() for report in reports]
    scored = flights.scored_night(folder)
    value = {"folder": str(folder.resolve()), "page": str(page), "nights": values, "scored": scored}
    emit(value, demo_tables(values, scored, folder, page), as_json=as_json)
