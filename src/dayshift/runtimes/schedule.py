"""Runs the night by its cron expression, in the foreground, until it is told to stop.

What is due is decided by the ledger alone: a run is due when its expression was due after the last run that ended. So
runs that were missed while the machine was off are caught up once, at start (one run takes in everything new, so one
is enough); a restart forgets nothing; and a run that failed is due still, and is tried again with growing pauses until
it ends or the next one is due. There is one loop and one thread: never two at once. A second scheduler of the same
lake is refused by the lake's lock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dayshift.diagnostics import Bug, DayshiftError, UsageError
from dayshift.runtimes import calendar, nightly, training
from dayshift.runtimes.past import last_ended
from dayshift.runtimes.report import RunReport

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project
    from dayshift.lifecycle.train import TrainReport

FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=1)


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> dt.datetime:
        """The time now: aware, UTC."""
        ...

    def wait_until(self, time: dt.datetime) -> bool:
        """Waits; False when it was told to stop meanwhile."""
        ...


@dataclass(frozen=True)
class Events:
    """What the scheduler tells its listener."""

    waiting: Callable[[str, dt.datetime], None]
    ran: Callable[[RunReport], None]
    trained: Callable[[TrainReport], None]
    failed: Callable[[str, DayshiftError, dt.datetime], None]


def run(project: Project, clock: Clock, events: Events, *, most: int | None = None) -> int:
    """Runs until the clock is told to stop, or `most` jobs have ended; gives how many ended.

    Raises:
        UsageError: DS720, `[schedule]` names no cron expression.
    """
    if project.settings.schedule.run is None and project.settings.schedule.train is None:
        raise UsageError(
            "DS720",
            "nothing is scheduled",
            facts=("`run` and `train` of [schedule] are both absent",),
            hint='in dayshift.toml: [schedule] run = "0 2 * * *"',
        )
    ended, pause = 0, FIRST_PAUSE
    while most is None or ended < most:
        now = clock.now()
        verb, time = _next(project, now)
        if time > now:
            events.waiting(verb, time)
            if not clock.wait_until(time):
                break
            continue
        again = min(now + pause, _following(project, now))
        if _do(project, verb, now, events, again):
            ended, pause = ended + 1, FIRST_PAUSE
            continue
        pause = min(pause * 2, LONGEST_PAUSE)
        if not clock.wait_until(again):
            break
    return ended


def _do(project: Project, verb: str, now: dt.datetime, events: Events, again: dt.datetime) -> bool:
    try:
        if verb == nightly.VERB:
            events.ran(nightly.run(project, now))
        else:
            events.trained(training.run(project, now))
    except DayshiftError as error:
        events.failed(verb, error, again)
        return False
    except Exception as error:  # noqa: BLE001 - the scheduler outlives our own mistakes, and says them
        said, *rest = [line for line in str(error).splitlines() if line.strip()] or ["without a message"]
        bug = Bug("DS790", f"`{verb}` broke: {type(error).__name__}: {said}", facts=[line.strip() for line in rest])
        events.failed(verb, bug, again)
        return False
    return True


def _next(project: Project, now: dt.datetime) -> tuple[str, dt.datetime]:
    """The verb that is due first, and when: a time in the past when it is due already; the run before the training."""
    return min(due_times(project, now).items(), key=lambda due: due[1])


def _following(project: Project, now: dt.datetime) -> dt.datetime:
    schedule = project.settings.schedule
    crons = [cron for cron in (schedule.run, schedule.train) if cron is not None]
    return min(calendar.next_due(cron, now, schedule.timezone) for cron in crons)


def due_times(project: Project, now: dt.datetime) -> dict[str, dt.datetime]:
    """When each scheduled verb is due next, the run first; a time in the past when it is overdue."""
    schedule = project.settings.schedule
    crons = {nightly.VERB: schedule.run, training.VERB: schedule.train}
    times = {}
    for verb, cron in crons.items():
        if cron is not None:
            overdue = calendar.is_due(cron, last_ended(project, verb), now, schedule.timezone)
            find = calendar.last_due if overdue else calendar.next_due
            times[verb] = find(cron, now, schedule.timezone)
    return times
