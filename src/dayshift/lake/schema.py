"""Which types a stored column may have, and how a frame is brought to them: Delta's and ours, one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.diagnostics import Refused
from dayshift.lake.faults import first_line

if TYPE_CHECKING:
    from deltalake import Schema

TIME = pl.Datetime("us", "UTC")
_PRIMITIVE: tuple[tuple[pl.DataType, str], ...] = (
    (pl.Int64(), "long"),
    (pl.Int32(), "integer"),
    (pl.Int16(), "short"),
    (pl.Int8(), "byte"),
    (pl.Float64(), "double"),
    (pl.Float32(), "float"),
    (pl.String(), "string"),
    (pl.Boolean(), "boolean"),
    (pl.Binary(), "binary"),
    (pl.Date(), "date"),
    (TIME, "timestamp"),
    (pl.Datetime("us"), "timestamp_ntz"),
)
_DELTA = dict(_PRIMITIVE)
_POLARS = {name: dtype for dtype, name in _PRIMITIVE}


def storable(dtype: pl.DataType) -> pl.DataType:
    """The type in which a column of this type is stored; no value changes.

    >>> storable(pl.UInt32()), storable(pl.Categorical())
    (Int64, String)
    """
    if dtype in (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64):
        return pl.Int64()
    if isinstance(dtype, (pl.Categorical, pl.Enum, pl.Null)):
        return pl.String()
    if isinstance(dtype, pl.Datetime):
        return TIME if dtype.time_zone else pl.Datetime("us")
    return dtype


def fit(frame: pl.DataFrame, stored: Mapping[str, pl.DataType], what: str) -> pl.DataFrame:
    """The frame in types that can be stored: a known column in its stored type, a new one in its `storable` type.

    Args:
        frame: rows to be written.
        stored: the types that the table has already.
        what: the table, for the message.

    Raises:
        Refused: DS407, a column's type is another than the stored one and not every value would stay what it is.
    """
    casts = []
    for name, dtype in frame.schema.items():
        wanted = stored.get(name) or storable(dtype)
        if wanted == dtype:
            continue
        if not _widens(dtype, wanted):
            raise _other_type(what, name, wanted, dtype)
        casts.append(pl.col(name).cast(wanted))
    try:
        return frame.with_columns(casts) if casts else frame
    except pl.exceptions.PolarsError as error:
        raise Refused("DS407", f"a value of {what} does not fit its stored type", facts=(first_line(error),)) from error


def _widens(given: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether a cast keeps every value or fails (strictly), never rounds one silently."""
    if given == pl.Null or storable(given) == wanted:
        return True
    if given.is_integer() and wanted.is_integer():
        return True
    if given.is_integer() and given not in (pl.Int64, pl.UInt64) and wanted == pl.Float64:
        return True
    return given == pl.Float32 and wanted == pl.Float64


def _other_type(what: str, name: str, stored: pl.DataType, given: pl.DataType) -> Refused:
    return Refused(
        "DS407",
        f"column '{name}' of {what} is stored as {stored}, and {given} came",
        facts=("a stored column keeps its type: old and new values could not be compared",),
        hint=f"give the new column another name, or declare '{name}' with its old type",
    )


def to_delta(schema: Mapping[str, pl.DataType]) -> Schema:
    """The schema in Delta's words; every column may be null."""
    from deltalake import Schema
    from deltalake.schema import Field

    return Schema([Field(name, _delta_type(dtype)) for name, dtype in schema.items()])


def _delta_type(dtype: pl.DataType) -> Any:
    from deltalake.schema import ArrayType, Field, PrimitiveType, StructType

    if isinstance(dtype, pl.List):
        return ArrayType(_delta_type(dtype.inner), contains_null=True)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return StructType([Field(field.name, _delta_type(field.dtype)) for field in dtype.fields])  # type: ignore[arg-type]
    if dtype not in _DELTA:
        raise Refused("DS407", f"a column of type {dtype} cannot be stored", hint="cast it to a type of the schema")
    return PrimitiveType(_DELTA[dtype])


def from_delta(schema: Schema) -> dict[str, pl.DataType]:
    """The types of a Delta table's columns, in order."""
    return {field.name: _polars_type(field.type) for field in schema.fields}


def _polars_type(kind: Any) -> pl.DataType:
    from deltalake.schema import ArrayType, StructType

    if isinstance(kind, ArrayType):
        return pl.List(_polars_type(kind.element_type))
    if isinstance(kind, StructType):
        return pl.Struct({field.name: _polars_type(field.type) for field in kind.fields})
    if kind.type not in _POLARS:
        raise Refused("DS407", f"a stored column has the type {kind.type}, which Dayshift does not read")
    return _POLARS[kind.type]


def spelled(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """The types of flat columns as text that `read_spelled` reads back."""
    return {name: _DELTA[dtype] for name, dtype in schema.items()}


def read_spelled(texts: Mapping[str, str]) -> dict[str, pl.DataType]:
    """The inverse of `spelled`.

    >>> read_spelled(spelled({"a": pl.Int64()}))
    {'a': Int64}
    """
    return {name: _POLARS[text] for name, text in texts.items()}
