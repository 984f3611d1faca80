"""Which stretch of a source's past a feature looks at, and the grammar that leads from a source to features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dayshift.definition.aggregate import Aggregate
from dayshift.definition.duration import parse_duration
from dayshift.definition.feature import Features, WindowFeature
from dayshift.diagnostics import users_place

if TYPE_CHECKING:
    from dayshift.definition.source import Source


@dataclass(frozen=True)
class Window:
    """`[t - delay - width, t - delay)` when `closed` is "left", `(t - delay - width, t - delay]` when it is "right".

    `width` None looks at the whole past. `including_self` adds the event that asks.

    >>> Window("1h").width_us
    3600000000
    """

    width: str | None
    delay: str = "0s"
    closed: str = "left"
    including_self: bool = False

    @property
    def width_us(self) -> int | None:
        """The width in microseconds; None for the whole past."""
        return None if self.width is None else parse_duration(self.width)

    @property
    def delay_us(self) -> int:
        """The analytic delay in microseconds."""
        return parse_duration(self.delay)


@dataclass(frozen=True)
class Windows:
    """A source's events by key, over one or more windows; each method makes one feature a window."""

    source: Source
    keys: tuple[tuple[str, str], ...] = ()
    windows: tuple[Window, ...] = (Window(None),)

    def over(self, *widths: str, delay: str = "0s", closed: str = "left", including_self: bool = False) -> Windows:
        """The same events over windows of these widths; no width means the whole past."""
        windows = tuple(Window(width, delay, closed, including_self) for width in widths or (None,))
        return replace(self, windows=windows)

    def _make(self, name: str, column: str | None = None, **arguments: Any) -> Features:
        place = users_place()
        aggregate = Aggregate(name, column, tuple(arguments.items()))
        return Features(
            WindowFeature(self.source, self.keys, window, aggregate, place=place) for window in self.windows
        )

    def count(self) -> Features:
        """How many events; 0 for none."""
        return self._make("count")

    def sum(self, column: str) -> Features:
        """Their exact sum, rounded once; null for none."""
        return self._make("sum", column)

    def mean(self, column: str) -> Features:
        """Their exact mean, rounded once; null for none."""
        return self._make("mean", column)

    def variance(self, column: str) -> Features:
        """The sample variance (divided by n - 1); null for fewer than two."""
        return self._make("variance", column)

    def variance_population(self, column: str) -> Features:
        """The population variance (divided by n); null for none."""
        return self._make("variance_population", column)

    def std(self, column: str) -> Features:
        """The square root of the sample variance; null for fewer than two."""
        return self._make("std", column)

    def std_population(self, column: str) -> Features:
        """The square root of the population variance; null for none."""
        return self._make("std_population", column)

    def min(self, column: str) -> Features:
        """The smallest value; null for none."""
        return self._make("min", column)

    def max(self, column: str) -> Features:
        """The largest value; null for none."""
        return self._make("max", column)

    def first(self, column: str) -> Features:
        """The value of the first event by (event time, arrival); null for none."""
        return self._make("first", column)

    def last(self, column: str) -> Features:
        """The value of the last event by (event time, arrival); null for none."""
        return self._make("last", column)

    def last_n(self, column: str, n: int) -> Features:
        """The values of the last `n` events, latest first, in `n` columns named `_1` to `_n`; null where there is none."""
        return self._make("last_n", column, n=n)

    def distinct_count(self, column: str, exact_up_to: int = 1024) -> Features:
        """How many different values: exact up to a bound, a HyperLogLog estimate above it."""
        return self._make("distinct_count", column, exact_up_to=exact_up_to)

    def quantile(self, column: str, q: float, accuracy: float = 0.01) -> Features:
        """The `q` quantile by DDSketch, within `accuracy` relative error; null for none."""
        return self._make("quantile", column, q=q, accuracy=accuracy)

    def time_since_last(self) -> Features:
        """Microseconds between the question and the last event; null for none."""
        return self._make("time_since_last")
