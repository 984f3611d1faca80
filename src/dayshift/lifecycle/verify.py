"""Was what we served what the log says? Everything is computed again, and compared bit by bit.

The log is the one truth (which events, in which order, arrived before the question), and a value that was served live or
by night is a function of it. So it can be computed again at any later time:

    features      the served rows, as known, beside the history engine over the same log
    a sample      the served values beside the reference interpreter, in which no engine has a part
    predictions   beside the version of the model that each row names, over the features that the log gives
    balance       loads beside the events and the held rows that are there

Nothing is written and no lock is taken: loads that are committed meanwhile are not looked at. What cannot be computed
again (events were deleted, a version is gone) is told as not verified, never as equal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from dayshift.engines.contract import POLICY
from dayshift.lifecycle.verifying.balance import balance
from dayshift.lifecycle.verifying.features import Found, compare
from dayshift.lifecycle.verifying.first_event import first_event
from dayshift.lifecycle.verifying.past import at
from dayshift.lifecycle.verifying.predictions import Models, steady
from dayshift.lifecycle.verifying.report import Balance, Difference, FirstEvent, VerifyReport
from dayshift.lifecycle.verifying.sample import Sampled, check, draw
from dayshift.lifecycle.verifying.telling import refuse, said
from dayshift.lifecycle.verifying.view import Between, View, look, nothing_there

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

SAMPLE = 1_000


def verify(
    project: Project,
    *,
    loads: tuple[int, int] | None = None,
    between: Between = None,
    sample: int = SAMPLE,
    seed: int = 0,
    told: Callable[[int, float], None] | None = None,
) -> VerifyReport:
    """Computes again what was served, and compares.

    Args:
        project: whose features and predictions.
        loads: only questions of these loads, both ends included; None: of all.
        between: only questions with `from_us <= as_of < to_us`, microseconds since 1970 UTC; None: all.
        sample: how many served rows are compared with the reference interpreter as well.
        seed: which ones.
        told: called now and then with the rows compared and the seconds so far.

    Raises:
        NotReady: DS710, nothing was served yet; DS403, the lake is damaged.
        UsageError: DS780, there are no such loads, or no question and no row in what is asked for.
    """
    begun = time.monotonic()
    with project.lake.reading():
        view = look(project, loads, between)
        models = Models(project)
        tell = None if told is None else lambda rows: told(rows, time.monotonic() - begun)
        found = compare(view, draw(view, sample, seed), models, steady(view, models), tell)
        rows = pl.concat(found.sampled)
        sampled = check(view, rows) if rows.height else Sampled()
        differences = _explained(view, [*found.firsts.values(), *sampled.firsts.values()])
        whole = balance(project, view.loads)
        report = _report(view, found, sampled, differences, whole)
        if report.equal and not _looked_at(report):
            raise nothing_there(view)
    return replace(report, seconds=round(time.monotonic() - begun, 3))


def _explained(view: View, found: list[Difference]) -> tuple[Difference, ...]:
    """The differences in the log's order, those of features with the event that makes them."""
    ordered = sorted(found, key=lambda each: (each.load, each.position))
    named = ("feature", "reference")
    return tuple(replace(each, first_event=first_event(view, each)) if each.kind in named else each for each in ordered)


def _report(
    view: View, found: Found, sampled: Sampled, differences: tuple[Difference, ...], whole: Balance
) -> VerifyReport:
    counts, between = found.counts, view.between
    hindsight, unanswerable = _left_out(view)
    return VerifyReport(
        pipeline=view.project.pipeline.name,
        fingerprint=view.project.fingerprint,
        first_load=view.loads[0],
        last_load=view.loads[1],
        since=None if between is None else at(between[0]),
        until=None if between is None else at(between[1]),
        questions=counts["questions"],
        rows=counts["rows"],
        values=counts["values"],
        differing=sum(found.by_feature.values()),
        by_feature=dict(found.by_feature),
        lost=counts["lost"],
        doubled=counts["doubled"],
        unasked=counts["unasked"],
        predictions=counts["predictions"],
        predictions_differing=counts["predictions differing"],
        not_verified=dict(found.not_verified),
        unpredicted=counts["unpredicted"],
        predictions_doubled=counts["doubled prediction"],
        predictions_unasked=counts["unasked prediction"],
        sampled=sampled.questions,
        sampled_values=sampled.values,
        sampled_differing=sampled.differing,
        sample_left_out=sampled.left_out,
        hindsight=hindsight,
        unanswerable=unanswerable + counts["unanswerable"],
        unverified_features=view.forgotten,
        balance=whole,
        differences=differences,
        seconds=0.0,
    )


def _looked_at(report: VerifyReport) -> int:
    """How much there was; times choose questions only, so the rows that loads read count where none are given."""
    rows = 0 if (report.since or report.until) else report.balance.read
    return report.questions + report.rows + report.hindsight + report.unanswerable + report.predictions + rows


def _left_out(view: View) -> tuple[int, int]:
    """How many rows know the future, and of how many the events were deleted."""
    known = pl.col(POLICY) == "as_known"
    rows = view.everything().filter(view.asked(answerable=False))
    gone = known & ~view.asked()
    counts = rows.select((~known).sum().alias("hindsight"), gone.sum().alias("gone")).collect(engine="streaming")
    return int(counts.row(0)[0]), int(counts.row(0)[1])


__all__ = ["Difference", "FirstEvent", "VerifyReport", "refuse", "said", "verify"]
