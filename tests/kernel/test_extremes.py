"""What is rare: sketches above their bound, variances past 128 bits, sums past 64; history, stream and reference agree."""

import numpy as np
import pytest

from dayshift.definition import Column, Source
from dayshift.diagnostics import Refused
from dayshift.kernel import history
from dayshift.kernel.arrays import Events, Questions, Values
from dayshift.kernel.plan import compile_plan
from dayshift.kernel.stream import State
from dayshift.semantics.reference import Event, Question
from dayshift.semantics.reference import answer as reference

TAPS = Source("taps", time="at", key="id", schema={"id": int, "x": Column(float), "n": int})


def _world(values: np.ndarray) -> tuple[dict[str, Events], Questions]:
    n = values.size
    nobody = np.zeros(n, np.int64)
    events = {"taps": Events(np.arange(n), np.arange(n), {(): nobody}, {"x": Values(values), "n": Values(values)})}
    return events, Questions(np.array([n]), np.array([n]), [nobody[:1]])


def test_an_estimate_of_distinct_values_is_the_reference() -> None:
    """Above the bound both drivers give HyperLogLog's number to the unit, small and large."""
    for size in (300, 5_000, 30_000):
        values = np.arange(size) * 7919 - 1000
        made = compile_plan(TAPS.over("1d").distinct_count("n", exact_up_to=100), {})
        log = [Event("taps", i, i, {"n": int(v)}) for i, v in enumerate(values)]
        feature = TAPS.over("1d").distinct_count("n", exact_up_to=100)[0]
        wanted = reference(feature, Question(size, size, {}), log, {})
        assert history.answer(made, *_world(values))[0].values.tolist() == [wanted]
        assert State(made).advance(*_world(values))[0].values.tolist() == [wanted]


def test_a_variance_that_passes_128_bits_is_the_reference() -> None:
    """Python's integers finish what the kernel cannot: large values on a decimal scale."""
    values = np.array([2**50 - 1, -(2**50) + 3, 12345, 2**49] * 3)
    features = [*TAPS.over("1d").variance("x"), *TAPS.over("1d").std_population("x")]
    scale = 10**18
    made = compile_plan(features, {("taps", "x"): scale})
    world = _world(values)
    mean_square = [history.answer(made, *world), State(made).advance(*world)]
    whole = [int(v) for v in values]
    n, total, square = len(whole), sum(whole), sum(v * v for v in whole)
    from fractions import Fraction

    spread = Fraction(n * square - total * total, scale**2)
    wanted = [float(spread / (n * (n - 1))), float(spread / (n * n)) ** 0.5]
    for answers in mean_square:
        assert [each.values[0] for each in answers] == wanted


def test_a_sum_past_64_bits_is_refused_by_the_stream_too() -> None:
    """And the state goes no further."""
    made = compile_plan(TAPS.over("1d").sum("n"), {})
    state = State(made)
    with pytest.raises(Refused, match="DS501"):
        state.advance(*_world(np.full(4, 2**62)))
    exact = np.array([2**62, 2**62, -(2**62), 2**62 - 1])
    assert State(made).advance(*_world(exact))[0].values.tolist() == [2**63 - 1]
