"""`dayshift schedule`: runs in the foreground by the cron expressions of dayshift.toml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dayshift.cli.options import HERE, Folder, Json
from dayshift.cli.tables import emit, show, table, talk, warnings
from dayshift.diagnostics import render

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project
    from dayshift.lifecycle.train import TrainReport
    from dayshift.runtimes.report import RunReport
    from dayshift.runtimes.schedule import Events


def schedule(
    folder: Folder = HERE,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Leave after so many jobs.")] = None,
    when: Annotated[bool, typer.Option("--when", help="Only say what is due when.")] = False,
    as_json: Json = False,
) -> None:
    """Run and train when they are due, one at a time, until stopped; missed runs are caught up once.

    With --json, each job's report is one line.
    """
    from dayshift.cli.clock import RealClock
    from dayshift.runtimes import schedule as scheduler
    from dayshift.runtimes.project import open_project

    project = open_project(folder, warnings)
    clock = RealClock()
    if when:
        due = scheduler.due_times(project, clock.now())
        rows = [(verb, time, "overdue" if time <= clock.now() else "") for verb, time in due.items()]
        emit(
            {verb: time.isoformat() for verb, time in due.items()},
            [table("", ("verb", "due (UTC)", ""), rows)],
            as_json=as_json,
        )
        return
    clock.stop_on_signals()
    scheduler.run(project, clock, listener(project, as_json=as_json), most=jobs)


def listener(project: Project, *, as_json: bool) -> Events:
    """What is printed and written when a job has ended, as the commands `run` and `train` do."""
    from dayshift.cli.reports import page_of, run_tables, run_values, tell_refusal, train_tables
    from dayshift.runtimes.schedule import Events

    def line(value: dict[str, Any], tables: Any) -> None:
        if as_json:
            print(json.dumps(value, default=str), flush=True)
        else:
            emit(value, tables, as_json=False)

    def ran(report: RunReport) -> None:
        page = page_of(project, report)
        values = run_values(report, page)
        line(values, run_tables(values, page))

    def trained(report: TrainReport) -> None:
        line(report.to_json(), train_tables(report.to_json()))
        tell_refusal(report)

    def failed(verb: str, error: Any, again: Any) -> None:
        talk(f"{render(error.problems)}\n\n{verb} is tried again at {show(again)} UTC")

    return Events(
        waiting=lambda verb, time: talk(f"{verb} is due at {show(time)} UTC"),
        ran=ran,
        trained=trained,
        failed=failed,
    )
