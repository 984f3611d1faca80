"""A quantile within a relative error, by DDSketch.

Source: Masson, Rim, Lee 2019, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees",
PVLDB 12(12), doi:10.14778/3352063.3352135. Its buckets never collapse here, so it is exact in ranks and the answer is
off by at most `accuracy` times the true value's magnitude.

The rule, to the bit, so that two independent implementations agree:

1. `gamma = (1.0 + accuracy) / (1.0 - accuracy)` in IEEE doubles.
2. `bounds(accuracy)` is a sorted tuple of powers of gamma, made by repeated multiplication upwards from 1.0 until 2**53
   is reached and by repeated division downwards from 1.0 until 2**-64 is.
3. A value `x` (the double `q / scale`) above zero falls into bucket `i`, the smallest index with `x <= bounds[i]`; one
   below zero into the mirrored bucket of `-x`; zero into a bucket of its own. No logarithm decides.
4. Bucket `i` stands for `2.0 * bounds[i] / (gamma + 1.0)` (multiply, then divide), mirrored for negatives; zero for 0.0.
5. The rank is `floor(q * (n - 1))`, the product in IEEE doubles. Buckets in ascending order of what they stand for:
   the answer is the first whose cumulative count exceeds the rank.

Because buckets keep the order of values, that is the bucket of the value at that rank, which is how it is computed here.
Bucket counts add, so the answer does not depend on order, batches or partitions.
"""

import math
from bisect import bisect_left
from functools import cache

from dayshift.semantics.seen import Seen

SMALLEST = 2.0**-64
LARGEST = 2.0**53


def value(seen: Seen) -> float | None:
    """The quantile `q`; null for none.

    With an accuracy of 0.6 gamma is 4 and buckets end at powers of 4; (4, 16] stands for 2 * 16 / 5.

    >>> value(Seen((1, 5, 10, 100), arguments={"q": 0.5, "accuracy": 0.6}))
    6.4
    >>> value(Seen((-5, 0, 0), arguments={"q": 0.0, "accuracy": 0.6})), value(Seen((), arguments={"q": 0.5}))
    (-6.4, None)
    """
    if not seen.values:
        return None
    ordered = sorted(whole / seen.divisor for whole in seen.whole)
    at = ordered[rank(seen.arguments["q"], len(ordered))]
    return midpoint(at, seen.arguments["accuracy"])


def rank(q: float, count: int) -> int:
    """Which value in ascending order, from 0, a quantile of `count` values asks for.

    >>> rank(0.5, 4), rank(0.5, 5), rank(1.0, 5)
    (1, 2, 4)
    """
    return math.floor(q * float(count - 1))


def gamma(accuracy: float) -> float:
    """The ratio of two neighbouring bucket bounds.

    >>> gamma(0.6)
    4.0
    """
    return (1.0 + accuracy) / (1.0 - accuracy)


@cache
def bounds(accuracy: float) -> tuple[float, ...]:
    """The upper bounds of the buckets, ascending: bucket `i` holds `bounds[i-1] < x <= bounds[i]`.

    >>> [each for each in bounds(0.6) if 0.1 < each < 100.0]
    [0.25, 1.0, 4.0, 16.0, 64.0]
    >>> bounds(0.6)[0] == 2.0**-64, bounds(0.6)[-1] == 2.0**54
    (True, True)
    """
    ratio = gamma(accuracy)
    up = [1.0]
    while up[-1] < LARGEST:
        up.append(up[-1] * ratio)
    down = [1.0 / ratio]
    while down[-1] > SMALLEST:
        down.append(down[-1] / ratio)
    return (*reversed(down), *up)


def midpoint(x: float, accuracy: float) -> float:
    """What the bucket of `x` stands for.

    >>> midpoint(16.0, 0.6), midpoint(16.5, 0.6), midpoint(-16.0, 0.6), midpoint(0.0, 0.6)
    (6.4, 25.6, -6.4, 0.0)
    """
    if x == 0.0:
        return 0.0
    table = bounds(accuracy)
    size = 2.0 * table[bisect_left(table, abs(x))] / (gamma(accuracy) + 1.0)
    return size if x > 0.0 else -size
