"""The columns that a source derives, and the rows that belong to it at all: the user's expressions at the door.

An expression sees the columns of the schema in their declared types (null where a value is not of its type), and every
other column as the input holds it: text from text files. A column that `derive` itself replaces is seen as it came.

`where` keeps the rows for which it is true. Where it is null because a value that it reads is not of its type, the row is
kept too, so that it goes to quarantine instead of vanishing.
"""

from typing import Any

import polars as pl

from dayshift.definition.feature import Sql
from dayshift.diagnostics import DayshiftError, DefinitionError, shorten
from dayshift.lifecycle.contract import Contract


def derived(frame: pl.DataFrame, contract: Contract) -> tuple[pl.DataFrame, pl.Series | None]:
    """The chunk with its derived columns, and which rows belong to the source (None: all).

    Raises:
        DefinitionError: DS366, an expression cannot be computed.
    """
    source = contract.source
    if not source.derive and source.where is None:
        return frame, None
    seen = contract.convert(frame, [name for name in source.columns if name not in source.derive])
    for name, given in source.derive.items():
        values = _evaluate(given, seen, f"derive['{name}'] of source '{source.name}'").alias(name)
        seen, frame = seen.with_columns(values), frame.with_columns(values)
    if source.where is None:
        return frame, None
    belongs = _evaluate(source.where, seen, f"`where` of source '{source.name}'")
    if belongs.dtype != pl.Boolean:
        raise DefinitionError(
            "DS366", f"`where` of source '{source.name}' is {belongs.dtype}, not true or false", place=source.place
        )
    if belongs.null_count():
        belongs = belongs.fill_null(_unreadable(source.where, frame, seen))
    return frame, belongs


def _unreadable(where: Any, frame: pl.DataFrame, seen: pl.DataFrame) -> pl.Series:
    """The rows with a value, among those that `where` reads, that came and is not of its type."""
    names = where.meta.root_names() if isinstance(where, pl.Expr) else seen.columns
    lost = [seen[name].is_null() & frame[name].is_not_null() for name in names if name in frame.columns]
    if not lost:
        return pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
    return pl.DataFrame({str(n): one for n, one in enumerate(lost)}).select(pl.any_horizontal(pl.all())).to_series()


def _evaluate(given: Any, frame: pl.DataFrame, what: str) -> pl.Series:
    try:
        if isinstance(given, Sql):
            from dayshift.engines.local.sql import evaluate

            return evaluate({"value": given.text}, frame)["value"]
        values = frame.select(given if isinstance(given, pl.Expr) else pl.lit(given)).to_series()
    except DayshiftError:
        raise
    except pl.exceptions.PolarsError as error:
        raise DefinitionError(
            "DS366",
            f"{what} cannot be computed",
            facts=(str(error).splitlines()[0], f"columns: {shorten(f'{n}: {t}' for n, t in frame.schema.items())}"),
            hint="columns outside the schema come as the input holds them, text from text files: cast them",
        ) from error
    return values if len(values) == frame.height else pl.repeat(values[0], frame.height, dtype=values.dtype, eager=True)
