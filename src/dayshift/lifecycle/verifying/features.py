"""Features that were served beside those of the history engine, and predictions beside those of their models.

Both are read in step with the log, piece by piece, so that no table is ever held as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl

from dayshift.engines.contract import AS_OF, LOAD, POSITION
from dayshift.lifecycle.verifying.bits import differing
from dayshift.lifecycle.verifying.predictions import Models, Steady
from dayshift.lifecycle.verifying.report import Difference
from dayshift.lifecycle.verifying.rows import Aligned, align
from dayshift.lifecycle.verifying.view import View

Told = Callable[[int], None]
PREDICTED = ("prediction", "model_version", "scored_at")


@dataclass
class Found:
    """What the comparison has counted so far; the first difference of each kind and name, in the log's order."""

    counts: Counter[str] = field(default_factory=Counter)
    by_feature: Counter[str] = field(default_factory=Counter)
    not_verified: Counter[str] = field(default_factory=Counter)
    firsts: dict[tuple[str, str | None], Difference] = field(default_factory=dict)
    sampled: list[pl.DataFrame] = field(default_factory=list)

    def note(self, view: View, kind: str, rows: pl.DataFrame, name: str | None = None, **values: Any) -> None:
        """The first of these rows as a difference, unless an earlier piece of the log had one."""
        if rows.height and (kind, name) not in self.firsts:
            self.firsts[kind, name] = difference(view, kind, rows.row(0, named=True), name, **values)


def difference(view: View, kind: str, row: dict[str, Any], name: str | None = None, **values: Any) -> Difference:
    """A difference at the question that a row answers."""
    question = {key: row[key] for key in view.project.question_keys}
    return Difference(kind, name, question, row[AS_OF], row[LOAD], row[POSITION], **values)


def compare(view: View, chosen: Sequence[int], models: Models, steady: Steady | None, told: Told | None) -> Found:
    """Compares every value of every question.

    Args:
        view: what was served, and the log.
        chosen: the numbers, ascending, of the served rows that are kept for the reference; rows count in the log's order.
        models: the versions that made the predictions.
        steady: where every question has a prediction; None: nowhere.
        told: called after each piece with the rows so far.
    """
    found, passed = Found(), 0
    for served, predicted, right in _steps(view):
        aligned = _met(view, served, right, found)
        _features(view, aligned, right.height, found)
        found.sampled.append(_chosen(served, chosen, passed, view))
        passed += served.height
        _predictions(view, _complete(view, aligned, right), predicted, models, steady, found)
        if told is not None:
            told(passed)
    return found


def _steps(view: View) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]:
    columns = list(dict.fromkeys([*view.names, *view.project.pipeline.columns]))
    answers, predictions = view.answers().select(columns), view.predictions()
    predictions = predictions.select(*view.names, *PREDICTED)
    for cut, right in view.pieces():
        served = answers.filter(cut.inside()).collect(engine="streaming")
        predicted = predictions.filter(cut.inside()).collect(engine="streaming")
        yield served, predicted, right


def _met(view: View, rows: pl.DataFrame, right: pl.DataFrame, found: Found | None = None) -> Aligned:
    """The rows beside the log's; of a calendar's those of forgotten entities cannot be told from rows of no question."""
    aligned = align(rows, right, view.names)
    if not aligned.unasked.height or not view.entities_forgotten:
        return aligned
    if found is not None:
        found.counts["unanswerable"] += aligned.unasked.height
    return replace(aligned, unasked=aligned.unasked.clear())


def _features(view: View, aligned: Aligned, questions: int, found: Found) -> None:
    rows = aligned.found.height + aligned.unasked.height
    found.counts.update(questions=questions, rows=rows, values=aligned.found.height * len(view.columns))
    for kind in ("lost", "doubled", "unasked"):
        each: pl.DataFrame = getattr(aligned, kind)
        found.counts[kind] += each.height
        found.note(view, kind, each)
    for name in view.columns:
        mine, theirs = aligned.found[name], aligned.right[name]
        at = np.flatnonzero(differing(mine, theirs))
        if at.size:
            found.by_feature[name] += int(at.size)
            row = int(at[0])
            found.note(view, "feature", aligned.found[row], name, served=mine[row], right=theirs[row])


def _chosen(served: pl.DataFrame, chosen: Sequence[int], passed: int, view: View) -> pl.DataFrame:
    low, high = np.searchsorted(chosen, [passed, passed + served.height])
    rows = [number - passed for number in chosen[low:high]]
    return served.sort(view.names, maintain_order=True)[rows] if rows else served.clear()


def _complete(view: View, aligned: Aligned, right: pl.DataFrame) -> pl.DataFrame:
    """The features that the models are given: the log's own, where it still holds the events for them."""
    if not view.forgotten:
        return right
    return aligned.right.with_columns(aligned.found[name] for name in view.forgotten).unique(
        view.names, keep="first", maintain_order=True
    )


def _predictions(
    view: View, right: pl.DataFrame, predicted: pl.DataFrame, models: Models, steady: Steady | None, found: Found
) -> None:
    aligned = _met(view, predicted, right)
    for kind in ("doubled", "unasked"):
        each: pl.DataFrame = getattr(aligned, kind)
        found.counts[f"{kind} prediction"] += each.height
        found.note(view, f"{kind} prediction", each)
    if steady is not None:
        gone = aligned.lost.filter(steady.expected())
        found.counts["unpredicted"] += gone.height
        found.note(view, "unpredicted", gone)
    if not aligned.found.height:
        return
    versions = aligned.found["model_version"]
    for version in versions.unique(maintain_order=True):
        mine = versions.eq_missing(pl.Series([version], dtype=pl.String).new_from_index(0, len(versions)))
        rows, features = aligned.found.filter(mine), aligned.right.filter(mine)
        again = models.predict(version, features)
        if isinstance(again, str):
            found.not_verified[again] += rows.height
            continue
        found.counts["predictions"] += rows.height
        at = np.flatnonzero(differing(rows["prediction"], again))
        if at.size:
            found.counts["predictions differing"] += int(at.size)
            row = int(at[0])
            values = {"served": rows["prediction"][row], "right": again[row]}
            found.note(view, "prediction", rows[row], str(version), **values)
