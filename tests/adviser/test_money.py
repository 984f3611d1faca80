"""What a part brings and costs a month: prices go through an interval, and none is invented."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dayshift.adviser.evidence import Asks, Gain
from dayshift.adviser.money import DAYS_A_MONTH, Effort, Worth, costs, effort, units_a_month, worth
from dayshift.definition.metric import Metric, metric_named
from dayshift.definition.settings import CAPABILITIES, ValueSettings

AMOUNT = st.floats(0.01, 10_000)
GAIN = st.tuples(st.floats(-0.2, 0.2), st.floats(0, 0.1), st.floats(0, 0.1)).map(
    lambda drawn: Gain(drawn[0], drawn[0] - drawn[1], drawn[0] + drawn[2], (drawn[0],) * 8, tuple(range(8)))
)
EFFORT = st.builds(
    Effort,
    cpu_s=st.floats(0, 1e5),
    hours=st.floats(0, 100),
    setup_hours=st.floats(0, 500),
    infrastructure=st.floats(0, 5_000),
)
PRICES = st.builds(
    ValueSettings,
    point=AMOUNT,
    hour_of_compute=AMOUNT,
    hour_of_engineer=AMOUNT,
    migration_months=st.integers(1, 60),
)


def metric(name: str) -> Metric:
    found = metric_named(name)
    assert found
    return found


AUC = metric("roc_auc")


def gain(mean: float) -> Gain:
    return Gain(mean, mean - 0.01, mean + 0.01, (mean,) * 8, tuple(range(8)))


def scaled(prices: ValueSettings, **changed: float) -> ValueSettings:
    return prices.model_copy(update=changed)


def net(found: Worth) -> tuple[float, float, float]:
    assert found.price
    return found.price.net


@given(GAIN, EFFORT, PRICES)
def test_the_net_is_the_value_less_the_cost_in_order(given_gain: Gain, asked: Effort, prices: ValueSettings) -> None:
    """Low, middle and high stand in order, and each differs from its value by the same cost, which is no gift."""
    found = worth(given_gain, AUC, asked, prices)
    assert found.price
    assert found.price.cost == pytest.approx(sum(found.breakdown.values()))
    assert found.price.cost >= 0
    low, middle, high = net(found)
    assert low <= middle <= high
    assert middle == pytest.approx(found.price.value[1] - found.price.cost)


@given(GAIN, EFFORT, PRICES)
def test_the_value_has_the_sign_of_the_gain(given_gain: Gain, asked: Effort, prices: ValueSettings) -> None:
    """A gain brings, a loss costs, and nothing brings nothing."""
    found = worth(given_gain, AUC, asked, prices)
    assert found.value
    for value, bound in zip(found.value, (given_gain.low, given_gain.mean, given_gain.high), strict=True):
        assert (value > 0) == (bound > 0)
        assert (value < 0) == (bound < 0)


@given(GAIN, EFFORT, PRICES, st.floats(1, 10))
def test_dearer_is_never_better(given_gain: Gain, asked: Effort, prices: ValueSettings, times: float) -> None:
    """The net falls with every price of a cost, and grows with the worth of a point where something is gained."""
    before = net(worth(given_gain, AUC, asked, prices))[1]
    for name in ("hour_of_compute", "hour_of_engineer"):
        after = net(worth(given_gain, AUC, asked, scaled(prices, **{name: getattr(prices, name) * times})))[1]
        assert after <= before + 1e-9 * abs(before)
    assert prices.point
    worthier = net(worth(given_gain, AUC, asked, scaled(prices, point=prices.point * times)))[1]
    assert worthier >= before or given_gain.mean < 0 or worthier == pytest.approx(before)


@given(GAIN, EFFORT, PRICES)
def test_each_break_even_really_breaks_even(given_gain: Gain, asked: Effort, prices: ValueSettings) -> None:
    """At the least worth of a point, at the least volume, and at each of the three costs, the net is nought."""
    assume(given_gain.mean > 1e-6)
    found = worth(given_gain, AUC, asked, prices)
    assert found.price
    assert found.price.breakeven_value is not None
    at_least = worth(given_gain, AUC, asked, scaled(prices, point=found.price.breakeven_value))
    assert net(at_least)[1] == pytest.approx(0, abs=1e-6 * (1 + found.price.cost))
    for bound, cost in zip(range(3), found.price.breakeven_cost, strict=True):
        assert found.price.value[bound] - cost == pytest.approx(0)
    volume = found.price.breakeven_volume
    if volume is None:
        assert found.price.value[1] <= found.breakdown["compute"]
    else:
        fixed = found.price.cost - found.breakdown["compute"]
        left = volume * (found.price.value[1] - found.breakdown["compute"]) - fixed
        assert left == pytest.approx(0, abs=1e-6 * (1 + found.price.cost))


@given(GAIN, EFFORT)
def test_without_a_declared_worth_there_is_no_value_and_no_net(given_gain: Gain, asked: Effort) -> None:
    """Costs alone give the least worth of a point at which it pays, and say what to declare."""
    found = worth(given_gain, AUC, asked, ValueSettings(hour_of_compute=1, hour_of_engineer=50))
    assert (found.value, found.price) == (None, None)
    assert found.missing == ("[value] point",)
    assert (found.breakeven_value is not None) == (given_gain.mean > 0)


def test_an_undeclared_price_of_something_that_is_used_stops_the_net() -> None:
    """Hours without a rate have no cost; what brings is said all the same, and what is missing is named once."""
    asked = Effort(cpu_s=100, hours=2, setup_hours=10)
    found = worth(gain(0.02), AUC, asked, ValueSettings(point=500))
    assert found.value == pytest.approx((500, 1000, 1500))
    assert (found.cost, found.price) == (None, None)
    assert found.missing == ("[value] hour_of_compute", "[value] hour_of_engineer")


def test_what_is_not_used_needs_no_price() -> None:
    """No CPU time, no hours and no infrastructure cost nought whatever their price."""
    assert costs(Effort(), ValueSettings()) == (
        {"compute": 0.0, "infrastructure": 0.0, "hours": 0.0, "migration": 0.0},
        (),
    )


@pytest.mark.parametrize("name", sorted(CAPABILITIES))
def test_what_runs_all_day_has_a_price_only_when_it_is_declared(name: str) -> None:
    """Streaming, an endpoint, Spark and a feed of labels are not free; what the nightly run carries adds nothing."""
    asks = Asks(name, (), False, (), 10, 2, True)
    free = {"automatic retraining", "monitoring", "hourly features"}
    assert effort(name, asks, ValueSettings()).infrastructure == (0.0 if name in free else None)
    declared = ValueSettings(infrastructure={name: 400})
    assert effort(name, asks, declared, 7.0) == Effort(7.0, 2, 10, 400)
    assert effort(name, None, declared).hours == 0


def test_setting_up_is_spread_over_the_months() -> None:
    """120 hours at 50 over 12 months are 500 a month; over 24 months 250."""
    for months, cost in ((12, 500), (24, 250)):
        found, missing = costs(Effort(setup_hours=120), ValueSettings(hour_of_engineer=50, migration_months=months))
        assert (found["migration"], missing) == (pytest.approx(cost), ())


def test_a_case_is_counted_only_where_the_metric_counts_cases() -> None:
    """Three points of precision@100 a day find three more cases a day; an AUC does not say how many."""
    prices = ValueSettings(caught_case=20)
    found = worth(gain(0.03), metric("precision@100_per_day"), Effort(), prices)
    assert found.unit == "case"
    assert found.value
    assert found.value[1] == pytest.approx(3 * DAYS_A_MONTH * 20)
    for name in ("roc_auc", "average_precision", "log_loss", "f1"):
        none = worth(gain(0.03), metric(name), Effort(), prices)
        assert (none.unit, none.value, none.price) == ("point", None, None)
        assert none.missing == (f"[value] point: {name} does not say how many cases are caught",)


def test_the_worth_of_a_point_serves_every_metric() -> None:
    """Without a worth of a case, precision@K is priced by its points as any other metric."""
    unit, units, said = units_a_month(metric("precision@50"), ValueSettings(point=10))
    assert (unit, units) == ("point", 100)
    assert "0.01" in said


@given(st.floats(0.5, 20))
def test_k_of_no_day_is_looked_at_as_often_as_is_said(times: float) -> None:
    """precision@50 judged so many times a month finds so many times more cases."""
    _, units, said = units_a_month(metric("precision@50"), ValueSettings(caught_case=1), times)
    assert units == pytest.approx(50 * times)
    assert "times a month" in said
