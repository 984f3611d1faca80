"""What a run computes when it cannot compute all that is asked: decided before it begins, from what the first fit took.

Coarse first: every way of operating gets some weeks before any gets all, first seeds and the user's own family before the
others. When time is short, fits learn from fewer rows first (never fewer than 5,000) and models are followed to a lower age,
in turn (`STEPS`); then further seeds are left out, and at last the time itself ends the run. What was cut stands in `Plan.says`.
Only a replay's first run may cut rows: the fits of a later one are compared with its fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dayshift.adviser.tracks import DECLARED, FEWEST_TRAIN_ROWS, Track, followed, times_rows

FIRST = 4
"""The models of so many first weeks are followed as far as was asked, whatever is cut: they stand for never retraining."""
_OLD, _YOUNG = 1_000, 4
STEPS = (
    *((20_000, _OLD), (15_000, _OLD), (10_000, _OLD), (10_000, 25), (10_000, 14)),
    *((7_000, 14), (FEWEST_TRAIN_ROWS, 14), (FEWEST_TRAIN_ROWS, 9), (FEWEST_TRAIN_ROWS, _YOUNG)),
)
"""(most training rows, most weeks a model is followed), cut in this order."""
SPARE = 0.75
"""The share of the time that is planned; the rest is for starting, features and what was estimated too low."""
_FIXED = 0.15
"""The share of a fit's time at full rows that does not shrink with them (bins, trees' bookkeeping); an estimate."""


@dataclass(frozen=True)
class Plan:
    """`ages[n]` of track `n` (0: left out), the most training rows, and what was cut in words."""

    ages: tuple[int, ...]
    train_rows: int
    says: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a fit on `rows` and of judging one week."""

    fit_s: float
    judge_s: float
    rows: int

    def of(self, plan: Plan, weeks: int, tracks: Sequence[Track]) -> float:
        """CPU seconds of a whole plan."""
        share = min(plan.train_rows / max(self.rows, 1), 1)
        return sum(
            weeks * (_FIXED + (1 - _FIXED) * share * times_rows(track)) * self.fit_s
            + self.judge_s * sum(len(followed(min(ages, weeks - week))) for week in range(weeks))
            for track, ages in zip(tracks, plan.ages, strict=True)
            if ages
        )


def planned(tracks: Sequence[Track], asked: Plan, cost: Cost, weeks: int, budget: tuple[float, bool]) -> Plan:
    """What fits into a budget: seconds of one process, and whether the rows that fits learn from must stay.

    >>> from types import SimpleNamespace
    >>> tracks = [Track(SimpleNamespace(), seed=seed) for seed in (0, 1)]
    >>> asked = Plan((8, 8), 30_000)
    >>> planned(tracks, asked, Cost(1.0, 0.0, 30_000), 10, (100, False)).train_rows
    30000
    >>> planned(tracks, asked, Cost(1.0, 0.0, 30_000), 10, (5, False)).says
    ('fits learn from 5,000 rows in place of 30,000', 'models are followed to the age of 4 weeks', '1 of 2 tracks left out: further seeds')
    """
    budget_s, rows_stay = budget
    if cost.of(asked, weeks, tracks) <= budget_s * SPARE:
        return asked
    usual, plan = min(asked.train_rows, cost.rows), asked
    for rows, ages in STEPS:
        rows = asked.train_rows if rows_stay else min(rows, asked.train_rows)
        plan = _cut(asked, rows, ages, usual)
        if cost.of(plan, weeks, tracks) <= budget_s * SPARE:
            return plan
    first = min(track.seed for track in tracks)
    kept = tuple(age if track.seed == first else 0 for age, track in zip(plan.ages, tracks, strict=True))
    if kept != plan.ages:
        left = sum(not age for age in kept)
        plan = replace(plan, ages=kept, says=(*plan.says, f"{left} of {len(kept)} tracks left out: further seeds"))
    return plan


def _cut(asked: Plan, rows: int, ages: int, usual: int) -> Plan:
    says = [f"fits learn from {rows:,} rows in place of {usual:,}"] if rows < usual else []
    if ages < max(asked.ages, default=0):
        says.append(f"models are followed to the age of {ages} weeks")
    return Plan(tuple(min(age, ages) for age in asked.ages), rows, tuple(says))


def in_order(tracks: Sequence[Track], ages: Sequence[int], weeks: int) -> list[tuple[int, int]]:
    """(track, week) of every fit, coarse first: rounds of first seed, second family, further seeds; within a round the tracks in turn.

    A track that is judged at age 0 only takes its weeks spread over the history; one whose ageing is followed takes
    the first weeks and every fourth one first, then every second, then all: ages between two measured ones can be read from them.

    >>> tracks = [Track(None), Track(None, window_us=7)]
    >>> in_order(tracks, [1, 2], 4)
    [(0, 0), (1, 0), (0, 2), (1, 1), (0, 1), (1, 2), (0, 3), (1, 3)]
    """
    seeds = sorted({track.seed for track in tracks})
    rounds: dict[tuple[int, bool], list[int]] = {}
    for number, track in enumerate(tracks):
        if ages[number]:
            rounds.setdefault((seeds.index(track.seed), track.family != DECLARED), []).append(number)
    spread, strides = _spread(weeks), _strides(weeks)
    return [
        (number, (spread if ages[number] == 1 else strides)[turn])
        for key in sorted(rounds)
        for turn in range(weeks)
        for number in rounds[key]
    ]


def _strides(count: int) -> list[int]:
    """The first weeks, then every fourth one, every second, all."""
    return list(dict.fromkeys([*range(min(FIRST, count)), *range(0, count, 4), *range(2, count, 4), *range(count)]))


def _spread(count: int) -> list[int]:
    """0, 1, ... in an order of which every beginning is spread: bits reversed (van der Corput)."""
    bits = max(count - 1, 1).bit_length()
    reversed_bits = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [number for number in reversed_bits if number < count]
