"""Features: a value for each question, from the past (windows) or from the question's own row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from dayshift.definition.aggregate import AGGREGATES, Aggregate, result_type
from dayshift.diagnostics import Place

if TYPE_CHECKING:
    from dayshift.definition.column import Column
    from dayshift.definition.source import Source
    from dayshift.definition.window import Window


@dataclass(frozen=True)
class Sql:
    """A scalar SQL expression over the columns of a row, run by DuckDB."""

    text: str


def sql(text: str) -> Sql:
    """A scalar SQL expression over the columns of a row.

    >>> sql("hour(scheduled_at)").text
    'hour(scheduled_at)'
    """
    return Sql(text)


@dataclass(frozen=True)
class WindowFeature:
    """One aggregate of one source's events, by key, over one window.

    `keys` pairs a column of the source with the question's column that it must equal.
    `fill` replaces null (None: no filling). With `relative` "ratio" or "difference" the value is put in relation to
    the same aggregate over `baseline`: v / b or v - b in IEEE double arithmetic on the two finished values; null when
    either is null or b is 0.
    """

    source: Source
    keys: tuple[tuple[str, str], ...]
    window: Window
    aggregate: Aggregate
    given_name: str | None = None
    fill: Any = None
    relative: str | None = None
    baseline: Window | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The column's name in every table: `alias_window`, or made of source, aggregate, column, keys and window."""
        window = self.window
        if self.given_name is not None:
            parts = [self.given_name]
        else:
            keys = [column if column == asked else f"{column}_is_{asked}" for column, asked in self.keys]
            parts = [
                self.source.name,
                self.aggregate.name,
                self.aggregate.column or "",
                *(["by", *keys] if keys else []),
            ]
            parts += [f"q{self.aggregate['q']}".replace(".", "_")] if self.aggregate.name == "quantile" else []
        parts += [window.width or ""]
        if self.given_name is None:
            parts += [
                f"delay_{window.delay}" if window.delay != "0s" else "",
                "right" if window.closed == "right" else "",
            ]
            parts += ["with_self" if window.including_self else ""]
        if self.relative and self.baseline:
            parts += [self.relative, self.baseline.width or "all"]
        return "_".join(part for part in parts if part)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it fills: one, or n for `last_n`."""
        if self.aggregate.name == "last_n":
            count = self.aggregate["n"]
            return tuple(f"{self.name}_{i + 1}" for i in range(count if isinstance(count, int) else 0))
        return (self.name,)

    @property
    def column(self) -> Column | None:
        """The column of the source that the aggregate reads; None when it reads none."""
        return None if self.aggregate.column is None else self.source.columns[self.aggregate.column]

    @property
    def type(self) -> str:
        """The type of its values; a relation is always a "float"."""
        return "float" if self.relative else result_type(self.aggregate, self.column)


@dataclass(frozen=True, eq=False)
class RowFeature:
    """A value computed from the question's own row by a Polars expression or `sql(...)`."""

    source: Source | Any
    name: str
    expression: Any
    place: Place | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that it fills: its own."""
        return (self.name,)


class Features(tuple[WindowFeature, ...]):
    """The features that one line of a definition makes, one a window; a tuple that can be renamed and filled at once."""

    __slots__ = ()

    def alias(self, name: str) -> Features:
        """Named `name`, followed by the window's width where there is one."""
        return Features(replace(feature, given_name=name) for feature in self)

    def fill(self, value: Any) -> Features:
        """With `value` in place of null."""
        return Features(replace(feature, fill=value) for feature in self)

    def ratio_to(self, width: str | None) -> Features:
        """Divided by the same aggregate over a window of this width; null where that is null or 0."""
        return self._relative("ratio", width)

    def difference_to(self, width: str | None) -> Features:
        """Minus the same aggregate over a window of this width; null where that is null."""
        return self._relative("difference", width)

    def _relative(self, kind: str, width: str | None) -> Features:
        return Features(
            replace(feature, relative=kind, baseline=replace(feature.window, width=width)) for feature in self
        )

    @overload
    def __getitem__(self, index: SupportsIndex) -> WindowFeature: ...
    @overload
    def __getitem__(self, index: slice) -> Features: ...
    def __getitem__(self, index: SupportsIndex | slice) -> WindowFeature | Features:
        found = super().__getitem__(index)
        return Features(found) if isinstance(index, slice) else found  # type: ignore[arg-type,return-value]


def flatten(features: Iterable[Any]) -> tuple[Any, ...]:
    """The single features of a list that holds groups and singles."""
    flat: list[Any] = []
    for item in features:
        flat.extend(item if isinstance(item, tuple | list) else (item,))
    return tuple(flat)


__all__ = ["AGGREGATES", "Features", "RowFeature", "Sql", "WindowFeature", "flatten", "sql"]
