"""What a window shows to an aggregate."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from dayshift.semantics.fixed_point import quantise

Value = Any
"""An int, float, str, bool, `datetime.date` or None; a `last_n` is a tuple of them."""


@dataclass(frozen=True)
class Seen:
    """The events that count, in the order (event time, arrival).

    `values` holds what the aggregate's column has, nulls left out (None for each event when it reads no column);
    `times` the event times in microseconds, as long as `values`. `scale` is the fixed point of a float or decimal
    column, whose values already stand on it, and None for every other type. `arguments` are the aggregate's own.

    >>> Seen((1.5, 2.25), scale=4).whole
    (6, 9)
    """

    values: tuple[Value, ...]
    times: tuple[int, ...] = ()
    as_of: int = 0
    scale: int | None = None
    arguments: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def divisor(self) -> int:
        """What the integers of `whole` are divided by to give the values."""
        return 1 if self.scale is None else self.scale

    @cached_property
    def whole(self) -> tuple[int, ...]:
        """The values as the exact integers they were quantised to; booleans are 0 and 1."""
        return tuple(quantise(value, self.divisor) for value in self.values)
