"""The aggregates against the standard library and against their own definitions."""

import math
import statistics
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import AGGREGATES
from dayshift.semantics.aggregates import MEANINGS, distinct_count, quantile
from dayshift.semantics.seen import Seen

integers = st.lists(st.integers(1 - 2**53, 2**53 - 1), max_size=30)
hundredths = st.lists(st.integers(-(10**9), 10**9).map(lambda q: q / 100), min_size=2, max_size=30)


def _value(name: str, values: Any, scale: int | None = None, **arguments: Any) -> Any:
    return MEANINGS[name](Seen(tuple(values), tuple(range(len(values))), 10**6, scale, arguments))


def test_every_aggregate_of_the_definition_has_one_meaning() -> None:
    """The table of meanings and the table of signatures have the same names."""
    assert list(MEANINGS) == list(AGGREGATES)


def test_only_counts_are_zero_when_there_is_nothing() -> None:
    """Everything else is null."""
    arguments = {"n": 2, "exact_up_to": 1, "q": 0.5, "accuracy": 0.01}
    empty = {name: MEANINGS[name](Seen((), arguments=arguments)) for name in MEANINGS}
    assert {name for name, value in empty.items() if value == 0} == {"count", "distinct_count"}
    assert {value for name, value in empty.items() if name not in ("count", "distinct_count")} == {None, (None, None)}


@given(values=hundredths)
def test_moments_are_the_exact_ones_rounded_once(values: list[float]) -> None:
    """Compared with exact fractions of the decimals that were meant."""
    exact = [Fraction(round(value * 100), 100) for value in values]
    count, mean = len(exact), sum(exact) / len(exact)
    spread = sum((each - mean) ** 2 for each in exact)
    assert _value("sum", values, 100) == float(sum(exact))
    assert _value("mean", values, 100) == float(mean)
    assert _value("variance", values, 100) == float(spread / (count - 1))
    assert _value("variance_population", values, 100) == float(spread / count)
    assert _value("std", values, 100) == math.sqrt(float(spread / (count - 1)))
    assert _value("std_population", values, 100) == math.sqrt(float(spread / count))


@given(values=integers)
def test_integers_are_summed_and_picked_exactly(values: list[int]) -> None:
    """No rounding, and the type stays."""
    if values:
        assert _value("sum", values) == sum(values)
        assert (_value("min", values), _value("max", values)) == (min(values), max(values))
        assert (_value("first", values), _value("last", values)) == (values[0], values[-1])
        assert _value("mean", values) == float(Fraction(sum(values), len(values)))
    if len(values) > 1:
        assert _value("variance", values) == float(statistics.variance(map(Fraction, values)))


@given(values=hundredths, seed=st.randoms(use_true_random=False))
def test_the_order_of_values_does_not_matter_where_it_should_not(values: list[float], seed: Any) -> None:
    """Sums, moments, extremes, distinct counts and quantiles have the same bits in any order."""
    shuffled = values[:]
    seed.shuffle(shuffled)
    arguments = {"exact_up_to": 2, "q": 0.3, "accuracy": 0.02}
    for name in set(MEANINGS) - {"first", "last", "last_n", "time_since_last"}:
        assert _value(name, values, 100, **arguments) == _value(name, shuffled, 100, **arguments)


@given(
    values=st.lists(st.integers(-(2**50), 2**50).map(lambda q: q / 1024), min_size=1, max_size=40),
    q=st.floats(0, 1),
    accuracy=st.sampled_from([0.001, 0.01, 0.05, 0.2]),
)
def test_a_quantile_is_within_its_accuracy(values: list[float], q: float, accuracy: float) -> None:
    """Off by at most `accuracy` times the magnitude of the true value at that rank."""
    true = sorted(values)[math.floor(q * (len(values) - 1))]
    assert abs(_value("quantile", values, 1024, q=q, accuracy=accuracy) - true) <= accuracy * abs(true) * (1 + 1e-9)


@pytest.mark.parametrize("accuracy", [0.001, 0.01, 0.6])
def test_bucket_bounds_grow_and_cover_every_number(accuracy: float) -> None:
    """Strictly ascending, from below the smallest step of a float column to above the largest value."""
    table = quantile.bounds(accuracy)
    assert all(low < high for low, high in zip(table, table[1:], strict=False))
    assert table[0] <= 2.0**-64
    assert table[-1] >= 2.0**53
    assert 1.0 in table


@pytest.mark.parametrize("count", [1_500, 5_000, 10_000, 12_000, 40_000])
def test_an_estimate_is_near_the_number(count: int) -> None:
    """Within four standard errors of 1.04 / sqrt(4096), over both the linear and the harmonic range."""
    for offset in (0, 10**12):
        found = _value("distinct_count", range(offset, offset + count), exact_up_to=1024)
        assert abs(found / count - 1) < 4 * 1.04 / 64
    texts = [f"customer {number}" for number in range(count)]
    assert abs(_value("distinct_count", texts, exact_up_to=0) / count - 1) < 4 * 1.04 / 64


def test_registers_merge_by_the_larger() -> None:
    """Two halves merged are the whole: the sketch does not depend on partitions."""
    hashes = [distinct_count.hash_of(number) for number in range(3_000)]
    left, right = distinct_count.registers(hashes[:1_000]), distinct_count.registers(hashes[500:])
    assert [max(pair) for pair in zip(left, right, strict=True)] == distinct_count.registers(hashes)


def test_the_hash_is_the_published_one() -> None:
    """splitmix64's finaliser: its first outputs from seed 0 are known, the state being a multiple of its increment."""
    published = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    assert tuple(distinct_count.hash_of(0x9E3779B97F4A7C15 * step) for step in (1, 2, 3)) == published


def test_bounds_up_to_which_a_count_is_exact_are_inclusive() -> None:
    """At the bound exact, one above it an estimate."""
    assert _value("distinct_count", range(1024), exact_up_to=1024) == 1024
    assert _value("distinct_count", range(1025), exact_up_to=1024) == distinct_count.estimate(
        distinct_count.registers(map(distinct_count.hash_of, range(1025)))
    )


def test_linear_counts_fall_as_registers_empty() -> None:
    """One table, computed with thirty digits: no empty register more, no larger estimate."""
    table = distinct_count.linear_counts()
    assert len(table) == 4097
    assert all(more >= fewer for more, fewer in zip(table[1:], table[2:], strict=False))
