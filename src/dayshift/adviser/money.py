"""What a part brings a month and what it costs, from declared prices only.

    net = value(gain) − cost
    value: by point      gain / 0.01 × worth of a point a month
           by case       more cases caught a month × worth of a case      (metrics that count caught cases)
    cost:  CPU hours × price of one + infrastructure + hours × rate + hours of setting up × rate / months they are spread over

A gain's interval goes through: value and net have a low, a middle and a high. The break-even is said three ways: the extra
monthly cost at which it surely, probably and surely not pays; the least worth of a point (or of a case); the least
multiple of today's volume, when value and CPU grow with events and the rest does not.

A case is counted only where the metric counts cases. precision@K: K rows are looked at, a day or in all, and a gain g of
precision finds K·g more of them. An average over all thresholds (AUC, average precision) or over rows (log loss) says nothing about
how many cases one threshold catches, so no worth of a case is made of it: declare the worth of a point.

Nothing is invented: where a price is missing there is no value, no cost or no net, and `missing` names what to declare.
Pairs of costs that are nought whatever the price (no CPU time, no hours) need no price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dayshift.adviser.evidence import Asks, Gain, Price
from dayshift.definition.metric import Metric
from dayshift.definition.settings import ValueSettings

POINT = 0.01
DAYS_A_MONTH = 365.25 / 12
ALWAYS_ON = ("streaming features", "endpoint", "Spark", "faster labels")
"""Capabilities that cannot be had within the nightly run: what they cost a month must be declared."""


@dataclass(frozen=True)
class Effort:
    """What a capability takes a month more than today: CPU seconds, hours of people, infrastructure; and hours to set it up.

    `infrastructure` None: nobody declared it, and it is not nought.
    """

    cpu_s: float = 0.0
    hours: float = 0.0
    setup_hours: float = 0.0
    infrastructure: float | None = 0.0


@dataclass(frozen=True)
class Worth:
    """What prices say of a part: each of value, cost and price None where a price is missing, which `missing` names.

    `unit` is "point" or "case", `derivation` how the value came about, `breakdown` the parts of the cost a month.
    `breakeven_value` is the least worth of one unit at which the middle gain pays, wherever the cost is known.
    """

    value: tuple[float, float, float] | None
    cost: float | None
    price: Price | None
    breakeven_value: float | None
    unit: str
    derivation: str
    breakdown: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def effort(name: str, asks: Asks | None, value: ValueSettings, cpu_s_a_month: float = 0.0) -> Effort:
    """The effort of a capability: its measured CPU seconds, what it asks of the team, and its declared infrastructure."""
    declared = value.infrastructure.get(name)
    infrastructure = declared if declared is not None or name in ALWAYS_ON else 0.0
    if asks is None:
        return Effort(cpu_s_a_month, infrastructure=infrastructure)
    return Effort(cpu_s_a_month, asks.hours_a_month, asks.setup_hours, infrastructure)


def units_a_month(
    metric: Metric, value: ValueSettings, periods_a_month: float = DAYS_A_MONTH
) -> tuple[str, float, str]:
    """What a gain of 1 in the metric is in units that have a worth: (unit, how many a month, the derivation).

    Args:
        metric: the user's.
        value: says which worth is declared; a case comes first where the metric counts cases.
        periods_a_month: how often K rows are looked at, where K is not a day's: how many evaluations of a month.

    >>> from dayshift.definition.metric import metric_named
    >>> units_a_month(metric_named("precision@100_per_day"), ValueSettings(caught_case=20))[:2]
    ('case', 3043.75)
    """
    if metric.top is not None and value.caught_case is not None:
        each = DAYS_A_MONTH if metric.per_day else periods_a_month
        often = "a day" if metric.per_day else f"{each:.3g} times a month"
        said = (
            f"{metric.top} rows are looked at {often}; a gain g of precision finds {metric.top} x g more of the cases"
        )
        return "case", metric.top * each, said
    return "point", 1 / POINT, "one point is 0.01 of the metric, in the direction that is better"


def worth(
    gain: Gain, metric: Metric, asked: Effort, value: ValueSettings, periods_a_month: float = DAYS_A_MONTH
) -> Worth:
    """What a gain brings and costs a month at the declared prices.

    >>> from dayshift.definition.metric import metric_named
    >>> gain = Gain(0.02, 0.01, 0.03, (0.02, 0.02), (0, 1))
    >>> prices = ValueSettings(point=500, hour_of_engineer=50)
    >>> found = worth(gain, metric_named("roc_auc"), Effort(hours=4), prices)
    >>> [round(one) for one in found.price.net], found.price.breakeven_value, found.price.breakeven_volume
    ([300, 800, 1300], 100.0, 0.2)
    """
    unit, units, derivation = units_a_month(metric, value, periods_a_month)
    each = value.caught_case if unit == "case" else value.point
    breakdown, missing = costs(asked, value)
    cost = None if missing else sum(breakdown.values())
    least = None if cost is None or gain.mean <= 0 else cost / (gain.mean * units)
    if each is None:
        missing = (*missing, _what_is_missing(metric, value))
        return Worth(None, cost, None, least, unit, derivation, breakdown, missing)
    low, middle, high = (bound * units * each for bound in (gain.low, gain.mean, gain.high))
    value_of = (low, middle, high)
    if cost is None:
        return Worth(value_of, None, None, None, unit, derivation, breakdown, missing)
    price = Price(
        value=value_of,
        cost=cost,
        net=(low - cost, middle - cost, high - cost),
        breakeven_cost=value_of,
        breakeven_value=least,
        breakeven_volume=_volume(middle, breakdown),
    )
    return Worth(value_of, cost, price, least, unit, derivation, breakdown, missing)


def costs(asked: Effort, value: ValueSettings) -> tuple[dict[str, float], tuple[str, ...]]:
    """The parts of the monthly cost that are known, and what must be declared for the others."""
    hour, engineer, months = value.hour_of_compute, value.hour_of_engineer, value.migration_months
    setup = asked.setup_hours / months
    known = {
        "compute": _times(asked.cpu_s / 3600, hour),
        "infrastructure": asked.infrastructure,
        "hours": _times(asked.hours, engineer),
        "migration": _times(setup, engineer),
    }
    names = {
        "compute": "hour_of_compute",
        "infrastructure": "infrastructure",
        "hours": "hour_of_engineer",
        "migration": "hour_of_engineer",
    }
    missing = dict.fromkeys(f"[value] {names[part]}" for part, amount in known.items() if amount is None)
    return {part: amount for part, amount in known.items() if amount is not None}, tuple(missing)


def _times(amount: float, price: float | None) -> float | None:
    if price is not None:
        return amount * price
    return None if amount else 0.0


def _volume(middle: float, breakdown: Mapping[str, float]) -> float | None:
    """The multiple of today's volume at which the net is nought: value and compute grow with it, the rest does not."""
    compute = breakdown["compute"]
    fixed = sum(breakdown.values()) - compute
    return fixed / (middle - compute) if middle > compute else None


def _what_is_missing(metric: Metric, value: ValueSettings) -> str:
    if metric.top is not None:
        return "[value] caught_case or point"
    if value.caught_case is not None:
        return f"[value] point: {metric.name} does not say how many cases are caught"
    return "[value] point"
