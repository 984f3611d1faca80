"""A micro-batch as one table of integers in the order of the log: what `steps.run` reads row by row.

A question that an event asks shares the event's row; another question has a row of its own, before the event at its
position. See `layout.py` for the words of a row. Mostly one source's events ask all questions, in the log's order: then
whole columns are copied and nothing is looked for.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dayshift.diagnostics import Bug
from dayshift.kernel import layout as lay
from dayshift.kernel.arrays import Events, Questions
from dayshift.kernel.layout import Tape
from dayshift.kernel.plan import Plan

EVERY, NOWHERE = slice(None), np.zeros(0, np.int64)


def write_tape(plan: Plan, tape: Tape, events: Mapping[str, Events], questions: Questions) -> Any:
    """The rows of a micro-batch."""
    given = [name for name in tape.sources if name in events and events[name].time.size]
    total, asked = sum(events[name].time.size for name in given), questions.time.size
    own: Any = questions.own
    alone = np.arange(asked) if own is None else np.flatnonzero(own < 0)
    out = np.empty((total + alone.size, tape.width), np.int64)
    at = 0
    for name in given:
        size = events[name].time.size
        _write_events(plan, tape, events[name], name, out[at : at + size])
        at += size
    out[:, lay.T_ROW] = -1
    out[:, lay.T_OWN] = 0
    parts = [events[name].position for name in given]
    if alone.size:
        parts.append(questions.position[alone])
        out[total:] = 0
        out[total:, lay.T_SOURCE] = -1
        out[total:, lay.T_ENTITIES : lay.T_ENTITIES + tape.series] = -1
        _write_questions(tape, questions, alone, (out, slice(total, None)))
    if alone.size < asked:
        positions = parts[0] if len(given) == 1 else np.concatenate([NOWHERE, *parts])[:total]
        which = EVERY if alone.size == 0 else np.flatnonzero(own >= 0)
        _write_asked(tape, questions, (out, positions), which)
    if len(parts) > 1:
        out = out[np.lexsort((out[:, lay.T_SOURCE] >= 0, np.concatenate(parts)))]
    return out


def _write_events(plan: Plan, tape: Tape, events: Events, name: str, out: Any) -> None:
    out[:, lay.T_SOURCE] = tape.sources.index(name)
    out[:, lay.T_TIME] = events.time
    for word, (owner, columns) in enumerate(tape.keys, lay.T_ENTITIES):
        out[:, word] = events.entities[columns] if owner == name else -1
    width = len(tape.columns)
    for word, (owner, column) in enumerate(tape.columns, tape.values):
        if owner != name:
            out[:, word] = out[:, word + width] = 0
            continue
        values = events.columns[column]
        out[:, word] = values.values
        out[:, word + width] = 1 if values.valid is None else values.valid
        if values.valid is not None and not plan.may_be_null(name, column) and not values.valid.all():
            raise Bug("DS503", f"column '{column}' of source '{name}' holds a null, but is not optional")


def _write_asked(tape: Tape, questions: Questions, table: tuple[Any, Any], which: Any) -> None:
    """Questions that events ask, into the events' rows, found by position."""
    out, positions = table
    wanted, rows = questions.position[which], slice(positions.size)
    if wanted.size != positions.size or not (wanted == positions).all():
        order = np.argsort(positions, kind="stable")
        found = np.searchsorted(positions, wanted, sorter=order)
        rows = order[np.minimum(found, positions.size - 1)] if positions.size else found
        if positions.size == 0 or not np.array_equal(positions[rows], wanted):
            raise Bug("DS503", "a question's asking event does not stand in the same micro-batch")
    _write_questions(tape, questions, which, (out, rows))
    out[rows, lay.T_OWN] = 1


def _write_questions(tape: Tape, questions: Questions, which: Any, target: tuple[Any, Any]) -> None:
    out, rows = target
    out[rows, lay.T_ROW] = np.arange(questions.time.size) if which is EVERY else which
    out[rows, lay.T_AS_OF] = questions.time[which]
    for word, entity in enumerate(questions.entities, lay.T_ENTITIES + tape.series):
        out[rows, word] = entity[which]
