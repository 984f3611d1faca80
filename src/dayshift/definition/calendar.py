"""Questions asked for every entity on a calendar, instead of once an event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dayshift.definition.duration import parse_duration
from dayshift.definition.feature import RowFeature
from dayshift.diagnostics import Place, users_place

if TYPE_CHECKING:
    from dayshift.definition.source import Source


@dataclass(frozen=True)
class Calendar:
    """One question for every entity that the source has shown before the tick, at each tick.

    A tick t stands in the log before all events that are known at t or later. A question holds `as_of` and the
    columns of `by`; an entity is asked for from the first tick after its first event.

    >>> Calendar(None, "1d", ("customer_id",)).period_us
    86400000000
    """

    source: Source | Any
    period: str
    by: tuple[str, ...]
    offset: str = "0s"
    place: Place | None = field(default_factory=users_place, compare=False)

    @property
    def period_us(self) -> int:
        """The time between two ticks in microseconds."""
        return parse_duration(self.period)

    @property
    def offset_us(self) -> int:
        """The ticks' distance from multiples of the period since 1970-01-01 UTC, in microseconds."""
        return parse_duration(self.offset)

    def row(self, **expressions: Any) -> tuple[RowFeature, ...]:
        """Values computed from `as_of` and the entity's key: Polars expressions or `sql(...)`, by name."""
        place = users_place()
        return tuple(RowFeature(self, name, expression, place) for name, expression in expressions.items())
