"""A log drawn at random, as arrays: entities, ties, late events, nulls; and every aggregate over some windows."""

import random

import numpy as np

from dayshift.definition import Source, WindowFeature, decimal, optional
from dayshift.kernel.arrays import Answer, Events, Int64, Mask, Questions, Values
from dayshift.kernel.plan import Plan, compile_plan

TAPS = Source(
    "taps", time="at", key="id", schema={"card": str, "cents": decimal(2), "n": optional(int), "who": optional(str)}
)
SCALES = {("taps", "cents"): 100}


def features(width: str | None = "20us", *, with_self: bool = False) -> list[WindowFeature]:
    """Every aggregate; those that cannot look at the whole past only where there is a width."""
    windows = TAPS.by("card").over(*([width] if width else []), including_self=with_self, closed="right")
    found = [*windows.count(), *windows.time_since_last(), *windows.count().ratio_to("40us")]
    for column in ("cents", "n"):
        for name in ("sum", "mean", "variance", "std_population", "min", "max", "first", "last"):
            found += getattr(windows, name)(column)
        found += windows.last_n(column, 3)
        if width:
            found += [*windows.distinct_count(column, exact_up_to=5), *windows.quantile(column, 0.4)]
    if width:
        found += windows.distinct_count("who", exact_up_to=2)
    return found


def plan(*widths: str | None, with_self: bool = False) -> Plan:
    """The plan of all features over these widths."""
    return compile_plan([each for width in widths for each in features(width, with_self=with_self)], SCALES)


def log(made: Plan, n: int, seed: int, late: float = 0.0) -> tuple[dict[str, Events], Questions]:
    """`n` events, each asking a question; `late` is the share of those whose time lies back."""
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.integers(0, 4, n))
    asked = time.copy()
    time = time - np.where(rng.random(n) < late, rng.integers(1, 30, n), 0)
    entity = rng.integers(-1, 3, n)
    hashes = np.array([1, -2, 3, 2**60], np.int64)
    columns = {
        "cents": Values(rng.integers(-(10**6), 10**6, n)),
        "n": Values(rng.integers(0, 9, n), rng.random(n) < 0.7),
        "hash:who": Values(hashes[rng.integers(0, 4, n)], rng.random(n) < 0.9),
    }
    position = np.arange(n) * 2
    events = {"taps": Events(time, position, {("card",): entity}, columns)}
    when = asked if late == 0.0 else time
    return events, Questions(when, position, [entity for _ in made.series], np.arange(n))


def part(log: tuple[dict[str, Events], Questions], first: int, last: int) -> tuple[dict[str, Events], Questions]:
    """The rows [first, last) of a log."""
    cut, (events, questions) = slice(first, last), log
    each = events["taps"]
    columns = {k: Values(v.values[cut], None if v.valid is None else v.valid[cut]) for k, v in each.columns.items()}
    entities = {k: v[cut] for k, v in each.entities.items()}
    asked = [entity[cut] for entity in questions.entities]
    own = np.arange(each.time[cut].size)
    return (
        {"taps": Events(each.time[cut], each.position[cut], entities, columns)},
        Questions(questions.time[cut], questions.position[cut], asked, own),
    )


def cuts(n: int, rng: random.Random) -> list[int]:
    """Where micro-batches begin: of 1, few or many rows."""
    at = [0]
    while at[-1] < n:
        at.append(min(n, at[-1] + rng.choice([1, 1, 2, 7, 50])))
    return at


def bits(answer: Answer) -> tuple[Int64, Mask]:
    """What must be equal: the bits of the values that are there, and which are."""
    valid = np.ones(answer.values.size, np.bool_) if answer.valid is None else answer.valid
    return np.where(valid, answer.values.view(np.int64), 0), valid


def differing(left: list[Answer], right: list[Answer], where: Mask | None = None) -> int:
    """How many answers differ, of the questions in `where`."""
    total = 0
    for a, b in zip(left, right, strict=True):
        assert a.values.dtype == b.values.dtype
        (values, valid), (others, there) = bits(a), bits(b)
        wrong = (values != others) | (valid != there)
        total += int(wrong.sum() if where is None else wrong[where].sum())
    return total
