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
    shown = _shown(frame)
    if not shown.width or not shown.height:
        return [b"{}"] * frame.height
    if not _is_finite(shown):
        return [json.dumps(_worded(row), ensure_ascii=False, separators=(",", ":")).encode() for row in _rows(shown)]
    return _encoded(shown)


def keys_of(frame: pl.DataFrame, names: Sequence[str]) -> list[bytes | None]:
    """Each row's key: the JSON text of the key column, or a list of them; None where a column is not there.

    >>> keys_of(pl.DataFrame({"id": ["a"], "n": [1]}), ["id"]), keys_of(pl.DataFrame({"id": ["a"], "n": [1]}), ["id", "n"])
    ([b'"a"'], [b'["a",1]'])
    """
    if not names or not set(names) <= set(frame.columns) or not frame.height:
        return [None] * frame.height
    one = frame.select(_plain(name, frame.schema[name]) for name in names)
    parts = [
        [text[text.index(b":") + 1 : -1] for text in _encoded(one.select(pl.col(name).alias("k")))] for name in names
    ]
    if len(parts) == 1:
        return list(parts[0])
    return [b"[" + b",".join(row) + b"]" for row in zip(*parts, strict=True)]


def _shown(frame: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in frame.columns if not name.startswith("_") or name in PLACES]
    return frame.select(_plain(name, frame.schema[name]).alias(PLACES.get(name, name)) for name in names)


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if dtype.time_zone else column
        return utc.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if isinstance(dtype, pl.Binary):
        return column.bin.encode("hex")
    return column


def _encoded(frame: pl.DataFrame) -> list[bytes]:
    texts = frame.select(pl.struct(pl.all()).struct.json_encode().cast(pl.Binary).alias("json"))
    return texts["json"].to_list()


def _is_finite(frame: pl.DataFrame) -> bool:
    """Whether Polars writes every number as it is; what is nested it might write as null, so nested floats are looked at
    one by one."""
    plain = [name for name, dtype in frame.schema.items() if dtype.is_float()]
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() and "Float" in str(dtype)]
    if plain and not frame.select(pl.all_horizontal(pl.col(plain).is_finite().all())).item():
        return False
    return all(_all_finite(value) for name in nested for value in frame[name].to_list())


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
