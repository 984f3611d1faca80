"""Three verdicts, and what forces the middle one.

With the smallest gain that matters, delta: needed when the interval's lower end reaches it, not needed when the upper end
stays below it, else undecided, with the weeks that would settle it. The interval's ends are the flip values: they need no
delta, so whoever disagrees with ours can read off their own verdict.

The evidence may also be no evidence, whatever the interval says: too few weeks, too few positives, luck larger than what
is asked for, two families of models that say different things. Then the verdict is undecided and the reasons say why.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Finding, Gain

FEWEST_WEEKS = 6
RECOMMENDED_WEEKS = 12
FEWEST_POSITIVES = 50
TOO_SHORT = "not enough history"
UNSKILLED = (
    "the model is not shown to beat the best constant prediction, so no share of its skill says which gain matters: "
    "declare [advise] smallest_gain"
)
_TEN_YEARS = 520


class Beside(TypedDict, total=False):
    """The same question measured in other ways, see `Finding`; and how many weeks were evaluated, when the question itself
    uses up some of them (models of three weeks ago exist from the fourth week on)."""

    evaluated: int | None
    second: Gain | None
    pooled: Gain | None
    others: Mapping[str, Gain] | None


def finding(
    name: str, title: str, gain: Gain | None, delta: float, *, reasons: Sequence[str] = (), **beside: Unpack[Beside]
) -> Finding:
    """The answer to one question: the verdict of the interval, unless `reasons` or a gate forbid one.

    Gates are added here: fewer than six weeks, luck of the seeds above delta, families that disagree. `second`, `pooled`
    and `others` are the gain from a second family, on whole weeks, and in the other metrics. `evaluated` is how many weeks
    the replay judged, when the gain stands on fewer.

    >>> weekly = tuple([0.02] * 8)
    >>> finding("x", "one over another", Gain(0.02, 0.015, 0.025, weekly, tuple(range(8))), 0.01).verdict
    'needed'
    """
    second = beside.get("second")
    evaluated = beside.get("evaluated")
    weeks = evaluated if evaluated is not None else gain.weeks if gain is not None else 0
    short = any(reason.startswith(TOO_SHORT) for reason in reasons)  # which says more than the gate of the weeks
    why = tuple(dict.fromkeys((*reasons, *(() if short else _weeks_gate(gain, weeks)), *_gates(gain, delta, second))))
    verdict = UNDECIDED if why or gain is None else judge(gain, delta)
    return Finding(
        name=name,
        title=title,
        gain=gain,
        delta=delta,
        verdict=verdict,
        reasons=why,
        weeks_needed=None if verdict != UNDECIDED else _weeks(gain, delta, weeks),
        second=second,
        pooled=beside.get("pooled"),
        others=dict(beside.get("others") or {}),
    )


def judge(gain: Gain, delta: float) -> str:
    """What the interval alone says.

    >>> [judge(Gain(0.0, low, high, (), ()), 1.0) for low, high in ((1.0, 2.0), (0.0, 0.9), (0.0, 1.0))]
    ['needed', 'not needed', 'undecided']
    """
    if gain.low >= delta:
        return NEEDED
    return NOT_NEEDED if gain.high < delta else UNDECIDED


def weeks_needed(gain: Gain, delta: float) -> int | None:
    """In how many weeks, all in all, the interval would leave delta outside if the mean stayed: n (half / |mean - delta|)^2.

    None when it already does, and when mean and delta are so close that ten years would not do.

    >>> weeks_needed(Gain(0.03, 0.0, 0.06, (0.03,) * 8, tuple(range(8))), 0.01)
    18
    """
    if judge(gain, delta) != UNDECIDED:
        return None
    apart = abs(gain.mean - delta)
    if apart == 0 or (needed := gain.weeks * (gain.half / apart) ** 2) > _TEN_YEARS:
        return None
    return max(gain.weeks + 1, math.ceil(needed - 1e-9))


def few_positives(positives_per_week: npt.ArrayLike | None, fewest: int = FEWEST_POSITIVES) -> tuple[str, ...]:
    """The reason, if the usual week has too few positives to judge by; none for a regressor (None).

    >>> few_positives([30, 80, 20])
    ('fewer than 50 positives in the usual week (30)',)
    """
    if positives_per_week is None:
        return ()
    counted = np.asarray(positives_per_week, np.float64).ravel()
    counted = counted[np.isfinite(counted)]
    if not len(counted) or (usual := float(np.median(counted))) >= fewest:
        return ()
    return (f"fewer than {fewest} positives in the usual week ({usual:.0f})",)


def contradictions(findings: Iterable[Finding | None]) -> tuple[str, ...]:
    """A sentence for each finding where one way to measure shows a gain and another shows a loss.

    Shown means that the interval leaves zero out. The pipeline's own metric decides; the others are only said.

    >>> up, down = Gain(0.02, 0.01, 0.03, (), ()), Gain(-0.2, -0.3, -0.1, (), ())
    >>> contradictions([Finding("x", "One over another", up, 0.01, "needed", others={"log_loss": down})])[0]
    "One over another: better by the pipeline's metric (+0.02 [+0.01, +0.03]), worse by log_loss (-0.2 [-0.3, -0.1])"
    """
    return tuple(said for found in findings if found is not None and (said := _contradiction(found)))


def shown(gain: Gain) -> str:
    """A gain as people read it: the mean and its interval, signed.

    >>> shown(Gain(0.0123, 0.004, 0.02, (), ()))
    '+0.0123 [+0.004, +0.02]'
    """
    return f"{gain.mean:+.3g} [{gain.low:+.3g}, {gain.high:+.3g}]"


def _contradiction(found: Finding) -> str | None:
    ways = {"the pipeline's metric": found.gain, "the same metric on whole weeks": found.pooled, **found.others}
    better = [f"{way} ({shown(one)})" for way, one in ways.items() if one is not None and one.low > 0]
    worse = [f"{way} ({shown(one)})" for way, one in ways.items() if one is not None and one.high < 0]
    if better and worse:
        return f"{found.title}: better by {', '.join(better)}, worse by {', '.join(worse)}"
    if found.gain is None or found.pooled is None:
        return None
    days, whole = judge(found.gain, found.delta), judge(found.pooled, found.delta)
    if {days, whole} != {NEEDED, NOT_NEEDED}:
        return None
    return (
        f"{found.title}: {days} by the mean of days ({shown(found.gain)}), "
        f"{whole} by the same metric on whole weeks ({shown(found.pooled)})"
    )


def fewest_weeks(evaluated: int) -> int:
    """How many of the evaluated weeks must be left to judge a question that uses some up: six, or half of a short history.

    >>> fewest_weeks(6), fewest_weeks(9), fewest_weeks(30)
    (3, 5, 6)
    """
    return min(FEWEST_WEEKS, -(-evaluated // 2))


def _weeks_gate(gain: Gain | None, weeks: int) -> list[str]:
    if gain is None:
        return ["not measured in two weeks or more"]
    if weeks < FEWEST_WEEKS:
        return [f"fewer than {FEWEST_WEEKS} evaluation weeks ({weeks}; {RECOMMENDED_WEEKS} are recommended)"]
    if gain.weeks < fewest_weeks(weeks):
        return [f"only {gain.weeks} of {weeks} evaluation weeks can answer it"]
    return []


def _gates(gain: Gain | None, delta: float, second: Gain | None) -> list[str]:
    if gain is None:
        return []
    found = []
    if gain.seed_sd is not None and gain.seed_sd > delta and _luck_decides(gain, delta):
        found.append(f"luck of the seeds ({gain.seed_sd:.2g}) is above the smallest gain that matters ({delta:.2g})")
    if second is not None and _disagree(gain, second, delta):
        found.append(f"depends on the model: {shown(gain)} as declared, {shown(second)} with a second family")
    return found


def _luck_decides(gain: Gain, delta: float) -> bool:
    """Whether an interval moved by one seed's deviation towards delta would not say the same."""
    luck = gain.seed_sd or 0.0
    return gain.low - luck < delta and gain.high + luck >= delta


def _disagree(gain: Gain, second: Gain, delta: float) -> bool:
    own, other = judge(gain, delta), judge(second, delta)
    if {own, other} == {NEEDED, NOT_NEEDED}:
        return True
    if (gain.low > 0 and second.high < 0) or (gain.high < 0 and second.low > 0):
        return True
    return own == NEEDED and second.mean <= 0


def _weeks(gain: Gain | None, delta: float, weeks: int) -> int | None:
    """In evaluated weeks, those included that the question uses up."""
    if gain is None:
        return FEWEST_WEEKS
    used = weeks - gain.weeks
    needed = weeks_needed(gain, delta)
    if needed is not None:
        return max(needed + used, FEWEST_WEEKS)
    if weeks < FEWEST_WEEKS:
        return FEWEST_WEEKS
    return FEWEST_WEEKS + used if gain.weeks < fewest_weeks(weeks) else None


__all__ = [
    "FEWEST_POSITIVES",
    "FEWEST_WEEKS",
    "RECOMMENDED_WEEKS",
    "UNSKILLED",
    "Beside",
    "contradictions",
    "few_positives",
    "fewest_weeks",
    "finding",
    "judge",
    "shown",
    "weeks_needed",
]
