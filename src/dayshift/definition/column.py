"""What a column of a source holds, and the rules that its values must keep."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

_NAMES: dict[object, str] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    dt.datetime: "datetime",
    dt.date: "date",
}
TYPES = ("str", "int", "float", "bool", "datetime", "date", "decimal")


@dataclass(frozen=True, init=False)
class Column:
    """The type of a column and the rules of its values; a row that breaks one goes to quarantine.

    Args:
        type: `str`, `int`, `float`, `bool`, `datetime.datetime`, `datetime.date`, or their names.
        optional: whether a value may be absent.
        digits: for "decimal": how many digits after the point a value has, exactly.
        bits: for "float": values are rounded to multiples of 2**-bits at the door; measured at the first load when None.
        minimum, maximum: the range, both ends included.
        allowed: the only values there may be.
        pattern: a regular expression that the whole text must match.
        unique: no two events of the source share a value.

    >>> Column(int, minimum=0).type
    'int'
    """

    type: str
    optional: bool
    digits: int | None
    bits: int | None
    minimum: Any
    maximum: Any
    allowed: tuple[Any, ...] | None
    pattern: str | None
    unique: bool

    def __init__(self, type: Any, *, optional: bool = False, digits: int | None = None, **rules: Any) -> None:  # noqa: A002
        values: dict[str, Any] = {
            "bits": None,
            "minimum": None,
            "maximum": None,
            "allowed": None,
            "pattern": None,
            "unique": False,
        }
        unknown = set(rules) - set(values)
        if unknown:
            raise TypeError(f"Column() got an unexpected rule {min(unknown)!r}; the rules are {', '.join(values)}")
        values.update(rules)
        if values["allowed"] is not None:
            values["allowed"] = tuple(values["allowed"])
        values.update(type=_NAMES.get(type, type), optional=optional, digits=digits)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def numeric(self) -> bool:
        """Whether sums and means of it have a meaning; booleans count as 0 and 1."""
        return self.type in ("int", "float", "decimal", "bool")


def as_column(given: Any) -> Column:
    """A column from what the user wrote in a schema: a `Column` or a type.

    >>> as_column(str) == Column("str")
    True
    """
    return given if isinstance(given, Column) else Column(given)


def optional(type: Any) -> Column:  # noqa: A002
    """A column whose value may be absent.

    >>> optional(str).optional
    True
    """
    return replace_column(as_column(type), optional=True)


def decimal(digits: int, **rules: Any) -> Column:
    """A number with exactly `digits` digits after the point, kept as an exact integer: money is `decimal(2)`.

    >>> decimal(2, minimum=0).digits
    2
    """
    return Column("decimal", digits=digits, **rules)


def replace_column(column: Column, **changes: Any) -> Column:
    """A copy with some fields changed."""
    values = {name: getattr(column, name) for name in column.__dataclass_fields__}
    return Column(**{**values, **changes})


__all__ = ["TYPES", "Column", "as_column", "decimal", "optional", "replace_column"]
