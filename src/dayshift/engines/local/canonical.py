"""A log's columns in their canonical types, exactly; anything else is refused.

Narrow integers, categories, 32-bit floats, other units and zones of time have one canonical equal and get it. Times mean
what `semantics/instants.py` says: one without a zone is UTC, digits finer than a microsecond are cut off towards the past;
no session's or machine's time zone is ever asked.

A column that was declared later than the log began is absent there. When it is optional, its value is null in all those
events, as it is in an event that came without it; when it is not, nobody can say what it was.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from dayshift.definition import Source
from dayshift.diagnostics import DefinitionError
from dayshift.engines.contract import DTYPES, LOAD, POSITION, TIME

_SAFE: dict[str, tuple[type[pl.DataType], ...]] = {
    "str": (pl.String, pl.Categorical, pl.Enum),
    "int": (pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt32, pl.UInt16, pl.UInt8),
    "float": (pl.Float64, pl.Float32),
    "decimal": (pl.Float64,),
    "bool": (pl.Boolean,),
    "date": (pl.Date,),
}


def canonical(frame: pl.LazyFrame, source: Source, columns: Iterable[str]) -> pl.LazyFrame:
    """`_load`, `_position` and these columns of the source, in their canonical types.

    Raises:
        DefinitionError: DS521, a column is of a type that has no canonical equal, or is absent and not optional.

    >>> at = pl.Series("at", [1], pl.Int64).cast(pl.Datetime("ms", "Europe/Berlin"))
    >>> log = pl.DataFrame([at]).lazy().with_columns(_load=1, _position=0)
    >>> canonical(log, Source("s", time="at", key="at"), ["at"]).collect_schema()["at"]
    Datetime(time_unit='us', time_zone='UTC')
    """
    schema = frame.collect_schema()
    names = list(dict.fromkeys(columns))
    kinds = {LOAD: "int", POSITION: "int", **{name: source.columns[name].type for name in names}}
    return frame.select(_as(name, kind, schema.get(name), source) for name, kind in kinds.items())


def _as(name: str, kind: str, found: pl.DataType | None, source: Source) -> pl.Expr:
    if found is None:
        if _may_be_absent(name, source):
            return pl.lit(None, DTYPES[kind]).alias(name)
        hint = f'"{name}": ds.optional(...)    # null in the events that came without it; not for a time or a key'
        raise _refusal(name, kind, "absent", source, hint)
    if found == DTYPES[kind]:
        return pl.col(name)
    if kind == "datetime" and isinstance(found, pl.Datetime):
        return instants(pl.col(name), found)
    if isinstance(found, _SAFE.get(kind, ())):
        return pl.col(name).cast(DTYPES[kind])
    hint = "load the source through `dayshift run`, which brings every column into its canonical type"
    raise _refusal(name, kind, str(found), source, hint)


def _may_be_absent(name: str, source: Source) -> bool:
    """Whether no event needs a value of it: it is optional, and names or places no event."""
    identity = (LOAD, POSITION, source.time, source.arrival, *source.key_columns)
    return name not in identity and source.columns[name].optional


def _refusal(name: str, kind: str, found: str, source: Source, hint: str) -> DefinitionError:
    return DefinitionError(
        "DS521",
        f"column {name!r} of the log of source {source.name!r} is {found}, not {DTYPES[kind]}",
        place=source.place,
        facts=(f"the definition says {kind!r}",),
        hint=hint,
    )


def instants(column: pl.Expr, found: pl.Datetime) -> pl.Expr:
    """A column of any datetime type as microseconds UTC.

    >>> frame = pl.DataFrame([pl.Series("at", [-1], pl.Int64).cast(pl.Datetime("ns"))])
    >>> frame.select(instants(pl.col("at"), pl.Datetime("ns")).to_physical()).item()
    -1
    """
    factor = {"ms": column.to_physical() * 1_000, "us": column.to_physical(), "ns": column.to_physical() // 1_000}
    return factor[found.time_unit].cast(TIME)
