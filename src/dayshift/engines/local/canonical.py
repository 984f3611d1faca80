"""A log's columns in their canonical types, exactly; what could only be guessed is refused.

Narrow integers, other units and zones of time, categories and 32-bit floats have one canonical equal and get it. A
datetime without a zone has none (which instant is it?), nor has a time between two microseconds: the door (ingest)
decides such things, with the source's settings in hand, never the engine.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from dayshift.definition import Source
from dayshift.diagnostics import DefinitionError
from dayshift.engines.contract import DTYPES, LOAD, POSITION

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
        DefinitionError: DS521, a column is absent or of a type that has no canonical equal.

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
    if found is not None:
        if found == DTYPES[kind]:
            return pl.col(name)
        if kind == "datetime" and isinstance(found, pl.Datetime) and found.time_zone is not None:
            return _whole_microseconds(name, found).alias(name)
        if isinstance(found, _SAFE.get(kind, ())):
            return pl.col(name).cast(DTYPES[kind])
    raise DefinitionError(
        "DS521",
        f"column {name!r} of the log of source {source.name!r} is {'absent' if found is None else found}, not {DTYPES[kind]}",
        place=source.place,
        facts=(f"the definition says {kind!r}", "times need a zone: without one their instant would be a guess"),
        hint="load the source through `dayshift run`, which brings every column into its canonical type",
    )


def _whole_microseconds(name: str, found: pl.Datetime) -> pl.Expr:
    column = pl.col(name)
    if found.time_unit == "ns":
        return column.map_batches(_from_nanoseconds, return_dtype=DTYPES["datetime"], is_elementwise=True)
    return column.dt.cast_time_unit("us").dt.convert_time_zone("UTC")


def _from_nanoseconds(column: pl.Series) -> pl.Series:
    if (column.to_physical() % 1000 != 0).any():
        raise DefinitionError(
            "DS521",
            f"column {column.name!r} of the log holds times between two microseconds",
            facts=("times are whole microseconds, UTC",),
            hint="round them at the door, for example with `derive`",
        )
    return column.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
