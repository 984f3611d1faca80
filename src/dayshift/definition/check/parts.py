"""What the rules look at: the well-formed parts of a definition, and small tools that several rules need."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dayshift.definition.calendar import Calendar
from dayshift.definition.column import TYPES, Column
from dayshift.definition.duration import parse_duration
from dayshift.definition.feature import RowFeature, Sql, WindowFeature
from dayshift.definition.label import Label
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.source import Source
from dayshift.diagnostics import DefinitionError, Place, Problem, nearest, shorten

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Parts:
    """A pipeline's parts that have the right kind; what has not is told by `shape.py` and left out here.

    `history` holds the first and the last event time, in microseconds, of each source that has data.
    """

    pipeline: Pipeline
    settings: Settings | None = None
    history: Mapping[str, Span] | None = None

    @cached_property
    def asker(self) -> Source | None:
        """The source whose events or entities are asked for."""
        found = self.pipeline.asker
        return found if isinstance(found, Source) else None

    @cached_property
    def calendar(self) -> Calendar | None:
        """The calendar, when the questions come from one."""
        return self.pipeline.predict if isinstance(self.pipeline.predict, Calendar) else None

    @cached_property
    def windows(self) -> tuple[WindowFeature, ...]:
        """The features that look at the past."""
        found = (item for item in self.flat if isinstance(item, WindowFeature))
        return tuple(item for item in found if isinstance(item.source, Source))

    @cached_property
    def rows(self) -> tuple[RowFeature, ...]:
        """The features of the question's own row."""
        return tuple(item for item in self.flat if isinstance(item, RowFeature))

    @cached_property
    def features(self) -> tuple[WindowFeature | RowFeature, ...]:
        """Both kinds, windows first."""
        return (*self.windows, *self.rows)

    @cached_property
    def flat(self) -> tuple[Any, ...]:
        """Everything in `features`, one by one, whatever it is."""
        return self.pipeline.flat if isinstance(self.pipeline.features, Iterable) else ()

    @cached_property
    def label(self) -> Label | None:
        """The label, when it is one and reads a source."""
        found = self.pipeline.label
        return found if isinstance(found, Label) and isinstance(found.source, Source) else None

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every source, once, in the order in which the definition names them."""
        found = [self.asker, *(feature.source for feature in self.windows)]
        found += [self.label.source] if self.label is not None else []
        return tuple({id(source): source for source in found if source is not None}.values())

    @cached_property
    def question(self) -> Mapping[str, Column]:
        """The columns of a question: the asking event's, or the calendar's key and `as_of`."""
        if self.asker is None:
            return {}
        columns = columns_of(self.asker)
        if self.calendar is None:
            return columns
        own = {name: columns[name] for name in self.calendar.by if name in columns}
        return {**own, "as_of": Column("datetime")}

    @property
    def asked(self) -> str:
        """Who asks, in a message."""
        name = self.asker.name if self.asker else "?"
        return f"the calendar of '{name}'" if self.calendar else f"source '{name}'"


def fault(
    code: str, message: str, place: Place | None, *facts: str, hint: str | None = None, severity: str = "error"
) -> Problem:
    """A problem, in few words."""
    return Problem(code, message, place, facts, hint, severity)


def length(text: Any) -> int | None:
    """A length of time in microseconds, or None when it cannot be read (which is told elsewhere)."""
    try:
        return parse_duration(text)
    except (DefinitionError, TypeError):
        return None


def columns_of(source: Source) -> Mapping[str, Column]:
    """A source's columns; of those with a type that is none, nothing can be said."""
    return {name: column for name, column in source.columns.items() if column.type in TYPES}


def unknown_column(reader: str, name: Any, source: Source, place: Place | None) -> Problem:
    """DS201, with the nearest column."""
    near = nearest(str(name), source.columns)
    return fault(
        "DS201",
        f"{reader} reads '{name}', which source '{source.name}' does not have",
        place,
        f"columns of '{source.name}': {shorten(source.columns)}",
        hint=f"write '{near}' in place of '{name}'" if near else f"add '{name}' to the schema of '{source.name}'",
    )


def name_of(feature: WindowFeature | RowFeature) -> str:
    """A feature's name, also when its definition is faulty."""
    try:
        return str(feature.name)
    except (KeyError, TypeError, AttributeError):
        return "?"


def is_expression(given: Any) -> bool:
    """Whether it is a Polars expression."""
    return hasattr(given, "meta") and hasattr(given.meta, "root_names")


def reads(given: Any, columns: Iterable[str]) -> tuple[str, ...]:
    """The columns that an expression reads: those it names, and for SQL those of `columns` that occur as words."""
    if isinstance(given, Sql):
        words = set(re.findall(r"\w+", given.text))
        return tuple(name for name in columns if name in words)
    return tuple(dict.fromkeys(given.meta.root_names())) if is_expression(given) else ()


def expressions(parts: Parts) -> Iterator[tuple[str, Any, Place | None]]:
    """Every expression of the definition: who uses it, the expression, its place."""
    for source in parts.sources:
        for name, given in source.derive.items():
            yield f"column '{name}' of source '{source.name}'", given, source.place
        if source.where is not None:
            yield f"where of source '{source.name}'", source.where, source.place
    for feature in parts.rows:
        yield f"feature '{feature.name}'", feature.expression, feature.place
    if parts.label is not None:
        yield "the label", parts.label.expression, parts.label.place
