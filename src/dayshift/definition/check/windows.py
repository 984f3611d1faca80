"""Window features: what they read, by which keys, with which aggregate."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dayshift.definition.aggregate import AGGREGATES
from dayshift.definition.check.columns import fits
from dayshift.definition.check.parts import Parts, columns_of, fault, length, name_of, unknown_column
from dayshift.definition.feature import WindowFeature
from dayshift.diagnostics import Problem, nearest, shorten


def reads_known_columns(parts: Parts) -> Iterator[Problem]:
    """The aggregate's column and the keys stand in the source's schema."""
    for feature in parts.windows:
        column = feature.aggregate.column
        if feature.aggregate.name in AGGREGATES and AGGREGATES[feature.aggregate.name].accepts and column is None:
            message = f"feature '{name_of(feature)}' does not say which column it reads"
            yield fault("DS201", message, feature.place, hint=f'.{feature.aggregate.name}("column")')
        if column is not None and column not in feature.source.columns:
            yield unknown_column(f"feature '{name_of(feature)}'", column, feature.source, feature.place)
        for name, _ in feature.keys:
            if name not in feature.source.columns:
                yield unknown_column(f"by() of feature '{name_of(feature)}'", name, feature.source, feature.place)


def keys_of_the_question(parts: Parts) -> Iterator[Problem]:
    """The columns that the keys are compared with stand in the question."""
    if parts.asker is None:
        return
    for feature in parts.windows:
        for name, asked in feature.keys:
            if asked in parts.question or (asked in parts.asker.columns and parts.calendar is None):
                continue
            if name == asked and name not in feature.source.columns:
                continue  # told once, as a column that the source does not have
            near = nearest(str(asked), parts.question)
            yield fault(
                "DS209",
                f"feature '{name_of(feature)}' needs '{asked}' of the question, which {parts.asked} does not have",
                feature.place,
                f"columns of the question: {shorten(parts.question)}",
                hint=f"by({name}='{near}')" if near else f"by({name}='COLUMN_OF_THE_QUESTION')",
            )


def key_types(parts: Parts) -> Iterator[Problem]:
    """Both sides of a key have one type, and one that can be compared exactly."""
    for feature in parts.windows:
        columns = columns_of(feature.source)
        for name, asked in feature.keys:
            ours, theirs = columns.get(name), parts.question.get(asked)
            if ours is not None and ours.type == "float":
                message = f"feature '{name_of(feature)}' goes by '{name}', a float, which cannot identify anything"
                hint = f'schema={{"{name}": int}}, or ds.decimal(2)'
                yield fault("DS220", message, feature.place, hint=hint)
            if ours is not None and theirs is not None and (ours.type, ours.digits) != (theirs.type, theirs.digits):
                yield fault(
                    "DS210",
                    f"feature '{name_of(feature)}' compares '{name}' ({ours.type}) with the question's '{asked}' ({theirs.type})",
                    feature.place,
                    hint="give both columns one type in their schemas",
                )


def key_twice(parts: Parts) -> Iterator[Problem]:
    """A column of the source is compared with one column of the question, not with two."""
    for feature in parts.windows:
        ours = [name for name, _ in feature.keys]
        for name in sorted({name for name in ours if ours.count(name) > 1}):
            message = f"feature '{name_of(feature)}' goes by '{name}' twice, so its key is ambiguous"
            yield fault("DS220", message, feature.place, hint=f"name '{name}' once in by()")


def column_types(parts: Parts) -> Iterator[Problem]:
    """The aggregate has a meaning for the column's type."""
    for feature in parts.windows:
        signature = AGGREGATES.get(feature.aggregate.name)
        column = columns_of(feature.source).get(feature.aggregate.column or "")
        if signature is None or column is None or not signature.accepts or column.type in signature.accepts:
            continue
        takes = [name for name, other in AGGREGATES.items() if column.type in other.accepts]
        yield fault(
            "DS205",
            f"feature '{name_of(feature)}' takes the {feature.aggregate.name} of '{feature.aggregate.column}', which is {_a(column.type)}",
            feature.place,
            f"{feature.aggregate.name} takes: {', '.join(sorted(signature.accepts))}",
            f"aggregates that take {_a(column.type)}: {', '.join(sorted(takes))}",
        )


def known_aggregates(parts: Parts) -> Iterator[Problem]:
    """The aggregate is one of ours."""
    for feature in parts.windows:
        if feature.aggregate.name not in AGGREGATES:
            near = nearest(feature.aggregate.name, AGGREGATES)
            message = f"aggregate '{feature.aggregate.name}' is unknown"
            facts = f"allowed: {shorten(AGGREGATES, 20)}"
            yield fault("DS205", message, feature.place, facts, hint=f".{near}(...)" if near else None)


def bounded(parts: Parts) -> Iterator[Problem]:
    """An aggregate whose state would grow with the whole past needs a width."""
    for feature in parts.windows:
        signature = AGGREGATES.get(feature.aggregate.name)
        if signature is None or signature.unbounded:
            continue
        for window in (feature.window, feature.baseline):
            if window is not None and window.width is None:
                message = f"feature '{name_of(feature)}' takes the {feature.aggregate.name} of the whole past"
                fact = "what it would have to remember grows for ever"
                yield fault("DS211", message, feature.place, fact, hint='give it a window: .over("30d")')


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _between(low: float, high: float, *, ends: bool) -> Callable[[Any], bool]:
    def inside(value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        return low <= value <= high if ends else low < value < high

    return inside


_ARGUMENTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "n": (_whole(1, 1_000), "a whole number from 1 to 1000"),
    "exact_up_to": (_whole(0, 1_000_000), "a whole number from 0 to 1000000"),
    "q": (_between(0, 1, ends=True), "a number from 0 to 1"),
    "accuracy": (_between(0, 0.5, ends=False), "a number between 0 and 0.5"),
}


def arguments(parts: Parts) -> Iterator[Problem]:
    """An aggregate's own arguments are in their range."""
    for feature in parts.windows:
        for argument, value in feature.aggregate.arguments:
            allowed, said = _ARGUMENTS.get(argument, (lambda _: True, ""))
            if not allowed(value):
                name = f".{feature.aggregate.name}()"
                message = f"{argument} of {name} is {value!r}"
                yield fault("DS212", message, feature.place, f"allowed: {said}")


def edges(parts: Parts) -> Iterator[Problem]:
    """A window is closed on its left or on its right."""
    for feature in parts.windows:
        if feature.window.closed not in ("left", "right"):
            yield fault(
                "DS213",
                f"feature '{name_of(feature)}' has closed={feature.window.closed!r}",
                feature.place,
                "allowed: 'left' for [t - width, t), 'right' for (t - width, t]",
                hint='closed="left"',
            )


def including_self(parts: Parts) -> Iterator[Problem]:
    """Only a window over the asking source, by its own columns and without delay, can include the asking event."""
    for feature in parts.windows:
        if not feature.window.including_self:
            continue
        reason = _cannot_include(feature, parts)
        if reason:
            message = f"feature '{name_of(feature)}' cannot include the event that asks: {reason}"
            yield fault("DS214", message, feature.place, hint="remove including_self=True")


def _cannot_include(feature: WindowFeature, parts: Parts) -> str | None:
    if parts.calendar is not None:
        return "on a calendar, no event asks"
    if feature.source is not parts.asker:
        asker = parts.asker.name if parts.asker else "?"
        return f"the questions are events of '{asker}', not of '{feature.source.name}'"
    mapped = [f"{name}={asked}" for name, asked in feature.keys if name != asked]
    if mapped:
        return f"its key is mapped ({', '.join(mapped)}), so the event need not belong to its own key"
    if length(feature.window.delay):
        return f"its window ends {feature.window.delay} before the question"
    return None


def relations(parts: Parts) -> Iterator[Problem]:
    """A ratio or a difference is one of two numbers."""
    for feature in parts.windows:
        signature = AGGREGATES.get(feature.aggregate.name)
        if not feature.relative or signature is None:
            continue
        column = columns_of(feature.source).get(feature.aggregate.column or "")
        dated = signature.result == "same" and column is not None and not column.numeric
        if not signature.relative or dated:
            what = (
                f"the {feature.aggregate.name} of '{feature.aggregate.column}'"
                if column
                else f"{feature.aggregate.name}()"
            )
            message = f"feature '{name_of(feature)}' takes a {feature.relative} of {what}, which has no meaning"
            allowed = sorted(name for name, other in AGGREGATES.items() if other.relative)
            yield fault("DS215", message, feature.place, f"related can be: {', '.join(allowed)}")


def fills(parts: Parts) -> Iterator[Problem]:
    """What stands in for null is of the feature's own type."""
    for feature in parts.windows:
        kind = _type(feature)
        value = feature.fill
        if value is None or kind is None:
            continue
        endless = isinstance(value, float) and not math.isfinite(value)
        if endless or not fits(value, kind):
            message = f"feature '{name_of(feature)}' is {_a(kind)}, and is filled with {value!r}"
            yield fault("DS216", message, feature.place, hint=f".fill({_EXAMPLES[kind]})")


_EXAMPLES = {
    "int": "0",
    "float": "0.0",
    "bool": "False",
    "str": '""',
    "datetime": "datetime(1970, 1, 1)",
    "date": "date(1970, 1, 1)",
}


def _type(feature: WindowFeature) -> str | None:
    column = feature.aggregate.column
    if feature.aggregate.name not in AGGREGATES or (column is not None and column not in columns_of(feature.source)):
        return None
    if column is None and AGGREGATES[feature.aggregate.name].accepts:
        return None
    return feature.type


def _a(kind: str) -> str:
    named = {"str": "text (str)", "int": "an int", "date": "a date", "datetime": "a datetime", "bool": "a bool"}
    return named.get(kind, f"a {kind}")
