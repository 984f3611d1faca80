"""What verification found, as sentences."""

from __future__ import annotations

import shlex

from dayshift.diagnostics import Refused
from dayshift.lifecycle.verifying.bits import shown
from dayshift.lifecycle.verifying.report import Difference, VerifyReport

_ROWS = {
    "lost": "no row of features for the question",
    "doubled": "another row of features for the question",
    "unasked": "a row of features for a question that the log does not ask:",
    "unpredicted": "no prediction for the question",
    "doubled prediction": "another prediction for the question",
    "unasked prediction": "a prediction for a question that the log does not ask:",
}
_ROWS_SAID = (
    "questions without their row, or rows there again, or of no question",
    "question without its row, or row there again, or of no question",
)
_PREDICTIONS_SAID = (
    "predictions absent, there again, or of no question",
    "prediction absent, there again, or of no question",
)
_BY = "from the reference interpreter"


def refuse(report: VerifyReport) -> None:
    """Says no to a report of anything that differs.

    Raises:
        Refused: DS781, with the first difference.
    """
    if report.equal:
        return
    first = report.differences[0] if report.differences else None
    features, predictions, sampled = report.values, report.predictions, report.sampled_values
    facts = [
        f"{count:,} {what if count != 1 else of_one}"
        for count, what, of_one in (
            (
                report.differing,
                f"of {features:,} values of features differ",
                f"of {features:,} values of features differs",
            ),
            (_rows(report), *_ROWS_SAID),
            (
                report.predictions_differing,
                f"of {predictions:,} predictions differ",
                f"of {predictions:,} predictions differs",
            ),
            (_predictions(report), *_PREDICTIONS_SAID),
            (report.sampled_differing, f"of {sampled:,} values differ {_BY}", f"of {sampled:,} values differs {_BY}"),
        )
        if count
    ]
    raise Refused(
        "DS781",
        f"what was served is not what the log says: {said(first) if first else report.balance.faults[0]}",
        facts=(*facts, *report.balance.faults[: 3 if first else 8]),
        hint=_hint(first),
    )


def said(found: Difference) -> str:
    """A difference as a sentence without its end.

    >>> import datetime as dt
    >>> asked = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    >>> said(Difference("feature", "n_1d", {"id": "a"}, asked, 1, 0, served=2, right=1))
    "'n_1d' of id=a at 2026-01-01 00:00:00 UTC (load 1) was served as 2, and is 1"
    """
    who = " ".join(f"{name}={value}" for name, value in found.question.items())
    asked = f"{who} at {found.as_of:%Y-%m-%d %H:%M:%S} UTC (load {found.load})"
    if found.kind in ("feature", "reference"):
        by = " by the reference interpreter" if found.kind == "reference" else ""
        return f"'{found.name}' of {asked} was served as {shown(found.served)}, and is {shown(found.right)}{by}"
    if found.kind == "prediction":
        made = f"version {found.name} makes {shown(found.right)}"
        return f"the prediction of {asked} was served as {shown(found.served)}, and {made}"
    return f"{_ROWS[found.kind]} {asked}"


def _hint(first: Difference | None) -> str | None:
    if first is None or first.kind not in ("feature", "reference") or first.first_event is None:
        return None
    return f"dayshift why {first.name} {shlex.join(str(value) for value in first.question.values())}"


def _rows(report: VerifyReport) -> int:
    return report.lost + report.doubled + report.unasked


def _predictions(report: VerifyReport) -> int:
    return report.unpredicted + report.predictions_doubled + report.predictions_unasked
