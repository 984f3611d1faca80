"""Columns that came and were not declared, were declared and did not come, or came as another type: what the
source's section of dayshift.toml says about each. A text format (CSV, JSON Lines, SQLite) has no types that could change.
"""

import re
from collections.abc import Iterable
from typing import Any

import polars as pl

from dayshift.definition.feature import Sql
from dayshift.definition.settings import SourceSettings
from dayshift.definition.source import Source
from dayshift.diagnostics import Refused, nearest, shorten

_ACCEPTED = {
    "str": ("text",),
    "int": ("int", "float", "decimal"),
    "float": ("int", "float", "decimal", "text"),
    "decimal": ("int", "float", "decimal", "text"),
    "bool": ("bool",),
    "datetime": ("datetime", "date", "int"),
    "date": ("date", "datetime"),
}


class Drift:
    """The three policies of one source, applied to each shape of its input once."""

    def __init__(self, source: Source, settings: SourceSettings) -> None:
        self._source, self._settings = source, settings
        self.read_by_user = source.read_by_user
        self._seen: dict[Any, tuple[str, ...]] = {}
        self.ignored: set[str] = set()
        self.evolved: set[str] = set()

    def check(self, frame: pl.DataFrame, origin: str, *, typed: bool) -> tuple[str, ...]:
        """The columns that are to be stored besides the declared ones.

        Raises:
            Refused: DS361 a new, DS362 a missing, DS363 a retyped column, where the policy says stop.
        """
        shape = tuple(frame.schema.items())
        if shape not in self._seen:
            self._missing(frame.columns, origin)
            if typed:
                self._retyped(frame.schema, origin)
            self._seen[shape] = self._new(frame.columns, origin)
        return self._seen[shape]

    def _new(self, columns: Iterable[str], origin: str) -> tuple[str, ...]:
        known = {*self._source.columns, *self._source.derive, *self.read_by_user}
        new = [name for name in columns if name not in known and not self._in_sql(name)]
        policy = self._settings.on_new_column
        if new and policy == "stop":
            raise Refused(
                "DS361",
                f"source '{self._source.name}': {origin} has a new column '{new[0]}'",
                facts=(f"new: {shorten(new)}", f"declared: {shorten(self._source.columns)}", "nothing was loaded"),
                hint=f'[sources.{self._source.name}]\non_new_column = "ignore"    # or "evolve", or declare it in the schema',
            )
        if policy == "evolve":
            self.evolved |= set(new)
            return tuple(new)
        self.ignored |= set(new)
        return ()

    def _missing(self, columns: list[str], origin: str) -> None:
        declared = self._source.columns
        missing = [name for name in declared if name not in columns and name not in self._source.derive]
        known = {*columns, *declared, *self._source.derive}
        missing += sorted(self.read_by_user - known)
        identity = {*self._source.key_columns, self._source.time, self._source.arrival}
        hopeless = [name for name in missing if name not in declared or not declared[name].optional or name in identity]
        if not missing or (self._settings.on_missing_column == "ignore" and not hopeless):
            return
        name = hopeless[0] if hopeless else missing[0]
        near = nearest(name, columns)
        raise Refused(
            "DS362",
            f"source '{self._source.name}': {origin} has no column '{name}'",
            facts=(
                f"missing: {shorten(missing)}",
                f"columns: {shorten(columns)}",
                *(("a column that is not optional cannot be ignored",) if hopeless else ()),
                "nothing was loaded",
            ),
            hint=(
                f'[sources.{self._source.name}]\nrename = {{ "{near}" = "{name}" }}'
                if near
                else f'[sources.{self._source.name}]\non_missing_column = "ignore"    # for optional columns'
            ),
        )

    def _retyped(self, schema: pl.Schema, origin: str) -> None:
        if self._settings.on_retyped_column == "evolve":
            return
        for name, column in self._source.columns.items():
            came = kind_of(schema[name]) if name in schema and name not in self._source.derive else None
            if came is not None and came not in (*_ACCEPTED[column.type], "null"):
                raise Refused(
                    "DS363",
                    f"source '{self._source.name}': column '{name}' of {origin} came as {schema[name]}",
                    facts=(f"declared is {column.type}", "nothing was loaded"),
                    hint=f'[sources.{self._source.name}]\non_retyped_column = "evolve"    # convert value by value',
                )

    def _in_sql(self, name: str) -> bool:
        texts = [given.text for given in (*self._source.derive.values(), self._source.where) if isinstance(given, Sql)]
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for text in texts)


def kind_of(dtype: pl.DataType) -> str:
    """The kind of a stored type, in the words of the table above."""
    if dtype.is_integer():
        return "int"
    if dtype.is_float():
        return "float"
    names: list[tuple[Any, str]] = [
        (pl.String, "text"),
        (pl.Boolean, "bool"),
        (pl.Date, "date"),
        (pl.Datetime, "datetime"),
    ]
    names += [(pl.Decimal, "decimal"), (pl.Null, "null"), (pl.Categorical, "text"), (pl.Enum, "text")]
    return next((name for kind, name in names if dtype == kind), str(dtype))
