"""Fresher features and faster labels, rung by rung: what each level gains over the ladder's foot.

Every rung answers the same questions with a model of the same age, trained and asked with the same freshness, so nothing
but the level differs. Gains are paired within the week.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from dayshift.adviser.evidence import FRESHNESS, Finding, Ladder, Rung
from dayshift.adviser.grids import Grids, Ways, compare, fresh, level, sign_of
from dayshift.adviser.interval import DAY_US
from dayshift.adviser.verdict import few_positives, finding
from dayshift.definition.duration import format_duration

HOUR_US = 3_600_000_000
FOOT = "midnight"
_AS_OF = {"none": "no windows", "midnight": "last midnight", "hour": "the last full hour", "event": "the event"}


@dataclass(frozen=True)
class LadderTerms:
    """What a ladder is judged by: the weeks' beginnings, the smallest gain that matters, and what may forbid a verdict.

    `second` holds the grids of a second family by the same levels. `resolution_us` is the coarsest unit that every event
    time is a multiple of, `asked_us` that of a calendar's questions (0 where events ask): a question on the full hour can
    have nothing fresher than the full hour, whatever the stamps.
    """

    starts: Sequence[int]
    delta: float
    reasons: tuple[str, ...] = ()
    positives_per_week: npt.ArrayLike | None = None
    resolution_us: int = 1
    second: Mapping[Any, Grids] = field(default_factory=dict)
    asked_us: int = 0

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons that hold for every rung."""
        return (*self.reasons, *few_positives(self.positives_per_week))


def freshness_ladder(grids: Mapping[str, Grids], terms: LadderTerms) -> Ladder:
    """Features as of nothing, last midnight, the last full hour, the event; the foot is last midnight, what a nightly run
    leaves to whoever must answer at once.

    `grids` holds, by level, a grid for each seed. Findings: `freshness.none`, `freshness.hour`, `freshness.event` over
    midnight; further ones `freshness.event_over_hour` and `freshness.midnight_over_none`. Stamps as coarse as an hour or
    a day cannot tell fresher levels apart: then the reasons say so and nothing is decided.
    """
    steps = _Steps({name: grids.get(name, ()) for name in FRESHNESS}, terms)
    rungs = [steps.foot(FOOT)] if grids.get(FOOT) else []
    for name in FRESHNESS:
        if name == FOOT or not grids.get(name) or not rungs:
            continue
        why = _too_coarse(DAY_US, terms) if name != "none" else ()
        rungs.append(steps.rung(name, FOOT, f"freshness.{name}", _fresher(name, FOOT), why))
    rungs.sort(key=lambda one: FRESHNESS.index(one.level))
    extra = [
        steps.over(high, low, f"freshness.{high}_over_{low}", _fresher(high, low), _too_coarse(unit, terms))
        for high, low, unit in (("event", "hour", HOUR_US), ("midnight", "none", 0))
        if grids.get(high) and grids.get(low)
    ]
    missing = () if len(rungs) > 1 else ("features at several ages were not replayed",)
    return Ladder("freshness", FOOT, tuple(rungs), tuple(extra), (*terms.why, *missing))


def label_ladder(grids: Mapping[int, Grids], declared_us: int, terms: LadderTerms) -> Ladder:
    """Labels that are known sooner: the declared delay is the foot, each shorter one a rung, the shortest last.

    `grids` holds, by the delay in microseconds, a grid for each seed. Findings are `label_delay.1d` and so on.
    """
    named = {delay: format_duration(delay) for delay in sorted(grids, reverse=True) if delay <= declared_us}
    steps = _Steps(
        {name: grids[delay] for delay, name in named.items()}, terms, dict(zip(named.values(), named, strict=True))
    )
    foot = format_duration(declared_us)
    if not grids.get(declared_us):
        return Ladder("label delay", foot, (), (), (*terms.why, "the declared delay was not replayed"))
    rungs = [steps.foot(foot)]
    for delay, name in named.items():
        if delay != declared_us and grids[delay]:
            title = f"labels after {name} instead of {foot}"
            rungs.append(steps.rung(name, foot, f"label_delay.{name}", title, ()))
    return Ladder("label delay", foot, tuple(rungs), (), terms.why)


@dataclass(frozen=True)
class _Steps:
    """The comparisons of one ladder. `keys` are the levels' names in the second family's table, when they differ."""

    grids: Mapping[str, Grids]
    terms: LadderTerms
    keys: Mapping[str, Any] = field(default_factory=dict)

    def foot(self, name: str) -> Rung:
        return Rung(name, level(self.grids[name]))

    def rung(self, name: str, foot: str, called: str, title: str, why: tuple[str, ...]) -> Rung:
        found = self.over(name, foot, called, title, why)
        gained = found.gain.mean if found.gain else math.nan
        value = level(self.grids[foot]) + sign_of(self.grids[foot][0].metrics[0]) * gained
        return Rung(name, value if np.isfinite(value) else level(self.grids[name]), found)

    def over(self, high: str, low: str, called: str, title: str, why: tuple[str, ...]) -> Finding:
        ways = self._compare(self.grids[high], self.grids[low])
        second = self.terms.second
        keys = [self.keys.get(name, name) for name in (high, low)]
        other = self._compare(*(second.get(key, ()) for key in keys))
        return finding(
            called,
            title,
            ways.gain,
            self.terms.delta,
            reasons=(*self.terms.why, *why),
            second=other.gain,
            pooled=ways.pooled,
            others=ways.others,
        )

    def _compare(self, high: Grids, low: Grids) -> Ways:
        return compare(high, low, (fresh, fresh), self.terms.starts)


def _fresher(high: str, low: str) -> str:
    return f"features as of {_AS_OF[high]} over {_AS_OF[low]}"


def _too_coarse(unit_us: int, terms: LadderTerms) -> tuple[str, ...]:
    if not unit_us or terms.resolution_us < unit_us or terms.asked_us >= unit_us:
        return ()
    return (f"event times are whole multiples of {format_duration(terms.resolution_us)}: too coarse for this question",)


__all__ = ["LadderTerms", "freshness_ladder", "label_ladder"]
