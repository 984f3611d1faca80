"""`dayshift backfill FROM TO`: the questions of a stretch of the past, answered again."""

from enum import StrEnum
from typing import Annotated

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or, time_of
from dayshift.cli.tables import emit, facts


class Policy(StrEnum):
    """What a value may be made of."""

    as_known = "as_known"
    hindsight = "hindsight"


def backfill(
    start: Annotated[str, typer.Argument(metavar="FROM", help="The first day or time (UTC), included.")],
    end: Annotated[str, typer.Argument(metavar="TO", help="The last day or time (UTC), not included.")],
    policy: Annotated[Policy, typer.Option(help="What was known at the time, or complete data.")] = Policy.as_known,
    folder: Folder = HERE,
    now: Now = None,
    plan: Plan = False,
    as_json: Json = False,
) -> None:
    """Answer the questions between two times again, with today's definition, and replace their rows."""
    from dayshift.cli.reports import plain_values
    from dayshift.runtimes import backfilling, plans
    from dayshift.runtimes.project import open_project

    first, last, time = time_of(start, "FROM"), time_of(end, "TO"), now_or(now)
    project = open_project(folder)
    if plan:
        planned = plans.of_backfill(project, first, last, policy.value).to_json()
        emit(planned, [facts("Would replace", planned)], as_json=as_json)
        return
    report = plain_values(backfilling.run(project, first, last, time, policy=policy.value))
    emit(report, [facts("Backfill", report)], as_json=as_json)
