"""What an engine must do to be judged: the adapter's protocol, and the reference as its first implementer.

An adapter puts an engine behind one method. It is given a `Case` and returns one row for every question, in the
questions' order, with one plain Python value for every output column (a `last_n` of three fills three):

    class MyAdapter:
        name = "mine"
        gaps = {"times": "it takes integer microseconds"}

        def answer(self, case: Case) -> list[Row]: ...
        def save(self, case: Case) -> bytes: ...
        def resume(self, state: bytes, case: Case) -> list[Row]: ...
        def instants(self, written: Sequence[str], kind: str) -> list[int | None]: ...

Values are compared strictly: an int is no float, a float must have the same bits, null is None. What an engine cannot do
stands in `gaps` with its reason, and the method must then raise `Gap`: a gap that has been closed fails the suite until
it is struck from the list.

Add an adapter's import path to `ADAPTERS` and it runs every scenario and every property in `tests/`.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, Protocol

from dayshift.definition import Calendar, Source, WindowFeature
from dayshift.diagnostics import Refused
from dayshift.semantics.instants import instant
from dayshift.semantics.reference import Event, Question, Scales, answer
from dayshift.semantics.seen import Value

Row = tuple[Value, ...]
Ability = Literal["hindsight", "state", "times"]
"""What an engine may lack: answering in hindsight, state that is saved and continued, reading written times."""

ADAPTERS: tuple[str, ...] = (
    "dayshift.testing.engines:ReferenceAdapter",
    "dayshift.testing.kernel_adapters:HistoryAdapter",
    "dayshift.testing.kernel_adapters:StreamAdapter",
    "dayshift.testing.local_adapter:LocalAdapter",
    "dayshift.testing.local_adapter:AdvanceAdapter",
    "dayshift.testing.live_adapter:LiveAdapter",
)
"""Every engine under test, as `module:name`; each new one is a line here."""


class Gap(Exception):
    """The engine does not do this, and says so in its `gaps`."""


@dataclass(frozen=True)
class Case:
    """Everything an engine needs to answer.

    Args:
        features: all of one pipeline, in the order of the row.
        events: of all sources, in any order; `place` is the log's order, `load` and `position` what it was made of.
        questions: in the order of the rows. Either all are asked by events of one source (`own`) or none is.
        scales: the fixed point of every numeric column, by (source's name, column); events are already on it.
        predict: the pipeline's `predict`: the source that asks, the calendar, or None when the questions come from
            outside; then they may ask in any order of `as_of`, and their `values` hold the columns that keys name.
        policy: "as_known", or "hindsight".
        batch: how many entries of the log to take at a time, 0 for all; it must not change an answer.
    """

    features: tuple[WindowFeature, ...]
    events: tuple[Event, ...]
    questions: tuple[Question, ...]
    scales: Scales
    predict: Source | Calendar | None = None
    policy: Literal["as_known", "hindsight"] = "as_known"
    batch: int = 0

    def before(self, place: int) -> "Case":
        """The part of the log before a place, and the questions asked there."""
        return self._part(lambda at: at < place)

    def since(self, place: int) -> "Case":
        """The part of the log from a place on, and the questions asked there."""
        return self._part(lambda at: at >= place)

    def _part(self, belongs: Any) -> "Case":
        return replace(
            self,
            events=tuple(event for event in self.events if belongs(event.place)),
            questions=tuple(question for question in self.questions if belongs(question.place)),
        )


class EngineAdapter(Protocol):
    """An engine as the tests see it."""

    name: str
    gaps: Mapping[Ability, str]

    def answer(self, case: Case) -> list[Row]:
        """One row a question, in the questions' order. Raises `Gap` for hindsight when that is one of its gaps."""

    def save(self, case: Case) -> bytes:
        """The state after this part of the log. Raises `Gap` when "state" is one of its gaps."""

    def resume(self, state: bytes, case: Case) -> list[Row]:
        """The answers to the rest of the log, as if it had been answered in one piece.

        Raises:
            DayshiftError: the state is damaged, or belongs to other features. Never a smaller answer.
        """

    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:
        """What the engine's door makes of a column of written times: microseconds UTC, None for null.

        `kind` is one of `instants.KINDS`: how the column is written. Raises `Gap` when "times" is one of its gaps.
        """


class ReferenceAdapter:
    """The reference interpreter. Its state is the log itself, sealed by a digest and the features it belongs to."""

    name = "reference"
    gaps: Mapping[Ability, str] = {}

    def answer(self, case: Case) -> list[Row]:
        """Every feature of every question by brute force."""
        return [self._row(case, question) for question in case.questions]

    def save(self, case: Case) -> bytes:
        """The events as JSON behind a digest."""
        rows = [[event.source, event.event_time, event.place, dict(event.values)] for event in case.events]
        body = json.dumps([_features(case), rows], default=_tagged).encode()
        return hashlib.sha256(body).digest() + body

    def resume(self, state: bytes, case: Case) -> list[Row]:
        """The log of the state and the rest of it, answered together."""
        body = state[32:]
        if hashlib.sha256(body).digest() != state[:32]:
            raise Refused("DS582", "the state is damaged", hint="rebuild it from the log")
        features, rows = json.loads(body, object_hook=_untagged)
        if features != _features(case):
            raise Refused("DS582", "the state belongs to other features", hint="rebuild it from the log")
        events = tuple(Event(*row) for row in rows)
        return self.answer(replace(case, events=events + case.events))

    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:
        """Each time by itself, with Python's own calendar."""
        return [instant(text, kind) for text in written]

    def _row(self, case: Case, question: Question) -> Row:
        row: list[Value] = []
        for feature in case.features:
            value = answer(feature, question, case.events, case.scales, case.policy == "hindsight")
            row.extend(value if isinstance(value, tuple) else (value,))
        return tuple(row)


def adapters(names: Sequence[str] = ADAPTERS) -> list[EngineAdapter]:
    """The adapters of these import paths, made.

    >>> [adapter.name for adapter in adapters(["dayshift.testing.engines:ReferenceAdapter"])]
    ['reference']
    """
    made: list[EngineAdapter] = []
    for name in names:
        module, _, attribute = name.partition(":")
        made.append(getattr(import_module(module), attribute)())
    return made


def same(left: Value, right: Value) -> bool:
    """Whether two values are the same to the last bit: type, null, and the sign of a zero included.

    >>> same(1, 1), same(1, 1.0), same(True, 1), same(0.1 + 0.2, 0.3), same(None, None)
    (True, False, False, False, True)
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return left.hex() == right.hex()
    return bool(left == right)


def _tagged(date: dt.date) -> dict[str, str]:
    return {"$date": date.isoformat()}


def _untagged(found: dict[str, Any]) -> Any:
    return dt.date.fromisoformat(found["$date"]) if list(found) == ["$date"] else found


def _features(case: Case) -> list[str]:
    return [repr((f.source.name, f.keys, f.window, f.aggregate, f.fill, f.relative, f.baseline)) for f in case.features]
