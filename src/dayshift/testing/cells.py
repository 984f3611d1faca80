"""What a cell of a scenario's table says.

| type | written |
|---|---|
| any | `null` |
| int | `-3`; a length of time such as `1h30m` (its microseconds) |
| float, decimal | `2.5`; exact arithmetic rounded once, `10/3`; `sqrt(2/3)`, the IEEE root of such a number |
| str | the text as it stands |
| bool | `true`, `false` |
| datetime | `2024-03-01 06:00:00.000001`, `2024-03-01 06:00`, `2024-03-01` (midnight), or `06:00` on the day of `* day:` |
| date | `2024-03-01` |
"""

import ast
import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from dayshift.definition import parse_duration
from dayshift.semantics.instants import microseconds

NULL = "null"
_DATE = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?"
_TIME = re.compile(rf"(?:({_DATE}) ?)?({_CLOCK})?")
_LENGTH = re.compile(r"(?:\d+(?:us|ms|s|m|h|d|w))+")
_ROOT = re.compile(r"sqrt\((.+)\)")
_OPERATORS: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def parse_cell(text: str, type: str, day: str | None = None) -> Any:  # noqa: A002
    """The value that a cell of a column of this type holds.

    >>> parse_cell("10/3", "float"), parse_cell("1h", "int"), parse_cell("null", "str"), parse_cell("true", "bool")
    (3.3333333333333335, 3600000000, None, True)

    Raises:
        ValueError: the cell holds no such value.
    """
    return None if text == NULL else _PARSERS[type](text, day)


def parse_time(text: str, day: str | None = None) -> int:
    """A time in microseconds UTC.

    >>> parse_time("1970-01-02"), parse_time("00:00:00.000001", day="1970-01-01")
    (86400000000, 1)
    """
    found = _TIME.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text!r} is not a time: write 2024-03-01 06:00:00.000001")
    date, clock = found[1] or day, found[2] or "00:00"
    if date is None:
        raise ValueError(f"{text!r} has no date, and no `* day:` gives one")
    return microseconds(dt.datetime.fromisoformat(f"{date}T{clock}+00:00"))


def arithmetic(text: str, **names: Fraction) -> Fraction:
    """The exact value of an arithmetic expression over numbers and names.

    >>> arithmetic("(2**-1 + 0.1) * i", i=Fraction(10))
    Fraction(6, 1)
    """
    return _evaluate(ast.parse(text, mode="eval").body, text, names)


def _evaluate(node: ast.expr, text: str, names: Mapping[str, Fraction]) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(ast.get_source_segment(text, node)).replace("_", ""))
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, text, names)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        apply = _OPERATORS[type(node.op)]
        return Fraction(apply(_evaluate(node.left, text, names), _evaluate(node.right, text, names)))
    raise ValueError(f"{text!r} is not arithmetic over {', '.join(sorted(names)) or 'numbers'}")


def _integer(text: str, _day: str | None) -> int:
    return parse_duration(text) if _LENGTH.fullmatch(text) else int(text)


def _number(text: str, _day: str | None) -> float:
    root = _ROOT.fullmatch(text)
    try:
        return math.sqrt(float(arithmetic(root[1]))) if root else float(arithmetic(text))
    except SyntaxError:
        raise ValueError(f"{text!r} is not a number") from None


def _text(text: str, _day: str | None) -> str:
    return text


def _truth(text: str, _day: str | None) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def _date(text: str, _day: str | None) -> dt.date:
    return dt.date.fromisoformat(text)


_PARSERS: Mapping[str, Callable[[str, str | None], Any]] = {
    "int": _integer,
    "float": _number,
    "decimal": _number,
    "str": _text,
    "bool": _truth,
    "datetime": parse_time,
    "date": _date,
}
