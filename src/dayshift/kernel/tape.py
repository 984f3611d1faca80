"""A micro-batch as one table of integers in the order of the log: what `steps.run` reads row by row.

A question that an event asks shares the event's row; another question has a row of its own, before the event at its
position. See `layout.py` for the words of a row.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dayshift.diagnostics import Bug
from dayshift.kernel import layout as lay
from dayshift.kernel.arrays import Events, Questions
from dayshift.kernel.layout import Tape
from dayshift.kernel.plan import Plan


def write_tape(plan: Plan, tape: Tape, events: Mapping[str, Events], questions: Questions) -> Any:
    """The rows of a micro-batch."""
    sources = sorted({series.source for series in plan.series})
    sizes = [events[source].time.size if source in events else 0 for source in sources]
    asked = questions.time.size
    total = sum(sizes)
    alone = np.arange(asked) if questions.own is None else np.flatnonzero(questions.own < 0)
    out = np.empty((total + alone.size, tape.width), np.int64)
    positions, at = np.empty(out.shape[0], np.int64), 0
    for number, (source, size) in enumerate(zip(sources, sizes, strict=True)):
        if size:
            positions[at : at + size] = events[source].position
            _write_events(plan, tape, events[source], (number, source), out[at : at + size])
        at += size
    out[:, lay.T_ROW] = -1
    out[:, lay.T_OWN] = 0
    if alone.size:
        positions[total:] = questions.position[alone]
        out[total:, lay.T_SOURCE] = -1
        _write_questions(tape, questions, alone, (out, np.arange(total, out.shape[0])))
    if alone.size < asked:
        _write_asked(tape, questions, (out, positions[:total]))
    if sum(size > 0 for size in (*sizes, alone.size)) > 1:
        order = np.lexsort((out[:, lay.T_SOURCE] >= 0, positions))
        out = out[order]
    return out


def _write_events(plan: Plan, tape: Tape, events: Events, source: tuple[int, str], out: Any) -> None:
    number, name = source
    out[:, lay.T_SOURCE] = number
    out[:, lay.T_TIME] = events.time
    for k, series in enumerate(plan.series):
        out[:, lay.T_ENTITIES + k] = events.entities[series.columns] if series.source == name else -1
    width = len(tape.columns)
    for k, (owner, column) in enumerate(tape.columns):
        if owner != name:
            out[:, tape.values + k] = 0
            out[:, tape.values + width + k] = 0
            continue
        values = events.columns[column]
        out[:, tape.values + k] = values.values
        out[:, tape.values + width + k] = 1 if values.valid is None else values.valid
        if values.valid is not None and not plan.may_be_null(name, column) and not values.valid.all():
            raise Bug("DS503", f"column '{column}' of source '{name}' holds a null, but is not optional")


def _write_asked(tape: Tape, questions: Questions, table: tuple[Any, Any]) -> None:
    """Questions that events ask, into the events' rows, found by position."""
    out, positions = table
    own = questions.own
    which = np.arange(questions.time.size) if own is None else np.flatnonzero(own >= 0)
    wanted = questions.position[which]
    if wanted.size == positions.size and np.array_equal(wanted, positions):
        rows = np.arange(positions.size)
    else:
        order = np.argsort(positions, kind="stable")
        rows = np.searchsorted(positions, wanted, sorter=order)
        rows = order[np.minimum(rows, positions.size - 1)] if positions.size else rows
        if positions.size == 0 or not np.array_equal(positions[rows], wanted):
            raise Bug("DS503", "a question's asking event does not stand in the same micro-batch")
    _write_questions(tape, questions, which, (out, rows))
    out[rows, lay.T_OWN] = 1


def _write_questions(tape: Tape, questions: Questions, which: Any, target: tuple[Any, Any]) -> None:
    out, rows = target
    out[rows, lay.T_ROW] = which
    out[rows, lay.T_AS_OF] = questions.time[which]
    for k, entity in enumerate(questions.entities):
        out[rows, lay.T_ENTITIES + tape.series + k] = entity[which]
    if out.shape[0] and rows.size and out[rows[0], lay.T_SOURCE] < 0:
        out[rows[0] :, lay.T_ENTITIES : lay.T_ENTITIES + tape.series] = -1
        out[rows[0] :, tape.values :] = 0
