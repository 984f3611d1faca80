"""Rows as messages: a JSON object a row, exact to the bit.

Times are ISO 8601 in UTC with microseconds. A float is written with the fewest digits that read back as the same bits,
-0.0 and subnormals included. JSON has no word for what is no number or infinite: it is the text "NaN", "Infinity" or
"-Infinity" in place of the number, not null, which is an absent value. `_load` and `_position` are called `load` and
`position`; other columns that begin with `_` stay inside.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import polars as pl

PLACES = {"_load": "load", "_position": "position"}


def values_of(frame: pl.DataFrame) -> list[bytes]:
    """Each row as a JSON object.

    >>> values_of(pl.DataFrame({"_load": [7], "_position": [3], "_policy": ["x"], "p": [0.1]}))
    [b'{"load":7,"position":3,"p":0.1}']
    >>> values_of(pl.DataFrame({"p": [float("inf"), -0.0, None]}))
    [b'{"p":"Infinity"}', b'{"p":-0.0}', b'{"p":null}']
    """
    schema = frame.schema
    names = [name for name in schema if not name.startswith("_") or name in PLACES]
    if not names or not frame.height:
        return [b"{}"] * frame.height
    shown = frame.select_seq(_plain(name, schema[name]).alias(PLACES.get(name, name)) for name in names)
    if all(_all_numbers(frame[name], schema[name]) for name in names):
        return _encoded(shown)
    return [json.dumps(_worded(row), ensure_ascii=False, separators=(",", ":")).encode() for row in _rows(shown)]


def keys_of(frame: pl.DataFrame, names: Sequence[str]) -> list[bytes | None]:
    """Each row's key: the JSON text of the key column, or a list of them; None where a column is not there.

    >>> keys_of(pl.DataFrame({"id": ["a"], "n": [1]}), ["id"]), keys_of(pl.DataFrame({"id": ["a"], "n": [1]}), ["id", "n"])
    ([b'"a"'], [b'["a",1]'])
    """
    if not names or not set(names) <= set(frame.columns) or not frame.height:
        return [None] * frame.height
    texts = [_texts(frame, name) for name in names]
    if len(texts) == 1:
        return texts[0].cast(pl.Binary).to_list()
    together = pl.format("[" + ",".join("{}" for _ in texts) + "]", *map(pl.lit, texts))
    return pl.select(together.cast(pl.Binary)).to_series().to_list()


def _texts(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column's values as JSON."""
    values = frame[name]
    if values.dtype == pl.Int64:
        digits = values.cast(pl.String)
        return digits.fill_null("null") if values.null_count() else digits
    row = pl.struct(_plain(name, values.dtype).alias("k")).struct.json_encode()
    return frame.select_seq(row.str.strip_prefix('{"k":').str.strip_suffix("}")).to_series()


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if isinstance(dtype, pl.Binary):
        return column.bin.encode("hex")
    return column


def _encoded(frame: pl.DataFrame) -> list[bytes]:
    return frame.to_struct("row").struct.json_encode().cast(pl.Binary).to_list()


def _all_numbers(values: pl.Series, dtype: pl.DataType) -> bool:
    """Whether Polars writes every float of a column as it is. What has a finite sum is finite; lists and structs are looked
    at one by one."""
    if dtype.is_float():
        return math.isfinite(values.sum()) or bool(values.is_finite().all())
    if dtype.is_nested() and "Float" in str(dtype):
        return all(map(_all_finite, values.to_list()))
    return True


def _all_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return all(map(_all_finite, value)) if isinstance(value, list) else True


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as Python values, of which only numbers need another word: the rest as Polars writes it."""
    floats = [name for name, dtype in frame.schema.items() if dtype.is_float() or "Float" in str(dtype)]
    rest = frame.drop(floats)
    texts = _encoded(rest) if rest.width else [b"{}"] * frame.height
    found = [json.loads(text) for text in texts]
    numbers = frame.select(floats).rows(named=True)
    return [
        {name: (row if name in floats else other)[name] for name in frame.columns}
        for row, other in zip(numbers, found, strict=True)
    ]


def _worded(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: _worded(one) for name, one in value.items()}
    return [_worded(one) for one in value] if isinstance(value, list) else value
