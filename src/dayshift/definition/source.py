"""A stream of events of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from dayshift.definition.calendar import Calendar
from dayshift.definition.column import Column, as_column
from dayshift.definition.duration import parse_duration
from dayshift.definition.feature import RowFeature
from dayshift.definition.window import Windows
from dayshift.diagnostics import Place, users_place


@dataclass(frozen=True, eq=False)
class Source:
    """A stream of events: each has a key, happened at a time, and holds what `schema` names.

    Args:
        name: unique in the pipeline; names the table in the lake and the section in dayshift.toml.
        time: the column of the event's time, UTC; it need not stand in `schema`.
        key: the column that identifies an event (or several: a list).
        schema: column name to type (`str`, `int`, ...) or `Column`.
        delay: how much later than they happen events are known; orders them among other sources' within a load.
        arrival: a column that says when the event was known, in place of `delay`.
        derive: columns computed at the door, before the contract: name to Polars expression or `sql(...)`.
        where: a Polars expression or `sql(...)`: which rows of the input belong to this source at all.

    >>> Source("payments", time="at", key="id", schema={"id": str, "card": str, "amount": float}).columns["card"].type
    'str'
    """

    name: str
    time: str
    key: str | list[str] | tuple[str, ...]
    schema: Mapping[str, Any] = field(default_factory=dict)
    delay: str = "0s"
    arrival: str | None = None
    derive: Mapping[str, Any] = field(default_factory=dict)
    where: Any = None
    place: Place | None = field(default_factory=users_place)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Every column with its type and rules, those of time, key and arrival included."""
        columns = {name: as_column(given) for name, given in self.schema.items()}
        for name in (self.time, self.arrival):
            if name is not None:
                columns.setdefault(name, Column("datetime"))
        for name in self.key_columns:
            columns.setdefault(name, Column("str"))
        return MappingProxyType(columns)

    @cached_property
    def key_columns(self) -> tuple[str, ...]:
        """The columns that together identify an event."""
        return (self.key,) if isinstance(self.key, str) else tuple(self.key)

    @cached_property
    def read_by_user(self) -> frozenset[str]:
        """The columns of the input that the Polars expressions of `derive` and `where` name."""
        given = [one for one in (*self.derive.values(), self.where) if hasattr(one, "meta")]
        return frozenset(name for expression in given for name in expression.meta.root_names())

    @property
    def delay_us(self) -> int:
        """The delay in microseconds."""
        return parse_duration(self.delay)

    def by(self, *columns: str, **mapped: str) -> Windows:
        """Its events with the question's values in these columns: `by("origin")`, or `by(origin="dest")` when the
        question's column is named otherwise (the source's column on the left)."""
        return Windows(self, tuple((name, name) for name in columns) + tuple(mapped.items()))

    def over(self, *widths: str, **options: Any) -> Windows:
        """All its events, whatever their key, over windows of these widths; options as in `Windows.over`."""
        return Windows(self).over(*widths, **options)

    def row(self, **expressions: Any) -> tuple[RowFeature, ...]:
        """Values computed from the asking event's own row: Polars expressions or `sql(...)`, by name."""
        place = users_place()
        return tuple(RowFeature(self, name, expression, place) for name, expression in expressions.items())

    def every(self, period: str, *, by: str | list[str] | tuple[str, ...], offset: str = "0s") -> Calendar:
        """A question for every entity seen so far at each multiple of `period` since 1970-01-01 UTC, plus `offset`."""
        return Calendar(self, period, (by,) if isinstance(by, str) else tuple(by), offset)
