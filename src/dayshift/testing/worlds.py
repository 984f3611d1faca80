"""Histories whose right answer is known: what retraining, fresh features and faster labels are worth in each is computed.

A shop's orders, some of which turn out bad a week later. The log-odds of an order are

    intercept + day's mood + strength · [turning · (cos θ distance + sin θ basket) + level · card's level + risk · shop's risk]
    + heat · (the order stands third or later in a burst of its card)

The direction θ(day) is the kind of the world: it stands still (`calm`), turns slowly (`slow_drift`), jumps (`jumps`). In
`bursts` the heat is there, in all other kinds bursts happen too and mean nothing. In `cold_start` the first three weeks
bring few orders. A card's level is only known from its own past orders, a shop's risk only from the outcomes of its past
orders, so a world without its history is worth less; windows are whole weeks wide, so what they know is the same
whichever hour they are asked. Mood and strength wander from day to day with an autocorrelation and move no ranking within
a day. Everything goes through the public definition, so an adviser sees a world as it sees a user's pipeline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import dayshift as ds
from dayshift.engines.contract import FrameLog
from dayshift.testing.truth import EVERYONE, FLOOR, Directions, Group, Table, Truth, by_age, ranking, retraining

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
START_US = 1_704_067_200_000_000  # 2024-01-01, a Monday
WEEKDAYS = np.array([1.0, 0.95, 0.95, 1.0, 1.2, 1.35, 0.8])
KINDS = ("calm", "slow_drift", "jumps", "bursts", "cold_start")
LEVEL_NOISE = 0.8
HOT_AFTER = 2
SHORTEST_BURST, LONGEST_BURST = 3, 6


@dataclass(frozen=True)
class Shape:
    """How large a world is and how strong its parts are; standard deviations of log-odds where nothing else is said.

    `a_day` orders in the mean; `rate` the share of bad ones; `noise` the standard deviation of the day's mood, `rho` its
    autocorrelation from day to day; `turn` radians a week; `leaps` how many jumps of `leap` radians after the lead-in;
    `heat` log-odds; `model` "tree" or "linear".
    """

    weeks: int = 26
    a_day: int = 500
    rate: float = 0.5
    metric: str = "roc_auc"
    model: str = "linear"
    cards: int = 600
    shops: int = 30
    label_delay_days: int = 7
    turning: float = 1.0
    level: float = 0.5
    risk: float = 0.4
    noise: float = 0.3
    rho: float = 0.6
    turn: float = 0.0
    leaps: int = 0
    leap: float = 1.6
    heat: float = 0.0
    burst_share: float = 0.15
    cold_days: int = 0

    @property
    def days(self) -> int:
        """Its length."""
        return 7 * self.weeks


DEFAULTS: dict[str, dict[str, float | int]] = {
    "calm": {},
    "slow_drift": {"turn": 0.1},
    "jumps": {"leaps": 2},
    "bursts": {"heat": 2.5},
    "cold_start": {"cold_days": 21},
}


def shape_of(kind: str, seed: int, **chosen: object) -> Shape:
    """The shape of world number `seed` of a kind: half of them with a rare label, half with a tree, some judged by average
    precision, with more or less noise; what is `chosen` is kept.

    >>> shape_of("calm", 0).turn, shape_of("slow_drift", 0, turn=0.2).turn
    (0.0, 0.2)
    """
    drawn = np.random.default_rng([seed, 7])
    rare = bool(seed % 2)
    shape = Shape(
        rate=0.06 if rare else 0.5,
        a_day=600 if rare else 350,
        model="tree" if seed // 2 % 2 else "linear",
        metric="average_precision" if seed % 8 == 5 else "roc_auc",
        rho=float(drawn.choice([0.0, 0.6, 0.8])),
        noise=float(drawn.uniform(0.1, 0.4)),
    )
    return replace(shape, **{**DEFAULTS[kind], **chosen})  # type: ignore[arg-type]


@dataclass(frozen=True)
class World:
    """A user's pipeline, its whole log, and the truth about it. `orders` and `outcomes` are the frames of the log."""

    kind: str
    seed: int
    shape: Shape
    pipeline: ds.Pipeline
    log: FrameLog
    angle: Floats = field(repr=False)
    hot_share: float = 0.0
    hot_seen_hourly: float = 0.0
    intercept: float = 0.0

    @cached_property
    def truth(self) -> Truth:
        """What is to be gained here; computed at the first look."""
        return truth_of(self)


def calm(seed: int = 0, **chosen: object) -> World:
    """Nothing is to be gained by retraining, by fresh features or by faster labels.

    >>> calm(0, a_day=20, weeks=16).truth.retraining[4]
    0.0
    """
    return make("calm", seed, **chosen)


def slow_drift(seed: int = 0, **chosen: object) -> World:
    """What matters turns slowly: a model loses skill with every week of its age."""
    return make("slow_drift", seed, **chosen)


def jumps(seed: int = 0, **chosen: object) -> World:
    """What matters changes at once, a few times after the lead-in, and stands still in between."""
    return make("jumps", seed, **chosen)


def bursts(seed: int = 0, **chosen: object) -> World:
    """The third and later orders of a burst of minutes are worse: only features as of the event see that."""
    return make("bursts", seed, **chosen)


def cold_start(seed: int = 0, **chosen: object) -> World:
    """Three weeks of few orders, then a calm world: what looks like decay is a beginning."""
    return make("cold_start", seed, **chosen)


def make(kind: str, seed: int = 0, **chosen: object) -> World:
    """World number `seed` of a kind (one of `KINDS`); the same arguments make the same world."""
    shape = shape_of(kind, seed, **chosen)
    drawn = np.random.default_rng([seed, KINDS.index(kind)])
    angle = angles(shape, drawn)
    orders = _orders(shape, drawn)
    logit = _logit(shape, orders, angle, drawn)
    hot = orders["in_burst"] >= HOT_AFTER
    intercept = _intercept(logit, shape.rate)
    bad = drawn.random(len(logit)) < 1 / (1 + np.exp(-(logit + intercept)))
    pipeline = _pipeline(kind, shape)
    seen = (orders["in_burst_by_the_hour"] >= 1) & hot
    return World(
        kind=kind,
        seed=seed,
        shape=shape,
        pipeline=pipeline,
        log=_log(shape, orders, bad),
        angle=angle,
        hot_share=float(hot.mean()) if shape.heat else 0.0,
        hot_seen_hourly=float(seen.sum() / max(hot.sum(), 1)),
        intercept=intercept,
    )


def angles(shape: Shape, drawn: np.random.Generator) -> Floats:
    """The direction of each day, without noise. Jumps come at any day from the 11th to the third-last week, far apart."""
    days = np.arange(shape.days)
    angle = drawn.uniform(0, 2 * np.pi) + shape.turn * days / 7
    if shape.leaps:
        first, last = min(77, shape.days // 2), shape.days - 21
        parts = np.linspace(first, last, shape.leaps + 1)
        at = [
            drawn.integers(int(low), max(int(high), int(low) + 1))
            for low, high in zip(parts[:-1], parts[1:], strict=True)
        ]
        sign = drawn.choice([-1.0, 1.0], shape.leaps)
        for day, way in zip(at, sign, strict=True):
            angle = angle + np.where(days >= day, way * shape.leap, 0.0)
    return np.asarray(angle, np.float64)


def _orders(shape: Shape, drawn: np.random.Generator) -> dict[str, NDArray[np.int64] | Floats]:
    days = np.arange(shape.days)
    expected = shape.a_day * WEEKDAYS[days % 7] / WEEKDAYS.mean() * np.where(days < shape.cold_days, 0.08, 1.0)
    size = (SHORTEST_BURST + LONGEST_BURST) / 2
    singles = drawn.poisson(expected * (1 - shape.burst_share))
    many = drawn.poisson(expected * shape.burst_share / size)
    activity = drawn.gamma(2.0, 1.0, shape.cards)
    activity /= activity.sum()
    at = np.repeat(days, singles) * DAY_US + _time_of_day(singles.sum(), drawn)
    card = drawn.choice(shape.cards, len(at), p=activity)
    begun = np.repeat(days, many) * DAY_US + _time_of_day(many.sum(), drawn)
    length = drawn.integers(SHORTEST_BURST, LONGEST_BURST + 1, len(begun))
    burst = np.repeat(np.arange(len(begun)), length)
    nth = np.arange(len(burst)) - np.repeat(np.cumsum(length) - length, length)
    gap = np.where(nth == 0, 0, drawn.exponential(40e6, len(burst)).astype(np.int64) + 1_000_000)
    total = np.cumsum(gap)
    burst_at = begun[burst] + total - np.repeat(total[nth == 0], length)
    by_hour = _seen_by_the_hour(burst_at, burst)
    order = np.argsort(np.concatenate([at, burst_at]), kind="stable")
    owner = drawn.choice(shape.cards, len(begun), p=activity)
    columns: dict[str, NDArray[np.int64] | Floats] = {
        "at": np.concatenate([at, burst_at])[order] + START_US,
        "card": np.concatenate([card, owner[burst]])[order],
        "in_burst": np.concatenate([np.zeros(len(at), np.int64), nth])[order],
        "in_burst_by_the_hour": np.concatenate([np.zeros(len(at), np.int64), by_hour])[order],
    }
    return {name: values[columns["at"] < START_US + shape.days * DAY_US] for name, values in columns.items()}


def _time_of_day(count: int, drawn: np.random.Generator) -> Ints:
    """Mornings and evenings; microseconds after midnight, so that hardly two are alike."""
    hours = np.where(drawn.random(count) < 0.5, drawn.normal(11, 2.5, count), drawn.normal(18, 3, count)) % 24
    return (hours * HOUR_US).astype(np.int64)


def _seen_by_the_hour(at: Ints, burst: Ints) -> Ints:
    """How many orders of the same burst came before the last full hour before each; bursts stand one after the other."""
    hour = at // HOUR_US * HOUR_US
    seen = np.zeros(len(at), np.int64)
    for back in range(1, LONGEST_BURST):
        seen[back:] += (burst[back:] == burst[:-back]) & (at[:-back] < hour[back:])
    return seen


def _wander(shape: Shape, spread: float, drawn: np.random.Generator) -> Floats:
    """An autoregressive series, a value a day, with this standard deviation."""
    steps = drawn.normal(0, spread * np.sqrt(1 - shape.rho**2), shape.days)
    steps[0] = drawn.normal(0, spread)
    for day in range(1, shape.days):
        steps[day] += shape.rho * steps[day - 1]
    return steps


def _logit(
    shape: Shape, orders: dict[str, NDArray[np.int64] | Floats], angle: Floats, drawn: np.random.Generator
) -> Floats:
    count = len(orders["at"])
    day = ((orders["at"] - START_US) // DAY_US).astype(np.int64)
    level, risk = drawn.normal(0, 1, shape.cards), drawn.normal(0, 1, shape.shops)
    shop = drawn.integers(0, shape.shops, count)
    orders["shop"] = shop
    orders["distance"], orders["basket"] = (np.round(drawn.normal(0, 1, count), 3) for _ in range(2))
    orders["amount"] = np.round(level[orders["card"]] + drawn.normal(0, LEVEL_NOISE, count), 3)
    mood, strength = _wander(shape, shape.noise, drawn), np.exp(_wander(shape, shape.noise / 3, drawn))
    turned = np.cos(angle[day]) * orders["distance"] + np.sin(angle[day]) * orders["basket"]
    steady = shape.level * level[orders["card"]] + shape.risk * risk[shop]
    heat = shape.heat * (orders["in_burst"] >= HOT_AFTER)
    return np.asarray(mood[day] + strength[day] * (shape.turning * turned + steady) + heat, np.float64)


def _intercept(logit: Floats, rate: float) -> float:
    low, high = -20.0, 20.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(1 / (1 + np.exp(-(logit + middle)))) < rate else (low, middle)
    return (low + high) / 2


def _log(shape: Shape, orders: dict[str, NDArray[np.int64] | Floats], bad: NDArray[np.bool_]) -> FrameLog:
    """Both streams as they stand at the end: outcomes of the last days are not known yet."""
    whole = pl.DataFrame(
        {
            "id": np.arange(len(bad)),
            **{name: orders[name] for name in ("card", "shop", "amount", "distance", "basket")},
            "bad": bad.astype(np.int64),
            "_position": orders["at"],
        }
    ).with_columns(at=pl.from_epoch("_position", time_unit="us").dt.replace_time_zone("UTC"), _load=pl.lit(1, pl.Int64))
    delay_us = shape.label_delay_days * DAY_US
    known = whole.with_columns(pl.col("_position") + delay_us).filter(
        pl.col("_position") < START_US + shape.days * DAY_US
    )
    stored = ("at", "_load", "_position")
    return FrameLog(
        {
            "orders": whole.select("id", "card", "shop", "amount", "distance", "basket", *stored),
            "outcomes": known.select("id", "shop", "bad", *stored),
        }
    )


MODELS: dict[str, Callable[[], object]] = {
    "tree": lambda: DecisionTreeClassifier(max_depth=6, max_features=0.5, min_samples_leaf=100),
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
}


def _pipeline(kind: str, shape: Shape) -> ds.Pipeline:
    number = ds.decimal(3)
    orders = ds.Source(
        "orders",
        time="at",
        key="id",
        schema={"id": int, "card": int, "shop": int, "amount": number, "distance": number, "basket": number},
    )
    outcomes = ds.Source(
        "outcomes",
        time="at",
        key="id",
        schema={"id": int, "shop": int, "bad": int},
        delay=f"{shape.label_delay_days}d",
    )
    return ds.Pipeline(
        kind.replace("_", "-"),
        predict=orders,
        features=[
            orders.row(distance=pl.col("distance"), basket=pl.col("basket")),
            orders.by("card").over("28d").mean("amount").fill(0.0),
            orders.by("card").over("1h", "28d").count(),
            outcomes.by("shop").over("28d", delay=f"{shape.label_delay_days}d").mean("bad").fill(shape.rate),
        ],
        label=ds.Label(outcomes, pl.col("bad") == 1, within="0s"),
        model=MODELS[shape.model](),
        metric=shape.metric,
    )


def truth_of(world: World, first_day: int = 70, ages: int = 13) -> Truth:
    """The truth of a world for an evaluation that begins on `first_day`, with a training window of 28 days."""
    shape = world.shape
    directions = Directions(
        world.angle, shape.turning, float(np.hypot(shape.level, shape.risk)), _seen(shape), shape.label_delay_days
    )
    weeks = max((shape.days - shape.label_delay_days - first_day) // 7, 1)
    hot = world.hot_share
    levels = {level: _groups(hot, shape.heat, world.hot_seen_hourly, level) for level in ("midnight", "hour", "event")}
    value = Table(shape.metric, directions.spread, world.intercept, levels["event"])
    grid = by_age(directions, value, first_day, weeks, min(ages, weeks))
    skill = float(grid[:, 0].mean()) - FLOOR.get(shape.metric, shape.rate)
    still = directions.correlations(first_day, [first_day])[0]
    worth = {
        name: ranking(shape.metric, still, directions.spread, world.intercept, groups)
        for name, groups in levels.items()
    }
    sooner = {
        days: float(np.mean(by_age(directions, value, first_day, weeks, 1, days)[:, 0] - grid[:, 0]))
        for days in (0, 1, 3)
        if days < shape.label_delay_days
    }
    fresh = {name: worth[name] - worth["midnight"] for name in ("hour", "event")}
    return Truth(world.kind, shape.metric, skill, retraining(grid), fresh, sooner)


def _groups(share: float, heat: float, seen_hourly: float, level: str) -> tuple[Group, ...]:
    if not share:
        return EVERYONE
    seen = {"midnight": 0.0, "hour": seen_hourly, "event": 1.0}[level]
    return (
        Group(1 - share, 0.0, 0.0),
        Group(share * seen, heat, heat),
        Group(share * (1 - seen), heat, 0.0),
    )


def _seen(shape: Shape) -> float:
    """Which share of the steady part's variance four weeks of a card's orders and of a shop's outcomes show."""
    per_card = 28 * shape.a_day / shape.cards
    per_shop = 28 * shape.a_day / shape.shops
    level = per_card / (per_card + LEVEL_NOISE**2)
    information = per_shop * shape.rate * (1 - shape.rate) * shape.risk**2
    risk = information / (1 + information)
    steady = shape.level**2 + shape.risk**2
    return float((shape.level**2 * level + shape.risk**2 * risk) / steady) if steady else 1.0
