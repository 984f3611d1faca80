"""The answer that later becomes known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dayshift.definition.duration import parse_duration
from dayshift.diagnostics import Place, users_place

if TYPE_CHECKING:
    from dayshift.definition.source import Source


@dataclass(frozen=True, eq=False)
class Label:
    """The answer to a question, from the events of `source` with its key that happen in `[as_of, as_of + within]`.

    A label is ripe at `as_of + within + source.delay`, and exists for training only then.

    Args:
        source: the stream that brings the answer.
        expression: a Polars expression over one of its events; with `pick="all"`, one that aggregates over all of them.
        within: how long after the question the answer may come.
        by: the columns, of the same names in the question, that tie an event to it; the source's key when None.
        pick: which event answers: "first", "last" (by event time, arrival), or "all".
        missing: the label when no event came; None leaves the question without a label, out of training.

    >>> Label(None, None, within="1d").within_us
    86400000000
    """

    source: Source | Any
    expression: Any
    within: str
    by: str | list[str] | tuple[str, ...] | None = None
    pick: str = "first"
    missing: Any = None
    place: Place | None = field(default_factory=users_place)

    @property
    def within_us(self) -> int:
        """How long after the question an answer may come, in microseconds."""
        return parse_duration(self.within)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tie an event to its question."""
        if self.by is None:
            return tuple(self.source.key_columns)
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)

    @property
    def ripe_after_us(self) -> int:
        """How long after its question a label is ripe, in microseconds."""
        return self.within_us + int(self.source.delay_us)
