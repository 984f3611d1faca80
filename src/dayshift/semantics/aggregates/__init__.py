"""What each aggregate means: one file each, in one table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from dayshift.semantics.aggregates import (
    count,
    distinct_count,
    first,
    last,
    last_n,
    max,  # noqa: A004
    mean,
    min,  # noqa: A004
    quantile,
    std,
    std_population,
    sum,  # noqa: A004
    time_since_last,
    variance,
    variance_population,
)
from dayshift.semantics.seen import Seen, Value

MEANINGS: Mapping[str, Callable[[Seen], Value]] = MappingProxyType(
    {
        "count": count.value,
        "sum": sum.value,
        "mean": mean.value,
        "variance": variance.value,
        "variance_population": variance_population.value,
        "std": std.value,
        "std_population": std_population.value,
        "min": min.value,
        "max": max.value,
        "first": first.value,
        "last": last.value,
        "last_n": last_n.value,
        "distinct_count": distinct_count.value,
        "quantile": quantile.value,
        "time_since_last": time_since_last.value,
    }
)
