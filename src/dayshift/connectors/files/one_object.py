"""One JSON object as text, to the letter as Polars' fast reader gives it: which of the two reads a line must not show.

A number is the IEEE double or the integer that it is, in digits without an exponent; a list or an object is JSON again; of
a name that comes twice the first counts, within a value both stay. Half of a surrogate pair is no text, and makes no object.
"""

import json
import math
from decimal import Decimal
from typing import Any


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """The names and values of an object, in their order."""


def one_object(line: bytes) -> dict[str, str | None]:
    """The names and values of an object.

    >>> one_object(b'{"a": 1e5, "b": [1.0, "x"], "c": null}')
    {'a': '100000', 'b': '[1, "x"]', 'c': None}

    Raises:
        ValueError: it is none; the text says why.
    """
    try:
        text = line.decode()
        value = json.loads(
            text, parse_float=_double, parse_int=_whole, parse_constant=_Number, object_pairs_hook=_Pairs
        )
        if not isinstance(value, _Pairs):
            raise ValueError("it is JSON, but no object")
        found: dict[str, str | None] = {}
        for name, item in value:
            found.setdefault(_whole_text(name), None if item is None else _plain(item))
        return found
    except UnicodeDecodeError as error:
        raise ValueError(f"byte 0x{line[error.start]:02x} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deep") from None


def _double(text: str) -> _Number:
    value = float(text)
    if math.isinf(value):
        return _Number(text)
    return _Number(format(Decimal(repr(value)), "f").removesuffix(".0"))


def _whole(text: str) -> _Number:
    return _Number("0" if text == "-0" else text)


def _plain(value: Any) -> str:
    return _whole_text(value) if isinstance(value, str) else _written(value)


def _whole_text(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("not JSON that can be read: half of a surrogate pair")
    return str(text)


def _written(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str):
        return _quoted(_whole_text(value))
    if isinstance(value, _Pairs):
        return f"{{{', '.join(f'{_quoted(_whole_text(name))}: {_written(item)}' for name, item in value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return "null" if value is None else str(value).lower()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
