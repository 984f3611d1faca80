"""Leaks: what a model saw in this history and would not have had on the day. Any of them stops the advice.

Four looks, each silent unless it has a proof or next to one, because a false alarm costs a team its advice:

- *too good*: one feature alone, learned on the older half of a sample, answers the newer half nearly perfectly;
- *known later*: a column of the asking row repeats what another source tells of the same key only afterwards, or is null
  exactly where no answer ever came (`known_later.py`);
- *cannot be rebuilt*: questions answered again from a log that ends where they were asked give other values;
- *early labels are biased*: labels that were there when they counted as ripe differ from those that came later, or most
  came later (`early_labels.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.adviser.early_labels import early_labels
from dayshift.adviser.evidence import Suspicion
from dayshift.adviser.history import History, Situation
from dayshift.adviser.known_later import known_later
from dayshift.adviser.rebuilt import not_rebuilt
from dayshift.adviser.skill_of_one import skill_of_one

RARE, OTHERS = 20_000, 40_000
NEARLY_PERFECT = {"classifier": 0.99, "regressor": 0.9995}
"""A single feature's ROC AUC, or its R2, from which on it is too good."""


@dataclass(frozen=True)
class Looked:
    """Questions with a known label, in the order of time: their rows and labels, and what each feature alone knows of these."""

    rows: np.ndarray
    label: np.ndarray
    single: dict[str, float]


def suspicions(history: History) -> tuple[Suspicion, ...]:
    """Every suspected leak of a history, at most one a column."""
    features = history.features(Situation("event"))
    looked = look(history, features)
    rebuilt = not_rebuilt(history, features)
    del features
    found = [
        *known_later(history, looked.rows),
        *_too_good(history, looked.single),
        *early_labels(history, looked.rows),
        *rebuilt,
    ]
    first: dict[str, Suspicion] = {}
    for each in found:
        first.setdefault(each.column, each)
    return tuple(first.values())


def look(history: History, features: pl.DataFrame) -> Looked:
    """A sample spread over the whole history; of a classifier's rarer class more than its share."""
    labelled = np.flatnonzero(~np.isnan(history.label))
    if history.kind == "classifier":
        label = history.label[labelled]
        rare = label == (1.0 if 2 * label.sum() <= label.size else 0.0)
        parts = [_spread(labelled[rare], RARE), _spread(labelled[~rare], OTHERS)]
    else:
        parts = [_spread(labelled, RARE + OTHERS)]
    rows = np.sort(np.concatenate(parts))
    rows = rows[np.argsort(history.as_of[rows], kind="stable")]
    label = history.label[rows]
    single = {name: skill_of_one(features[name][rows], label, history.kind) for name in features.columns}
    return Looked(rows, label, single)


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many, evenly spread."""
    if rows.size <= most:
        return rows
    return rows[(np.arange(most) * (rows.size / most)).astype(np.int64)]


def _too_good(history: History, single: dict[str, float]) -> list[Suspicion]:
    limit = NEARLY_PERFECT[history.kind]
    found = {name: skill for name, skill in single.items() if skill >= limit}
    measure = "ROC AUC" if history.kind == "classifier" else "R2"
    return [
        Suspicion(
            column=_column_of(history, name),
            kind="too good",
            says=f"feature '{name}' alone answers nearly every question: {measure} {skill:.4f} on questions it did not learn from",
            hint=f"look whether it holds the answer itself; if it does, remove it: dayshift why {name}",
        )
        for name, skill in found.items()
    ]


def _column_of(history: History, name: str) -> str:
    """The user's column behind a row feature that reads one only; the feature itself otherwise."""
    from dayshift.engines.local.rows import inputs

    for feature in history.pipeline.row_features:
        if feature.name == name:
            read = inputs([feature], tuple(history.pipeline.asker.columns))
            return read[0] if len(read) == 1 else name
    return name
