"""From slots to features: put a value in relation to its baseline, then fill what is null."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dayshift.kernel.arrays import Answer
from dayshift.kernel.plan import Finish, Plan

FILLED = ("int", "float", "bool", "decimal")
"""The types that are filled here; texts and dates are codes in the kernel, so the engine fills them."""


def finish(plan: Plan, slots: Sequence[Sequence[Answer]]) -> list[Answer]:
    """The answers of all plan columns from those of the slots (each slot: one, or n for `last_n`)."""
    if plan.plain:
        return [value for rule in plan.finishes for value in slots[rule.slot]]
    answers = []
    for rule in plan.finishes:
        for part, value in enumerate(slots[rule.slot]):
            if rule.relative and rule.base is not None:
                value = relate(rule.relative, value, slots[rule.base][part])
            answers.append(fill(rule, value))
    return answers


def relate(relation: str, value: Answer, base: Answer) -> Answer:
    """A finished value as a "ratio" or a "difference" to another, in IEEE doubles; null as the definition says.

    >>> one, three = Answer(np.array([1])), Answer(np.array([3]))
    >>> relate("ratio", one, three).values, relate("difference", one, three).values
    (array([0.33333333]), array([-2.]))
    """
    v, b = value.values.astype(np.float64), base.values.astype(np.float64)
    valid = np.ones(v.size, np.bool_)
    for each in (value.valid, base.valid):
        if each is not None:
            valid &= each
    if relation == "difference":
        return Answer(np.where(valid, v - b, 0.0), valid)
    valid &= b != 0.0
    return Answer(np.where(valid, v / np.where(valid, b, 1.0), 0.0), valid)


def fill(rule: Finish, value: Answer) -> Answer:
    """The declared fill in place of null."""
    if rule.fill is None or value.valid is None or rule.type not in FILLED:
        return value
    filled: Any = np.where(value.valid, value.values, value.values.dtype.type(rule.fill))
    return Answer(filled)
