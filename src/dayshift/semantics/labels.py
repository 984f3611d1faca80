"""When an answer is known, and what it is.

A question asked at `as_of` is answered by the events of the label's source with its key that happened in the closed
interval `[as_of, as_of + within]`. Its label is ripe at `as_of + within + the source's delay`, and exists for training
only at that time or later: one that looks finished before may still change. Of the log only what has arrived by the
time of training is read. A question whose key has a null part is answered by nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayshift.definition.label import Label
from dayshift.semantics.order import by_time_then_arrival
from dayshift.semantics.reference import Event, Question, entity
from dayshift.semantics.seen import Value

Evaluate = Callable[[Sequence[Mapping[str, Any]]], Value]
"""The label's expression on the columns of the events that answer: exactly one unless `pick` is "all"."""


@dataclass(frozen=True)
class Answered:
    """What is known of a question's label: whether it is ripe, and its value (None: ripe, yet without a label)."""

    ripe: bool
    ripe_at: int
    value: Value = None


def ripe_at(label: Label, as_of: int) -> int:
    """When the label of a question asked at `as_of` is ripe, in microseconds UTC.

    >>> from dayshift.definition import Source
    >>> arrivals = Source("arrivals", time="at", key="id", delay="5us")
    >>> ripe_at(Label(arrivals, None, within="10us"), 100)
    115
    """
    return as_of + label.ripe_after_us


def answering(label: Label, question: Question, log: Sequence[Event]) -> list[Event]:
    """The events that answer a question: none, one, or with `pick="all"` any number, by (event time, arrival)."""
    asked = entity(question.values, label.keys)
    if asked is None:
        return []
    end = question.as_of + label.within_us
    events = by_time_then_arrival(
        event
        for event in log
        if event.source == label.source.name
        and entity(event.values, label.keys) == asked
        and question.as_of <= event.event_time <= end
    )
    if label.pick == "all":
        return events
    return events[:1] if label.pick == "first" else events[-1:]


def answered(label: Label, question: Question, log: Sequence[Event], trained_at: int, evaluate: Evaluate) -> Answered:
    """A question's label as of the time of training; `log` holds what has arrived by then.

    No event: `label.missing`. A null from the expression is no label, as if it were not there.
    """
    ripe = ripe_at(label, question.as_of)
    if ripe > trained_at:
        return Answered(False, ripe)
    events = answering(label, question, log)
    value = evaluate([event.values for event in events]) if events else label.missing
    return Answered(True, ripe, value)
