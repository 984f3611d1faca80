"""Some served values beside the reference interpreter, which shares nothing with any engine but the definition.

Each entity's events are read once for all its questions. The reference looks at every event that it is given, so it is
given those of the entity up to a day beyond the feature's windows on either side; which of them count it says itself.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from dayshift.definition import Source, WindowFeature
from dayshift.engines.contract import LOAD
from dayshift.engines.local.task import Task
from dayshift.lifecycle.verifying.bits import same
from dayshift.lifecycle.verifying.features import difference
from dayshift.lifecycle.verifying.past import Keys, entity_rows, events_of, plain, questions_of, reach
from dayshift.lifecycle.verifying.report import Difference
from dayshift.lifecycle.verifying.view import View
from dayshift.semantics import reference
from dayshift.semantics.reference import Event, Question

MARGIN_US = 86_400_000_000
MOST_LOOKS = 20_000_000
"""How many events the reference looks at in one run, each once for each value: about a minute."""
AT_ONCE = 100_000
"""An entity with more events has only those held that one question's windows may reach."""


@dataclass
class Sampled:
    """Questions and values that were compared, those that differ, those that were too much; the first difference."""

    questions: int = 0
    values: int = 0
    differing: int = 0
    left_out: int = 0
    looks: int = 0
    firsts: dict[str, Difference] = field(default_factory=dict)


def draw(view: View, size: int, seed: int) -> list[int]:
    """The numbers of the served rows to be compared, ascending; rows count in the log's order.

    The first and the last row are among them, and those of as many loads as make up a fifth of the sample.
    """
    counts = view.answers().group_by(LOAD).agg(pl.len()).collect(engine="streaming").sort(LOAD)["len"].to_list()
    total = sum(counts)
    if not size or not total:
        return []
    chance = random.Random(seed)  # noqa: S311 - a sample that can be drawn again
    chosen = {0, total - 1} if size > 1 else {0}
    edges, passed = [], 0
    for count in counts:
        edges += [passed, passed + count - 1]
        passed += count
    chosen |= set(chance.sample(edges, min(len(edges), size // 5)))
    while len(chosen) < min(size, total):
        chosen.add(chance.randrange(total))
    return sorted(chosen)


def check(view: View, rows: pl.DataFrame) -> Sampled:
    """Compares all window features of these served rows with the reference."""
    task, found = Task.of(view.project.pipeline, view.log), Sampled()
    questions = questions_of(task, view.log, rows)
    asked = [number for number, question in enumerate(questions) if question is not None]
    found.questions = len(asked)
    values = plain(rows)
    for source, keys, features in series(task, view.columns):
        by_entity: dict[tuple[Any, ...] | None, list[int]] = {}
        for number in asked:
            by_entity.setdefault(entity_of(questions[number], keys), []).append(number)
        spans = {
            entity: _span(features, [questions[number] for number in numbers])
            for entity, numbers in by_entity.items()
            if entity is not None
        }
        for entity, history in _histories(task, view, source, keys, spans):
            for number in by_entity.pop(entity):
                _compare(view, task, features, questions[number], history, (values, rows, number), found)
        nothing = History(source, None)
        for number in (each for numbers in by_entity.values() for each in numbers):
            _compare(view, task, features, questions[number], nothing, (values, rows, number), found)
    return found


def series(task: Task, columns: Sequence[str]) -> Iterator[tuple[Source, Keys, list[WindowFeature]]]:
    """The window features, those of one source by the same keys together."""
    groups: dict[tuple[str, Keys], list[WindowFeature]] = {}
    for feature in task.features:
        if set(feature.columns) <= set(columns):
            groups.setdefault((feature.source.name, feature.keys), []).append(feature)
    for (_, keys), features in groups.items():
        yield features[0].source, keys, features


def entity_of(question: Question | None, keys: Keys) -> tuple[Any, ...] | None:
    """Whom a question is about in a series; None: nobody."""
    return None if question is None else reference.entity(question.values, [theirs for _, theirs in keys])


Span = tuple[int | None, int]
"""From which time to which, both included; None: from the beginning of all history."""


class History:
    """The events of one entity by event time, those of a span at most; `rows` None: it has none."""

    def __init__(self, source: Source, rows: pl.DataFrame | None, span: Span = (None, 0)) -> None:
        self._source, self._rows = source, rows
        self._times: list[int] = []
        if rows is not None:
            times = rows[source.time]
            first = 0 if span[0] is None else int(times.search_sorted(span[0], "left"))
            self._rows = rows[first : int(times.search_sorted(span[1], "right"))]
            self._times = self._rows[source.time].to_list()
        few = self._rows is not None and self._rows.height <= AT_ONCE
        self._events = events_of(source, self._rows) if few and self._rows is not None else None

    def near(self, low: int | None, high: int) -> tuple[int, int]:
        """The first and the last number (not included) of the events with times from `low` to `high`."""
        first = 0 if low is None else bisect_left(self._times, low)
        return first, bisect_right(self._times, high)

    def between(self, first: int, end: int) -> list[Event]:
        """The events with these numbers."""
        if self._rows is None:
            return []
        return events_of(self._source, self._rows[first:end]) if self._events is None else self._events[first:end]


def _span(features: Sequence[WindowFeature], questions: Sequence[Question | None]) -> Span:
    """Which times of an entity's events these questions may need."""
    times = [question.as_of for question in questions if question is not None]
    reaches = [reach(feature) for feature in features]
    low = None if None in reaches else min(times) - max(each for each in reaches if each is not None) - MARGIN_US
    return low, max(times) + MARGIN_US


def _histories(
    task: Task, view: View, source: Source, keys: Keys, spans: Mapping[tuple[Any, ...], Span]
) -> Iterator[tuple[tuple[Any, ...], History]]:
    if not spans:
        return
    rows = entity_rows(task, view.log, source, keys, list(spans))
    if not keys:
        yield (), History(source, rows, spans[()])
        return
    own = [column for column, _ in keys]
    for entity, mine in rows.partition_by(own, maintain_order=True, as_dict=True).items():
        yield entity, History(source, mine, spans[entity])


def _compare(
    view: View,
    task: Task,
    features: Sequence[WindowFeature],
    question: Question | None,
    history: History,
    place: tuple[pl.DataFrame, pl.DataFrame, int],
    found: Sampled,
) -> None:
    assert question is not None
    values, rows, number = place
    for feature in features:
        back = reach(feature)
        low = None if back is None else question.as_of - back - MARGIN_US
        first, end = history.near(low, question.as_of + MARGIN_US)
        if found.looks + end - first > MOST_LOOKS:
            found.left_out += len(feature.columns)
            continue
        found.looks += end - first
        right = reference.answer(feature, question, history.between(first, end), task.scales)
        parts = right if isinstance(right, tuple) else (right,)
        for name, part in zip(feature.columns, parts, strict=True):
            found.values += 1
            if not same(values[name][number], part):
                found.differing += 1
                found.firsts[name] = _earlier(found.firsts.get(name), view, rows, number, name, part)


def _earlier(
    known: Difference | None, view: View, rows: pl.DataFrame, number: int, name: str, right: Any
) -> Difference:
    row = rows.row(number, named=True)
    if known is not None and (known.load, known.position) <= (row[LOAD], row["_position"]):
        return known
    return difference(view, "reference", row, name, served=row[name], right=right)
