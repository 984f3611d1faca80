"""Schemas: the types of columns and their rules, the keys, the times."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dayshift.definition.check.parts import Parts, fault
from dayshift.definition.column import TYPES, Column
from dayshift.definition.source import Source
from dayshift.diagnostics import Place, Problem, nearest

_PYTHON: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "decimal": (int, float, str),
    "bool": (bool,),
    "datetime": (dt.datetime,),
    "date": (dt.date,),
}
_ALSO = {
    "string": "str",
    "text": "str",
    "integer": "int",
    "double": "float",
    "boolean": "bool",
    "timestamp": "datetime",
}


def fits(value: Any, kind: str) -> bool:
    """Whether a Python value can stand in a column of this type."""
    if isinstance(value, bool) and kind != "bool":
        return False
    if isinstance(value, dt.datetime) and kind == "date":
        return False
    return isinstance(value, _PYTHON.get(kind, ()))


def types(parts: Parts) -> Iterator[Problem]:
    """A column's type is one of ours."""
    for source in parts.sources:
        for name, column in source.columns.items():
            if column.type in TYPES:
                continue
            given = str(getattr(column.type, "__name__", column.type))
            near = _ALSO.get(given.lower()) or nearest(given.lower(), TYPES)
            yield fault(
                "DS204",
                f"column '{name}' of source '{source.name}' has type {given!r}, which is unknown",
                source.place,
                f"allowed: {', '.join(sorted(TYPES))}",
                hint=f"write '{near}' in place of '{given}'" if near else None,
            )


def rules(parts: Parts) -> Iterator[Problem]:
    """A column's rules fit its type."""
    for source in parts.sources:
        for name, column in source.columns.items():
            for said in _rule_faults(column):
                message = f"column '{name}' of source '{source.name}' {said}"
                yield fault("DS204", message, source.place)


def _rule_faults(column: Column) -> Iterator[str]:
    kind = column.type
    if kind not in TYPES:
        return
    if kind == "decimal" and not (isinstance(column.digits, int) and 0 <= column.digits <= 15):
        yield f"is a decimal with {column.digits} digits; write ds.decimal(2), from 0 to 15 digits"
    if kind != "decimal" and column.digits is not None:
        yield f"has digits, which only a decimal has; its type is {kind}"
    if column.bits is not None and (kind != "float" or not 0 <= column.bits <= 60):
        yield f"has bits={column.bits}; only a float has them, from 0 to 60"
    for rule in ("minimum", "maximum"):
        bound = getattr(column, rule)
        if bound is not None and (kind in ("str", "bool") or not fits(bound, kind) or isinstance(bound, str)):
            yield f"has {rule}={bound!r}, which cannot bound values of type {kind}"
    yield from _range_faults(column)
    if column.allowed is not None and not column.allowed:
        yield "allows no value at all"
    wrong = [value for value in column.allowed or () if not fits(value, kind)]
    if wrong:
        yield f"allows {wrong[0]!r}, which is not of type {kind}"
    if column.pattern is not None:
        yield from _pattern_faults(column)


def _range_faults(column: Column) -> Iterator[str]:
    try:
        if column.minimum is not None and column.maximum is not None and column.minimum > column.maximum:
            yield f"has a minimum of {column.minimum!r}, above its maximum of {column.maximum!r}"
    except TypeError:
        return


def _pattern_faults(column: Column) -> Iterator[str]:
    if column.type != "str":
        yield f"has a pattern, which only text has; its type is {column.type}"
        return
    try:
        re.compile(column.pattern or "")
    except (re.error, TypeError) as error:
        yield f"has the pattern {column.pattern!r}, which is not a regular expression: {error}"


def keys(parts: Parts) -> Iterator[Problem]:
    """A source's key identifies its events: it is there, never absent, and not a rounded number."""
    for source in parts.sources:
        names = source.key_columns
        if not names or len(set(names)) < len(names):
            said = "has no key" if not names else "names a key column twice"
            yield fault("DS220", f"source '{source.name}' {said}", source.place, hint='key="payment_id"')
        for name in dict.fromkeys(names):
            column = source.columns.get(name)
            if column is None:
                continue
            if column.optional:
                yield _key(source, name, "is optional: events without it could not be told apart", source.place)
            if column.type == "float":
                yield _key(source, name, "is a float, which cannot identify an event", source.place)


def _key(source: Source, name: str, said: str, place: Place | None) -> Problem:
    hint = f'schema={{"{name}": str, ...}}'
    return fault("DS220", f"key column '{name}' of source '{source.name}' {said}", place, hint=hint)


def times(parts: Parts) -> Iterator[Problem]:
    """The columns of event time and arrival are times and never absent."""
    for source in parts.sources:
        for role, name in (("time", source.time), ("arrival", source.arrival)):
            column = source.columns.get(name) if name is not None else None
            if column is None or column.type not in TYPES:
                continue
            if column.type != "datetime" or column.optional:
                said = "is optional" if column.type == "datetime" else f"is of type {column.type}"
                message = f"{role} column '{name}' of source '{source.name}' {said}"
                fact = "it must be a datetime that is always there"
                yield fault("DS221", message, source.place, fact, hint=f'schema={{"{name}": datetime.datetime, ...}}')


def derived(parts: Parts) -> Iterator[Problem]:
    """A column that is computed at the door is in the schema, or nobody would see it."""
    for source in parts.sources:
        for name in source.derive:
            if name not in source.columns:
                near = nearest(name, source.columns)
                message = f"source '{source.name}' derives '{name}', which its schema does not have"
                hint = f"write '{near}' in place of '{name}'" if near else f"add '{name}' and its type to the schema"
                yield fault("DS201", message, source.place, hint=hint)
