"""`dayshift verify`: what was served, computed again from the log."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dayshift.cli.many import taking
from dayshift.cli.options import HERE, Folder, Json, Now, now_or, time_of
from dayshift.cli.progress import progress
from dayshift.cli.tables import Table, emit, facts, table, talk
from dayshift.diagnostics import NotReady, Refused, UsageError, numbered, render

if TYPE_CHECKING:
    from dayshift.lifecycle.verify import VerifyReport


@dataclass(frozen=True)
class Asked:
    """The options."""

    loads: Annotated[str | None, typer.Option(metavar="A:B", help="Only questions of these loads.")] = None
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only questions asked from then on.")] = None
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only questions asked before.")] = None
    sample: Annotated[
        int, typer.Option(metavar="N", min=0, help="Questions that the reference interpreter answers too; 0: none.")
    ] = 1_000
    seed: Annotated[int, typer.Option(metavar="N", help="Which questions are sampled.")] = 0
    folder: Folder = HERE
    now: Now = None
    as_json: Json = False


@taking(Asked)
def verify(asked: Asked) -> None:
    """Compute again, from the log, what was served live or by night, and compare all values bit by bit.

    Features by the history engine, a sample of them by the reference interpreter, predictions by the version of the
    model that made them. Nothing changes, no lock is taken; a lake that cannot be written is verified too, without a
    record in its ledger. Exit code 1 when anything differs.
    """
    from dayshift.runtimes import verifying
    from dayshift.runtimes.project import open_project

    wish = verifying.Wish(
        loads=None if asked.loads is None else _loads(asked.loads),
        since=None if asked.since is None else time_of(asked.since, "--since"),
        until=None if asked.until is None else time_of(asked.until, "--until"),
        sample=asked.sample,
        seed=asked.seed,
    )
    time, project = now_or(asked.now), open_project(asked.folder)
    unrecorded: list[NotReady] = []
    with progress(quiet=asked.as_json) as told:
        step = None if told is None else lambda rows, seconds: told("comparing", rows, seconds)
        report = verifying.run(project, wish, time, step, unrecorded.append)
    emit(verifying.to_json(report), _tables(report), as_json=asked.as_json)
    for error in unrecorded:
        talk(f"note: the ledger has no record of this: {error}")
    _tell(report)


def _loads(text: str) -> tuple[int, int]:
    """The loads that are meant.

    >>> _loads("3:5"), _loads("7")
    ((3, 5), (7, 7))

    Raises:
        UsageError: DS780, the text is no range of loads.
    """
    first, colon, last = text.partition(":")
    try:
        return int(first), int(last if colon else first)
    except ValueError:
        fact = "allowed: the numbers of two loads, both ends included (3:5), or of one (7)"
        said = f"--loads is '{text}', which is no range of loads"
        raise UsageError("DS780", said, facts=(fact,), hint="dayshift verify --loads 3:5") from None


def _tell(report: "VerifyReport") -> None:
    from dayshift.lifecycle.verify import refuse

    try:
        refuse(report)
    except Refused as error:
        talk(render(error.problems, colour=sys.stderr.isatty()))
        raise typer.Exit(error.exit_code) from None


def _tables(report: "VerifyReport") -> Iterator[Table | str]:
    from dayshift.lifecycle.verify import said

    whole = report.balance
    yield (
        f"{report.pipeline}: {numbered(report.first_load, report.last_load)} "
        f"{'is' if report.first_load == report.last_load else 'are'}{'' if report.equal else ' not'} what the log says"
    )
    compared = {"questions": (report.questions, report.lost + report.doubled + report.unasked)}
    compared["values of features"] = (report.values, report.differing)
    compared["values by the reference"] = (report.sampled_values, report.sampled_differing)
    compared["predictions"] = (report.predictions, report.predictions_differing)
    compared["rows that loads read"] = (whole.read, len(whole.faults))
    yield table("Compared", ("", "compared", "differing"), [(name, *counts) for name, counts in compared.items()])
    rows = {
        "questions without a row": report.lost,
        "rows there again": report.doubled,
        "rows of no question": report.unasked,
        "questions without a prediction": report.unpredicted,
        "predictions there again": report.predictions_doubled,
        "predictions of no question": report.predictions_unasked,
    }
    if any(rows.values()):
        yield facts("Rows", {name: count for name, count in rows.items() if count})
    yield from _not_verified(report)
    if report.by_feature:
        yield table("Differing values", ("feature", "values"), sorted(report.by_feature.items()))
    for found in report.differences:
        yield f"- {said(found)}{_event(found.first_event)}"
    yield from (f"- {fault}" for fault in whole.faults)
    yield f"{report.seconds:,.1f} s"


def _not_verified(report: "VerifyReport") -> Iterator[Table | str]:
    told = {
        "rows in hindsight, skipped": report.hindsight,
        "rows whose events were deleted": report.unanswerable,
        "sampled values with too long a history": report.sample_left_out,
    }
    told |= {f"predictions: {reason}": count for reason, count in report.not_verified.items()}
    told |= {f"values of '{name}': events were deleted": report.rows for name in report.unverified_features}
    if any(told.values()):
        yield facts("Not verified", {name: count for name, count in told.items() if count})


def _event(event: object) -> str:
    from dayshift.lifecycle.verify import FirstEvent

    if not isinstance(event, FirstEvent):
        return ""
    key = " ".join(f"{name}={value}" for name, value in event.key.items())
    times = f"happened {event.event_time:%Y-%m-%d %H:%M:%S}, known {event.known:%Y-%m-%d %H:%M:%S}, load {event.load}"
    return f"\n    first event: {event.source} {key} ({times}): {event.how}"
