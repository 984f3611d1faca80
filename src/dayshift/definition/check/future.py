"""A feature must not see the future of its label.

What the windows see is safe by construction: only events before `as_of` that had arrived. Three things can still carry
the answer into a feature, and each is a way in which the definition contradicts itself:

1. The answer is a column of the event that asks. It is in the row at the moment of the question, so either there is
   nothing to predict, or the column is filled in later than the log says. We must assume the latter: the label's own
   `within` says how much later. Then a row feature must not read it, a window must not include the asking event, and a
   window over earlier events must end `within` before the question, because their answers were not known yet either.
   (`within="0s"` says: known at once. Then earlier events' answers are fair.)
2. A window closed on its right ends at `as_of`, and the label's interval begins there: an event at exactly that time
   would be in both.
3. The events of the label's source are stamped with the time of the question, not with the time of the answer, and
   nothing says how much later they are known. Only the names tell; so this is a warning.

Columns are followed through `derive`: a column computed from the answer is the answer.
"""

from collections.abc import Iterable, Iterator

from dayshift.definition.check.parts import Parts, fault, length, name_of, reads
from dayshift.definition.feature import WindowFeature
from dayshift.definition.label import Label
from dayshift.definition.source import Source
from dayshift.diagnostics import Problem

_ANY_TIME = {"at", "date", "datetime", "event_time", "occurred_at", "time", "timestamp", "ts"}


def own_row(parts: Parts) -> Iterator[Problem]:
    """A row feature does not read the answer of its own question (1)."""
    label = parts.label
    if label is None or not _answers_itself(label, parts):
        return
    answer = origins(label.source, reads(label.expression, ()))
    for feature in parts.rows:
        if feature.source is not label.source:
            continue
        seen = origins(label.source, reads(feature.expression, label.source.columns)) & answer
        for column in sorted(seen):
            yield fault(
                "DS230",
                f"feature '{feature.name}' would see the future of the label",
                feature.place,
                f"it reads '{column}' of the event that asks, and the label is made of '{column}' of the same event",
                hint=f"remove '{feature.name}' from the features",
            )


def own_event(parts: Parts) -> Iterator[Problem]:
    """A window does not include the asking event when that holds the answer (1)."""
    label = parts.label
    if label is None or not _answers_itself(label, parts):
        return
    for feature in _readers_of_the_answer(label, parts):
        if feature.window.including_self:
            yield fault(
                "DS230",
                f"feature '{name_of(feature)}' would see the future of the label",
                feature.place,
                f"it includes the event that asks, and the label is made of '{feature.aggregate.column}' of that event",
                hint="remove including_self=True",
            )


def earlier_answers(parts: Parts) -> Iterator[Problem]:
    """A window over earlier events sees their answers only after these were known (1)."""
    label = parts.label
    if label is None or parts.asker is None or label.source is not parts.asker or not _own_key(label, parts):
        return
    known_after = length(label.within)
    later = length(label.source.delay)
    if known_after is None or later is None or known_after == 0:
        return
    for feature in _readers_of_the_answer(label, parts):
        delay = length(feature.window.delay)
        if delay is None or delay >= known_after + later or feature.window.including_self:
            continue
        column, asker = feature.aggregate.column, label.source.name
        yield fault(
            "DS230",
            f"feature '{name_of(feature)}' would see the future of the label",
            feature.place,
            f"it reads '{column}' of events up to the question; the label says that '{column}' is known {label.within} later",
            f"the window would hold answers to questions of '{asker}' that nobody had when this one was asked",
            hint=f'end the window earlier: .over(..., delay="{label.within}"), or bring the answers by a source of their own',
        )


def shared_edge(parts: Parts) -> Iterator[Problem]:
    """A window of the label's source does not reach into the label's interval (2)."""
    label = parts.label
    if label is None or parts.calendar is not None:
        return
    for feature in _readers_of_the_answer(label, parts):
        if feature.window.closed == "right" and length(feature.window.delay) == 0:
            yield fault(
                "DS230",
                f"feature '{name_of(feature)}' would see the future of the label at one instant",
                feature.place,
                "its window ends with the time of the question, where the label's interval begins; an event then is in both",
                hint='closed="left", or delay="1us"',
            )


def stamped_early(parts: Parts) -> Iterator[Problem]:
    """Answers that carry the question's time and no delay are probably known later than the log will say (3)."""
    label, asker = parts.label, parts.asker
    if label is None or asker is None or label.source is asker or not length(label.within):
        return
    source = label.source
    same_time = source.time == asker.time and source.time not in _ANY_TIME
    if not same_time or source.arrival is not None or length(source.delay) != 0:
        return
    for feature in parts.windows:
        if feature.source is source and length(feature.window.delay) == 0:
            yield fault(
                "DS231",
                f"feature '{name_of(feature)}' may see the future of the label",
                feature.place,
                f"events of '{source.name}' are stamped with '{source.time}', as the questions are, and count as known then",
                f"the label waits {label.within} for them",
                hint=f'give the source its delay: Source("{source.name}", ..., delay="{label.within}"), or arrival="..."',
                severity="warning",
            )


def twin_columns(parts: Parts) -> Iterator[Problem]:
    """The asking event holds a column of the label's name: probably the answer, joined in advance (1)."""
    label = parts.label
    if label is None or parts.asker is None or label.source is parts.asker:
        return
    answer = set(reads(label.expression, ())) - {label.source.time, *label.keys}
    for feature in parts.rows:
        for column in sorted(answer & set(reads(feature.expression, parts.question))):
            yield fault(
                "DS231",
                f"feature '{feature.name}' may see the future of the label",
                feature.place,
                f"it reads '{column}' of the event that asks; the label reads '{column}' of '{label.source.name}'",
                "if they are the same number, it was written into the questions after they were asked",
                hint=f"remove '{column}' from the schema of '{parts.asker.name}'",
                severity="warning",
            )


def origins(source: Source, columns: Iterable[str]) -> set[str]:
    """The columns themselves, and those that they are derived from."""
    found: set[str] = set()
    todo = list(columns)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += reads(source.derive.get(name), source.columns)
    return found


def _own_key(label: Label, parts: Parts) -> bool:
    """Whether only the asking event itself can answer."""
    return parts.calendar is None and parts.asker is not None and set(label.keys) >= set(parts.asker.key_columns)


def _answers_itself(label: Label, parts: Parts) -> bool:
    """Whether the asking event is its own answer: the only one, or the first of its interval."""
    if label.source is not parts.asker or parts.calendar is not None:
        return False
    return _own_key(label, parts) or label.pick == "first"


def _readers_of_the_answer(label: Label, parts: Parts) -> Iterator[WindowFeature]:
    """Windows over the label's source that read a column of which the answer is made, or count what answers by being there."""
    answer = origins(label.source, reads(label.expression, ()))
    answers_by_being = label.missing is not None and not (label.source is parts.asker and _own_key(label, parts))
    for feature in parts.windows:
        if feature.source is not label.source:
            continue
        column = feature.aggregate.column
        if (column is None and answers_by_being) or (column is not None and origins(label.source, [column]) & answer):
            yield feature
