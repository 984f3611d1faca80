"""`dayshift live`: the pipeline kept up, in the foreground."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dayshift.cli.options import HERE, Folder, Json, Plan
from dayshift.cli.tables import emit, facts, table, talk, warnings

if TYPE_CHECKING:
    from types import FrameType

    from dayshift.runtimes.live.run import LiveReport, Stop


def live(
    folder: Folder = HERE,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End once every source is at its end.")
    ] = False,
    plan: Plan = False,
    as_json: Json = False,
) -> None:
    """Take events as they come, answer within milliseconds, exactly once; SIGTERM or Ctrl-C ends it in order."""
    from dayshift.runtimes.live.turns import spare_threads

    spare_threads()  # before anything imports Polars
    from dayshift.cli.clock import RealClock
    from dayshift.runtimes.live import planning
    from dayshift.runtimes.live.run import Stop, run
    from dayshift.runtimes.project import open_project

    project, clock = open_project(folder, warnings), RealClock()
    if plan:
        planned = planning.of_live(project)
        emit(planned.to_json(), plan_tables(planned.to_json()), as_json=as_json)
        return
    stop = Stop()
    _stop_on_signals(stop)
    report = run(project, clock.now, stop, until_caught_up=until_caught_up, told=talk)
    values = _values(report)
    emit(values, report_tables(values), as_json=as_json)


def _stop_on_signals(stop: Stop) -> None:
    """The first SIGTERM or SIGINT asks for an end in order; a second SIGINT ends it at once, which loses nothing either."""

    def asked(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signals
        stop.ask("stopped")
        if not stop.taking:
            print("stopped before it took any event", file=sys.stderr)
            raise SystemExit(0)  # it was still making itself ready: that can be left at any instant
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("stopping: what was taken is being written", file=sys.stderr)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked)


def _values(report: LiveReport) -> dict[str, Any]:
    from dayshift.runtimes.report import plain

    values: dict[str, Any] = plain(report)
    return values


def report_tables(values: dict[str, Any]) -> list[Any]:
    """The report for people."""
    names = ("events", "questions", "loads", "last_load", "model_swaps")
    rows = [
        (name, one["read"], one["loaded"], one["quarantined"], one["duplicates"], one["filtered"], one["out_of_order"])
        for name, one in values["sources"].items()
    ]
    columns = ("source", "read", "loaded", "quarantined", "duplicates", "filtered", "out of order")
    found: list[Any] = [
        facts(f"Live run of {values['pipeline']}", {name.replace("_", " "): values[name] for name in names}),
        table("", columns, rows),
    ]
    if values["outputs"]:
        found.append(table("", ("output", "rows"), list(values["outputs"].items())))
    return [*found, *values["notes"]]


def plan_tables(values: dict[str, Any]) -> list[Any]:
    """The plan for people."""
    sources = [(one["source"], one["comes_from"], one["begins"]) for one in values["sources"]]
    outputs = [(one["output"], one["content"], one["goes_to"], one["gets_first"]) for one in values["outputs"]]
    first = {name: values[name] for name in ("settles", "answers_first", "scores_with", "state") if values[name]}
    found = [
        facts("Would begin with", {name.replace("_", " "): value for name, value in first.items()}),
        table("", ("source", "comes from", "begins"), sources),
    ]
    if outputs:
        found.append(table("", ("output", "content", "goes to", "gets first"), outputs))
    return found
