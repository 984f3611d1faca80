"""How a features frame becomes what an estimator reads. One rule, whatever the estimator:

- numbers, booleans (0 and 1), times (microseconds since 1970-01-01 UTC) and dates (days) become float64, null becomes NaN;
- text stays text, null stays null. Nothing is encoded, imputed or scaled behind the user's back: that is said in the
  user's own scikit-learn Pipeline;
- the estimator reads a plain matrix [rows, columns]; when a feature is text, or when the estimator holds a
  ColumnTransformer (which picks columns by name), it reads a Polars DataFrame of the same columns instead.

The rule is applied once, at the fit, and kept with the model: scoring repeats it to the letter.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.diagnostics import DefinitionError, Refused, shorten

NUMBER, TEXT = "number", "text"
MATRIX, FRAME = "matrix", "frame"
_PLAIN = (pl.Float64, pl.Int64)
"""The types whose array is a matrix's column as it is: nulls become NaN on the way."""


def column_types(frame: pl.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """For each feature column "number" or "text".

    >>> column_types(pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), ["a", "b"])
    ('number', 'text')

    Raises:
        Refused: DS609, a column is not in the frame.
        DefinitionError: DS606, a column is neither a number, a time nor text.
    """
    _require(frame, columns)
    return tuple(_type(name, frame.schema[name]) for name in columns)


def _require(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    there = set(frame.columns)
    absent = [name for name in columns if name not in there]
    if absent:
        raise Refused(
            "DS609",
            f"the features have no column '{absent[0]}'",
            facts=(f"absent: {shorten(absent)}", f"there are: {shorten(frame.columns)}"),
            hint="dayshift run",
        )


def _type(name: str, dtype: pl.DataType) -> str:
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.Boolean, pl.Null):
        return NUMBER
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return TEXT
    raise DefinitionError(
        "DS606",
        f"feature '{name}' is a {dtype}, which no model can read",
        facts=("a model reads numbers, booleans, times, dates and text",),
        hint=f"make a number of '{name}' in its expression",
    )


def what_it_reads(estimator: Any, types: Sequence[str]) -> str:
    """Say "frame" when a feature is text or the estimator picks columns by name, else "matrix".

    >>> from sklearn.linear_model import LogisticRegression
    >>> what_it_reads(LogisticRegression(), ["number", "number"])
    'matrix'
    """
    return FRAME if TEXT in types or _picks_columns(estimator) else MATRIX


def _picks_columns(estimator: Any) -> bool:
    from sklearn.compose import ColumnTransformer

    parts = [estimator, *estimator.get_params(deep=True).values()]
    return any(isinstance(part, ColumnTransformer) for part in parts)


def to_input(frame: pl.DataFrame, columns: Sequence[str], types: Sequence[str], reads: str) -> Any:
    """The estimator's input: float64 [rows, columns], or a Polars DataFrame of float64 and text columns.

    >>> to_input(pl.DataFrame({"a": [1, None], "b": [True, False]}), ["a", "b"], ["number", "number"], "matrix")
    array([[ 1.,  1.],
           [nan,  0.]])

    Raises:
        Refused: DS609, a column is absent or of another type than at the fit.
    """
    _require(frame, columns)
    chosen = [frame.get_column(name) for name in columns]
    for column, expected in zip(chosen, types, strict=True):
        _require_type(column, expected)
    if reads == MATRIX:
        return _matrix(chosen, frame.height)
    return frame.select_seq(_cast(column.name, column.dtype, kind) for column, kind in zip(chosen, types, strict=True))


def _require_type(column: pl.Series, expected: str) -> None:
    name, dtype = column.name, column.dtype
    if (dtype in _PLAIN and expected == NUMBER) or dtype == pl.Null or _type(name, dtype) == expected:
        return
    raise Refused(
        "DS609",
        f"feature '{name}' is {_type(name, dtype)} ({dtype}), the model was fitted on {expected}",
        hint="dayshift train",
    )


def _matrix(columns: Sequence[pl.Series], height: int) -> NDArray[np.float64]:
    """Numbers column by column, as they lie in a frame."""
    matrix = np.empty((height, len(columns)), np.float64, order="F")
    for number, column in enumerate(columns):
        plain = column.dtype in _PLAIN
        found = column if plain else column.to_frame().select_seq(_cast(column.name, column.dtype, NUMBER)).to_series()
        matrix[:, number] = found.to_numpy()
    return matrix


def _cast(name: str, dtype: pl.DataType, kind: str) -> pl.Expr:
    column = pl.col(name)
    if kind == TEXT:
        return column.cast(pl.String)
    if isinstance(dtype, pl.Datetime):
        column = column.dt.epoch("us")
    elif isinstance(dtype, pl.Duration | pl.Date | pl.Time):
        column = column.to_physical()
    return column.cast(pl.Float64).fill_null(float("nan"))
