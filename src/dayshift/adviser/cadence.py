"""How often a model must be retrained: every calendar from never to daily, two alarms and incremental learning.

The replay fits a model at the start of each week and lets it answer for many weeks, so each cadence is an average over all
weeks in which it could begin (staggered origins), and one lucky fit decides nothing. Weekly refits are the reference.
"Never" are the models of the first weeks, followed as far as the replay did; one first model by itself is only a picture.

What decides is one question that was put before: weekly refits against what a hand can keep up (28 days unless declared).
The ladder over the other cadences is a fixed sequence. An alarm is also compared with a calendar of as many fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dayshift.adviser import say
from dayshift.adviser.ageing import ageing
from dayshift.adviser.evidence import NOT_NEEDED, UNDECIDED, Cadence, CadencePoint, Finding, Gain
from dayshift.adviser.grids import Grids, Ways, compare, first_models, fresh, refits, sign_of, stack
from dayshift.adviser.interval import gain
from dayshift.adviser.ladder import RUNGS, Bracket, fixed_sequence
from dayshift.adviser.points import cadence_points
from dayshift.adviser.refitting import CadenceInputs, longest_measurable, weekly_over
from dayshift.adviser.verdict import FEWEST_WEEKS, RECOMMENDED_WEEKS, fewest_weeks, finding

FIRST_MODELS = 4
"""How many first models stand for "never retrained"."""
LAZY_WEEKS = 8
"""A cadence that suffices at this laziness or beyond is as good as never, for as long as the history can tell."""


def cadence(inputs: CadenceInputs) -> Cadence:
    """Every cadence with its gain and its cost, the answer about a hand, the ladder, the knee, and how a model ages."""
    longest = longest_measurable(inputs.grids)
    ladder = sorted({*RUNGS, *([longest] if longest and longest < max(RUNGS) else [])})
    losses = {weeks: weekly_over(inputs, weeks).gain for weeks in ladder}
    judged = {} if inputs.why or inputs.evaluated < FEWEST_WEEKS else losses
    found = fixed_sequence(judged, inputs.delta, fewest_weeks(inputs.evaluated))
    first = _first_models(inputs)
    points = cadence_points(inputs, losses, None if first is None else first.gain)
    return Cadence(
        points=points,
        finding=by_hand(inputs, longest),
        suffices=found.suffices,
        too_lazy=found.too_lazy,
        hand_weeks=inputs.hand_weeks,
        knee=_knee(points, found),
        against_never=None if first is None else _never(inputs, found, first, longest),
        more_data=_more_data(inputs),
        decay=_decay(inputs),
        ageing=ageing(inputs.sliding or inputs.grids, inputs.floor, inputs.starts),
        single_start=_single_start(inputs),
        notes=_notes(inputs, longest, losses),
        reasons=inputs.why,
    )


def by_hand(inputs: CadenceInputs, longest: int | None) -> Finding:
    """Whether weekly refits gain what matters over the refits that a hand keeps up.

    A hand as quick as weekly is compared with daily refits. A hand slower than what can be measured is judged by the
    longest that can: it may be shown too lazy by that, but not shown to suffice.
    """
    hand = inputs.hand_weeks
    if hand <= 1:
        title = f"daily refits over weekly ones (by hand {say.every(hand)})"
        spot = None if inputs.daily is None else gain(inputs.daily, inputs.starts)
        return finding("retraining", title, spot, inputs.delta, reasons=inputs.why)
    if longest is None or hand <= longest:
        return _over(inputs, "retraining", f"weekly refits over {say.every(hand)} by hand", hand)
    title = f"weekly refits over every {longest} weeks (by hand: {say.every(hand)})"
    found = _over(inputs, "retraining", title, longest)
    if found.verdict != NOT_NEEDED:
        return found
    why = f"the history is too short to measure {say.every(hand)}; every {longest} weeks suffices"
    return replace(found, verdict=UNDECIDED, reasons=(*found.reasons, why))


def _first_models(inputs: CadenceInputs) -> Finding | None:
    """Weekly refits over the models of the first weeks, followed as far as they were: more data and ageing together."""
    values = stack(inputs.grids)
    first = FIRST_MODELS if values.shape[1] >= FIRST_MODELS + FEWEST_WEEKS else 1
    ways = compare(inputs.grids, inputs.grids, (fresh, first_models(first)), inputs.starts, trending=True)
    if ways.gain is None:
        return None
    title = f"weekly refits over never (the models of the first {first} weeks, for {ways.gain.weeks} weeks)"
    return _finding(inputs, "retraining.never", title, ways)


def _never(inputs: CadenceInputs, found: Bracket, first: Finding, longest: int | None) -> Finding:
    """The first models' answer; where that is open, the laziest cadence that is shown to suffice speaks in their place.

    It is an average over all weeks in which it could begin, but says nothing about models older than itself. So it is not
    asked where the first models, or the longest cadence that can be measured, lost what matters: a slow fading costs
    little in a quarter and much in a year.
    """
    lazy = found.suffices
    if first.verdict != UNDECIDED or lazy is None or lazy < LAZY_WEEKS:
        return first
    older = (first.gain, weekly_over(inputs, longest).gain if longest else None)
    if any(one is not None and one.mean >= inputs.delta for one in older):
        return first
    spoken = _over(inputs, "retraining.never", f"weekly refits over {say.every(lazy)}", lazy)
    return spoken if spoken.verdict == NOT_NEEDED else first


def _over(inputs: CadenceInputs, name: str, title: str, weeks: float, grids: Grids | None = None) -> Finding:
    ways = weekly_over(inputs, weeks, grids)
    second = weekly_over(inputs, weeks, inputs.second).gain if inputs.second and grids is None else None
    return _finding(inputs, name, title, ways, second)


def _finding(inputs: CadenceInputs, name: str, title: str, ways: Ways, second: Gain | None = None) -> Finding:
    return finding(
        name,
        title,
        ways.gain,
        inputs.delta,
        reasons=inputs.why,
        evaluated=inputs.evaluated,
        second=second,
        pooled=ways.pooled,
        others=ways.others,
    )


def _more_data(inputs: CadenceInputs) -> Finding | None:
    if not inputs.sliding or not inputs.expanding:
        return None
    ways = compare(inputs.expanding, inputs.sliding, (fresh, fresh), inputs.starts)
    title = "training on all history over a sliding window, both as fresh"
    return None if ways.gain is None else _finding(inputs, "retraining.more_data", title, ways)


def _decay(inputs: CadenceInputs) -> Finding | None:
    """Ageing alone: both models learnt from windows of the same length, so that age is all that differs."""
    longest = longest_measurable(inputs.sliding)
    if longest is None:
        return None
    title = f"fresh models over models up to {longest - 1} weeks old that saw as much"
    return _over(inputs, "retraining.decay", title, longest, inputs.sliding)


# ------------------------------------------------------------------ in words


def _knee(points: Sequence[CadencePoint], found: Bracket) -> str:
    """The cadence beyond which nothing is shown to be gained, as the table names it; empty when nothing is shown.

    It is the next more eager one after what is shown too lazy; when nothing is, the laziest that is shown to suffice.
    """
    judged = [one for one in points if one.weeks is not None and one.weeks >= 1]
    if found.too_lazy is None:
        return next((one.name for one in judged[::-1] if one.weeks == found.suffices), "")
    eager = [one for one in judged if one.weeks is not None and one.weeks < found.too_lazy]
    knee = max(eager, key=lambda one: one.weeks or 0.0)
    return "daily" if knee.weeks == 1 and knee.verdict == "too lazy" else knee.name


def _single_start(inputs: CadenceInputs) -> tuple[tuple[int, float], ...]:
    if not inputs.grids:
        return ()
    values = refits((0,))(stack(inputs.grids))
    sign = sign_of(inputs.grids[0].metrics[0])
    known = np.flatnonzero(np.isfinite(values).any(axis=0))
    return tuple((int(inputs.starts[week]), sign * float(np.nanmean(values[:, week]))) for week in known.tolist())


def _notes(inputs: CadenceInputs, longest: int | None, losses: Mapping[int, Gain | None]) -> tuple[str, ...]:
    measured = inputs.evaluated
    notes = []
    if FEWEST_WEEKS <= measured < RECOMMENDED_WEEKS:
        notes.append(f"{measured} evaluation weeks; {RECOMMENDED_WEEKS} are recommended")
    short = [weeks for weeks in RUNGS if (lost := losses.get(weeks)) is None or lost.weeks < fewest_weeks(measured)]
    if short and longest is not None:
        notes.append(f"too few weeks to judge {', '.join(say.every(weeks) for weeks in short)}")
    if longest is not None and (never := losses.get(longest)) is not None and never.high < 0:
        notes.append(
            f"weekly refits are shown worse than every {longest} weeks: new fits learn from too little or too noisy labels"
        )
    return tuple(notes)


__all__ = ["CadenceInputs", "by_hand", "cadence", "longest_measurable", "weekly_over"]
