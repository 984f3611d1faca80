"""The kernel before the scenarios and properties: once as a history, once as a stream.

They turn a case's Python values into the arrays that the kernel takes, and its answers back. The stream answers in
micro-batches of `Case.batch` entries of the log, and from the log what its state says it cannot answer.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from dayshift.definition import Source, WindowFeature
from dayshift.diagnostics import Refused
from dayshift.kernel import history, stream
from dayshift.kernel.arrays import Answer, Events, Int64, Mask, Questions, Values
from dayshift.kernel.plan import Plan, compile_plan
from dayshift.semantics.aggregates import distinct_count
from dayshift.semantics.reference import Event, Question
from dayshift.testing.engines import Ability, Case, Gap, ReferenceAdapter, Row

_EPOCH = dt.date(1970, 1, 1)


class Codes:
    """Dense numbers for entities and texts, which can be written down and read again."""

    def __init__(self, written: str = "{}") -> None:
        self.numbers: dict[str, dict[str, int]] = json.loads(written)

    def number(self, kind: str, name: str) -> int:
        """The number of a name among those of its kind, a new one if it has none."""
        known = self.numbers.setdefault(kind, {})
        return known.setdefault(name, len(known))

    def text(self, number: int) -> str:
        """The text that has this number."""
        return list(self.numbers["text"])[number]

    def entity(self, kind: str, values: Mapping[str, Any], columns: Sequence[str]) -> int:
        """The number of an entity, -1 when a part of its key is null."""
        key = [values.get(column) for column in columns]
        return -1 if any(part is None for part in key) else self.number(kind, repr(key))

    def value(self, column: str, value: Any, scale: int) -> int:
        """A value as the kernel keeps it; `hash:` columns are 64-bit hashes."""
        if value is None:
            return 0
        if column.startswith("hash:"):
            hashed = distinct_count.hash_of(value)
            return hashed - 2**64 if hashed >= 2**63 else hashed
        code = distinct_count.code(value, scale)
        return self.number("text", code) if isinstance(code, str) else code


def to_arrays(case: Case, plan: Plan, codes: Codes) -> tuple[dict[str, Events], Questions]:
    """A case's events by source, and its questions in the log's order."""
    sources = {feature.source.name: feature.source for feature in case.features}
    log = sorted(case.events, key=lambda event: event.place)
    events = {
        name: _events(plan, source, [e for e in log if e.source == name], case, codes)
        for name, source in sources.items()
    }
    asked = _in_order(case)
    entities = [
        _ints(
            codes.entity(repr((series.source, series.columns)), q.values, [name for _, name in series.keys])
            for q in asked
        )
        for series in plan.series
    ]
    own = None
    if any(question.own is not None for question in asked):
        at = {event.place: i for name in sources for i, event in enumerate(e for e in log if e.source == name)}
        own = _ints(-1 if q.own is None else at.get(q.own.place, -1) for q in asked)
    return events, Questions(_ints(q.as_of for q in asked), _ints(q.place for q in asked), entities, own)


def _in_order(case: Case) -> list[Question]:
    return sorted(case.questions, key=lambda question: question.place)


def _events(plan: Plan, source: Source, rows: list[Event], case: Case, codes: Codes) -> Events:
    columns = {}
    for name in plan.reads(source.name):
        base = name.removeprefix("hash:")
        scale = case.scales.get((source.name, base), 1)
        values = _ints(codes.value(name, event.values[base], scale) for event in rows)
        valid = np.array([event.values[base] is not None for event in rows], np.bool_)
        columns[name] = Values(values, valid if source.columns[base].optional else None)
    entities = {
        series.columns: _ints(
            codes.entity(repr((source.name, series.columns)), event.values, series.columns) for event in rows
        )
        for series in plan.series
        if series.source == source.name
    }
    return Events(_ints(e.event_time for e in rows), _ints(e.place for e in rows), entities, columns)


def _ints(values: Any) -> Int64:
    return np.fromiter(values, np.int64)


def to_rows(case: Case, answers: Sequence[Answer], codes: Codes) -> list[Row]:
    """Answers in the log's order as rows in the questions' order."""
    features = [feature for feature in case.features for _ in feature.columns]
    lines = [_line(feature, each, codes) for feature, each in zip(features, answers, strict=True)]
    order = sorted(range(len(case.questions)), key=lambda i: case.questions[i].place)
    rows: list[Row] = [()] * len(order)
    for at, i in enumerate(order):
        rows[i] = tuple(line[at] for line in lines)
    return rows


def _line(feature: WindowFeature, answer: Answer, codes: Codes) -> list[Any]:
    valid = [True] * answer.values.size if answer.valid is None else answer.valid.tolist()
    known = zip(answer.values.tolist(), valid, strict=True)
    return [_decoded(feature.type, value, codes) if there else feature.fill for value, there in known]


def _decoded(kind: str, value: Any, codes: Codes) -> Any:
    kinds: dict[str, Callable[[Any], Any]] = {
        "str": codes.text,
        "bool": bool,
        "date": lambda days: _EPOCH + dt.timedelta(days=days),
    }
    return kinds.get(kind, lambda each: each)(value)


class HistoryAdapter:
    """`kernel.history`: all questions at once."""

    name = "kernel-history"
    gaps: Mapping[Ability, str] = {
        "state": "it keeps none: kernel-stream does",
        "times": "it takes integer microseconds: engines read written times",
    }

    def answer(self, case: Case) -> list[Row]:
        """Every feature of every question, with two threads."""
        plan, codes = compile_plan(case.features, case.scales), Codes()
        events, questions = to_arrays(case, plan, codes)
        answers = history.answer(plan, events, questions, hindsight=case.policy == "hindsight", threads=2)
        return to_rows(case, answers, codes)

    def save(self, case: Case) -> bytes:  # noqa: ARG002
        """A gap."""
        raise Gap(self.gaps["state"])

    def resume(self, state: bytes, case: Case) -> list[Row]:  # noqa: ARG002
        """A gap."""
        raise Gap(self.gaps["state"])

    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:  # noqa: ARG002
        """A gap."""
        raise Gap(self.gaps["times"])


class StreamAdapter:
    """`kernel.stream`: micro-batches through a state."""

    name = "kernel-stream"
    gaps: Mapping[Ability, str] = {
        "hindsight": "a stream has none: it answers as known",
        "times": "it takes integer microseconds: engines read written times",
    }

    def answer(self, case: Case) -> list[Row]:
        """Every feature of every question, batch by batch."""
        if case.policy == "hindsight":
            raise Gap(self.gaps["hindsight"])
        plan, codes = compile_plan(case.features, case.scales), Codes()
        rows, missed = self._advance(stream.State(plan, slack_us=0), case, codes)
        return self._complete(rows, missed, lambda: HistoryAdapter().answer(case))

    def save(self, case: Case) -> bytes:
        """The state, the codes and, for what the state may not answer, the log."""
        plan, codes = compile_plan(case.features, case.scales), Codes()
        state = stream.State(plan, slack_us=0)
        self._advance(state, case, codes)
        parts = [state.save(), json.dumps(codes.numbers).encode(), ReferenceAdapter().save(case)]
        return b"".join(len(part).to_bytes(8, "little") + part for part in parts)

    def resume(self, state: bytes, case: Case) -> list[Row]:
        """The answers to the rest of the log."""
        parts = _parts(state)
        plan, codes = compile_plan(case.features, case.scales), Codes()
        restored = stream.State.restore(plan, parts[0])
        reference = ReferenceAdapter().resume(parts[2], case)
        codes = Codes(parts[1].decode())
        rows, missed = self._advance(restored, case, codes)
        return self._complete(rows, missed, lambda: reference)

    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:  # noqa: ARG002
        """A gap."""
        raise Gap(self.gaps["times"])

    def _advance(self, state: stream.State, case: Case, codes: Codes) -> tuple[list[Row], Mask]:
        events, questions = to_arrays(case, state.plan, codes)
        places = sorted({e.place for e in case.events} | {q.place for q in case.questions})
        size = case.batch or max(len(places), 1)
        cuts = [*places[::size], places[-1] + 1] if places else []
        answers, missed = [], []
        for first, last in zip(cuts, cuts[1:], strict=False):
            answers.append(state.advance(*_between(events, questions, first, last)))
            missed.append(state.unanswerable)
        if not answers:
            return [], np.zeros(0, np.bool_)
        joined = [_joined([batch[column] for batch in answers]) for column in range(len(answers[0]))]
        order = np.argsort([q.place for q in case.questions], kind="stable")
        flags = np.zeros(order.size, np.bool_)
        flags[order] = np.concatenate(missed)
        return to_rows(case, joined, codes), flags

    def _complete(self, rows: list[Row], missed: Mask, whole: Callable[[], list[Row]]) -> list[Row]:
        if not missed.any():
            return rows
        return [other if flag else row for row, other, flag in zip(rows, whole(), missed, strict=True)]


def _parts(state: bytes) -> list[bytes]:
    parts, at = [], 0
    for _ in range(3):
        size = int.from_bytes(state[at : at + 8], "little")
        parts.append(state[at + 8 : at + 8 + size])
        at += 8 + size
    if at != len(state):
        raise Refused("DS510", "the saved state is damaged", hint="rebuild it from the log")
    return parts


def _between(
    events: Mapping[str, Events], questions: Questions, first: int, last: int
) -> tuple[dict[str, Events], Questions]:
    """The part of the log with places in [first, last)."""
    cut, before = {}, {}
    for name, each in events.items():
        a, b = (int(at) for at in np.searchsorted(each.position, (first, last)))
        before[name] = a
        columns = {
            key: Values(column.values[a:b], None if column.valid is None else column.valid[a:b])
            for key, column in each.columns.items()
        }
        entities = {key: entity[a:b] for key, entity in each.entities.items()}
        cut[name] = Events(each.time[a:b], each.position[a:b], entities, columns)
    a, b = (int(at) for at in np.searchsorted(questions.position, (first, last)))
    own = None if questions.own is None else questions.own[a:b]
    entities_asked = [entity[a:b] for entity in questions.entities]
    return cut, Questions(questions.time[a:b], questions.position[a:b], entities_asked, own)


def _joined(parts: Sequence[Answer]) -> Answer:
    valid = [part.valid for part in parts if part.valid is not None]
    return Answer(np.concatenate([part.values for part in parts]), np.concatenate(valid) if valid else None)
