"""Labels that came after they counted as ripe, and whether those that had come by then speak for all.

A label is taken as known a declared time after its question. Where the log knows when each answer really came (a source
with `arrival`), that can be held against it. If positives come faster, the labels of young questions are too many
positives; where no answer means a negative, those whose answer is late were learned as negatives.
"""

from __future__ import annotations

import math

import numpy as np

from dayshift.adviser.evidence import Suspicion
from dayshift.adviser.history import History
from dayshift.definition import Label, format_duration
from dayshift.engines.local.labels import known_at, reads

FEWEST = 30
LATE = 0.005
"""The share of late answers below which a bias could not matter."""
MOST_LATE = 0.2
SHIFT = 0.1
"""How far the early mean may lie from that of all: a tenth of the rarer class's share, or of a standard deviation."""
SURE = 4.0


def early_labels(history: History, rows: np.ndarray) -> list[Suspicion]:
    """At most one suspicion, of the columns that the label reads."""
    label = history.pipeline.label
    assert label is not None
    ripe_at = history.ripe_at()[rows]
    known = known_at(history.pipeline, label, history.questions[rows], history.log)
    answered = known >= 0
    late = answered & (known > ripe_at)
    count = int(answered.sum())
    if late.sum() < FEWEST or late.sum() < LATE * count:
        return []
    weight = _weights(history, rows)
    share = float(weight[late].sum() / weight[answered].sum())
    lag = int(np.quantile(known[answered] - history.as_of[rows][answered], 0.99))
    said = _biased(history, label, rows, (late, answered, weight))
    column = ", ".join(reads(label)) or "label"
    declared = format_duration(label.ripe_after_us)
    hint = f"declare when answers are really there: Label(...) after {_days(lag)} instead of {declared} (99 % had come by then)"
    if said is not None:
        says = (
            f"{share:.1%} of the answers came after their label counted as ripe ({declared}), and they differ: {said}"
        )
        return [Suspicion(column, "early labels are biased", says, hint)]
    if share >= MOST_LATE:
        says = f"{share:.1%} of the answers came after their label counted as ripe ({declared}): a model learned from what was not known"
        return [Suspicion(column, "known later", says, hint)]
    return []


def _days(us: int) -> str:
    return f"{us / 86_400_000_000:.1f} days"


def _weights(history: History, rows: np.ndarray) -> np.ndarray:
    """How many questions each row of the sample stands for: classes were drawn apart."""
    weight = np.ones(rows.size)
    for value in np.unique(history.label[rows]) if history.kind == "classifier" else ():
        mine = history.label[rows] == value
        weight[mine] = (history.label == value).sum() / mine.sum()
    return weight


def _biased(
    history: History, label: Label, rows: np.ndarray, parts: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> str | None:
    """What the early labels say against all, or None when they say the same."""
    late, answered, weight = parts
    value = history.label[rows]
    then = value.copy()
    if label.missing is None:
        early = answered & ~late
    else:
        early = np.ones(rows.size, np.bool_)
        then[late] = float(label.missing)
    if early.sum() < FEWEST:
        return None
    now, before = _mean(value, weight), _mean(then[early], weight[early])
    unit = min(now, 1 - now) if history.kind == "classifier" else float(np.std(value))
    late_mean = _mean(value[late], weight[late])
    early_mean = _mean(value[~late], weight[~late])
    error = math.sqrt(_variance(value[late], weight[late]) + _variance(value[~late], weight[~late]))
    sure = abs(late_mean - early_mean) > SURE * max(error, 1e-12)
    if abs(before - now) <= SHIFT * unit or (label.missing is None and not sure):
        return None
    if history.kind == "classifier":
        return f"{before:.2%} of the labels that were there in time are positive, and {now:.2%} of all"
    return f"the labels that were there in time are {before:.4g} in the mean, and all are {now:.4g}"


def _mean(value: np.ndarray, weight: np.ndarray) -> float:
    return float((value * weight).sum() / weight.sum()) if weight.sum() else 0.0


def _variance(value: np.ndarray, weight: np.ndarray) -> float:
    """The variance of a weighted mean."""
    if value.size < 2:
        return 0.0
    apart = value - _mean(value, weight)
    return float(((weight * apart) ** 2).sum() / weight.sum() ** 2)
