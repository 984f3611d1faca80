"""Trying an expression on a few invented rows: does it read what is there, what does it give, is it row-wise?

Nothing else tells so much so surely: Polars knows the type of an expression only together with a schema, and an
expression is row-wise when one row at a time gives what all rows together give.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dayshift.definition.column import Column
from dayshift.definition.feature import Sql

_SAMPLES: Mapping[str, tuple[Any, ...]] = {
    "str": ("a", "b", "a", "c"),
    "int": (3, 1, 2, 7),
    "float": (2.5, 0.5, 7.25, 1.0),
    "decimal": (2.5, 0.5, 7.25, 1.0),
    "bool": (True, False, True, True),
    "datetime": tuple(dt.datetime(2024, 3, day, 5 * day, 7, tzinfo=dt.UTC) for day in (3, 1, 4, 2)),
    "date": tuple(dt.date(2024, 3, day) for day in (3, 1, 4, 2)),
}
_ROWS = 4
_SQL_TYPES = {
    "str": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "decimal": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "date": "DATE",
}


@dataclass(frozen=True)
class Answer:
    """What came of a trial: the type's name as the engine says it, or what the engine complained about.

    `row_wise` is None when the trial could not tell; `absent` is a column that is not there.
    """

    type: str | None = None
    complaint: str | None = None
    row_wise: bool | None = None
    absent: str | None = None


def attempt(expression: Any, columns: Mapping[str, Column], *, run: bool = True) -> Answer:
    """The trial of a Polars expression or `sql(...)` over columns; without `run`, only its type is asked for."""
    if isinstance(expression, Sql):
        return _attempt_sql(expression.text, columns)
    return _attempt_polars(expression, columns, run)


def aggregates(expression: Any, columns: Mapping[str, Column]) -> bool | None:
    """Whether a Polars expression makes one value of many rows; None when the trial could not tell."""
    import polars as pl

    try:
        return bool(_frame(columns).select(expression.alias("_tried")).height == 1)
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        return None


def _attempt_polars(expression: Any, columns: Mapping[str, Column], run: bool) -> Answer:
    import polars as pl

    frame = _frame(columns)
    try:
        found = frame.lazy().select(expression.alias("_tried")).collect_schema()
    except pl.exceptions.PolarsError as error:
        return Answer(complaint=_first_line(error))
    if "_tried" not in found:
        return Answer(complaint="it gives no column")
    if run:
        try:
            frame.clear().select(expression.alias("_tried"))  # what it dislikes without a value is the type
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            return Answer(complaint=_first_line(error))
    return Answer(type=str(found["_tried"]), row_wise=_row_wise(expression, frame) if run and frame.height else None)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]


def _row_wise(expression: Any, frame: Any) -> bool | None:
    import polars as pl

    named = expression.alias("_tried")
    try:
        each = [frame[i : i + 1].with_columns(named)["_tried"] for i in range(frame.height)]
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        return None  # it may dislike the invented values only
    try:
        whole = frame.with_columns(named)["_tried"]
    except pl.exceptions.ShapeError:
        return False
    except (pl.exceptions.PolarsError, TypeError, ValueError):
        return None
    return bool(whole.equals(pl.concat(each), check_dtypes=False, null_equal=True))


def _frame(columns: Mapping[str, Column]) -> Any:
    import polars as pl

    types: dict[str, Any] = {
        "str": pl.String,
        "int": pl.Int64,
        "float": pl.Float64,
        "decimal": pl.Float64,
        "bool": pl.Boolean,
        "datetime": pl.Datetime("us", "UTC"),
        "date": pl.Date,
    }
    made = {
        name: pl.Series(name, _values(column), types[column.type], strict=False) for name, column in columns.items()
    }
    return pl.DataFrame(made)


def _values(column: Column) -> list[Any]:
    given = [value for value in column.allowed or () if value is not None] or list(_SAMPLES[column.type])
    return [given[i % len(given)] for i in range(_ROWS)]


def _attempt_sql(text: str, columns: Mapping[str, Column]) -> Answer:
    try:
        import duckdb
    except ImportError:
        return Answer()
    if not columns:
        return Answer()
    table = ", ".join(f'"{name}" {_SQL_TYPES[column.type]}' for name, column in columns.items())
    first = next(iter(columns))
    with duckdb.connect() as connection:
        try:
            connection.execute(f"create table asked ({table})")
        except duckdb.Error:
            return Answer()  # two names that differ only in case, or none at all: told elsewhere
        try:
            found = connection.execute(f'select "{first}" as _first, ({text}) as _tried from asked').description  # noqa: S608
        except duckdb.Error as error:
            absent = re.search(r'Referenced column "([^"]*)" not found', str(error))
            row_wise = None if "GROUP BY" not in str(error) else False
            return Answer(complaint=_first_line(error), row_wise=row_wise, absent=absent[1] if absent else None)
    return Answer(type=str(found[1][1]), row_wise=None)
