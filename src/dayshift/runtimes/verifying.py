"""`dayshift verify` as an operation: it takes no lock, changes nothing, and leaves a record in the ledger.

A live run holds the lake's lock for days; what it has served can be verified all the while. Who may read the lake and not
write to it, an auditor with a copy, can verify it too: only the record is not kept then.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dayshift.diagnostics import NotReady, UsageError
from dayshift.lifecycle.verify import SAMPLE, VerifyReport, verify
from dayshift.lifecycle.verifying.bits import shown
from dayshift.lifecycle.verifying.report import Difference
from dayshift.runtimes.report import plain
from dayshift.semantics.instants import microseconds

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

VERB = "verify"
_ENDS = microseconds(dt.datetime.min.replace(tzinfo=dt.UTC)), microseconds(dt.datetime.max.replace(tzinfo=dt.UTC))


@dataclass(frozen=True)
class Wish:
    """What is verified: loads (both ends included), questions from `since` to before `until`; None: all.

    `sample` served rows, drawn by `seed`, are compared with the reference interpreter too.
    """

    loads: tuple[int, int] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    sample: int = SAMPLE
    seed: int = 0

    @property
    def between(self) -> tuple[int, int] | None:
        """The times in microseconds.

        >>> Wish().between is None
        True

        Raises:
            UsageError: DS730, nothing lies between them.
        """
        if self.since is None and self.until is None:
            return None
        low = _ENDS[0] if self.since is None else microseconds(self.since)
        high = _ENDS[1] if self.until is None else microseconds(self.until)
        if self.since is not None and self.until is not None and low >= high:
            raise UsageError(
                "DS730",
                f"nothing lies between {self.since:%Y-%m-%d %H:%M} and {self.until:%Y-%m-%d %H:%M}",
                facts=("--since is included, --until is not",),
                hint=f"dayshift verify --since {self.since:%Y-%m-%d}",
            )
        return low, high


def run(
    project: Project,
    wish: Wish,
    now: dt.datetime,
    told: Callable[[int, float], None] | None = None,
    unrecorded: Callable[[NotReady], None] | None = None,
) -> VerifyReport:
    """Verifies, and leaves a record of verb "verify" with the outcome "equal" or "differs".

    Args:
        project: whose features and predictions.
        wish: which of them.
        now: the command's own time, for the ledger.
        told: called now and then with the rows compared and the seconds so far.
        unrecorded: called with the reason, at most once, when the ledger cannot be written; None: it is raised.

    Raises:
        NotReady: DS710, nothing was served yet; DS403, the lake is damaged; DS402, DS404, DS405, the ledger cannot be
            written and nobody listens.
        UsageError: DS730, DS780, there is nothing like what is asked for.
    """
    report = verify(project, loads=wish.loads, between=wish.between, sample=wish.sample, seed=wish.seed, told=told)
    detail = {**to_json(report), "fingerprint": project.pipeline_fingerprint, "load": report.last_load}
    try:
        project.lake.ledger.append(VERB, "equal" if report.equal else "differs", detail, now)
    except NotReady as error:
        if unrecorded is None:
            raise
        unrecorded(error)
    return report


def to_json(report: VerifyReport) -> dict[str, Any]:
    """Plain values: what `--json` prints and the ledger keeps; a NaN stands as a text that tells its bits."""
    values: dict[str, Any] = plain(report)
    differences = [_difference(each) for each in report.differences]
    return {"equal": report.equal, **values, "differences": differences}


def _difference(found: Difference) -> dict[str, Any]:
    values: dict[str, Any] = plain(found)
    for name in ("served", "right"):
        value = getattr(found, name)
        values[name] = shown(value) if isinstance(value, float) and math.isnan(value) else values[name]
    return values
