"""Which alarm rule to use: the one that keeps the budget and finds most faults; a second beside it if both together keep it.

False alarms are those on held-out calm days. Rules are added one after another, at most three in all, each the one that finds most of
what the ones before did not, as long as all together still keep the budget; faults weigh the same whatever they cost.
They are rules of a nightly report: the one that looks every hour and the one on accuracy stand beside them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dayshift.adviser.detectors import rate_interval
from dayshift.adviser.evidence import Detector, Fault
from dayshift.adviser.faults import WEEK, FaultOutcome
from dayshift.adviser.rules import CUSUM, LIVE
from dayshift.adviser.watch import Bools, Floats, Watch

FEWEST_CALM = 20
MOST_RULES, WORTH_ADDING = 3, 0.05
AGE = "age of the newest event behind the features"


def alarmed(outcome: FaultOutcome, names: Sequence[str]) -> Bools:
    """On which days of which fault week any of these rules alarms: bool[start, 7]."""
    none = np.zeros((len(outcome.loss), WEEK), np.bool_)
    return np.asarray(np.any([none, *(outcome.found[name] for name in names if name in outcome.found)], axis=0))


def choose(
    watch: Watch, outcomes: Sequence[FaultOutcome], by_labels: Sequence[Floats]
) -> tuple[tuple[Detector, ...], tuple[str, ...]]:
    """Every rule with its false alarms and what it found, and the names of those to use together (none: nothing keeps the
    budget and finds a fault). Where several are to be used, they stand as one more detector."""
    made = [_detector(watch, outcomes, by_labels, (name,)) for name in watch.alarms]
    fit = [one for one in made if one.within_budget and one.name not in (CUSUM, LIVE)]
    if not fit or (outcomes and not max(one.found_week or 0 for one in fit)):
        return tuple(made), ()
    best = max(fit, key=_merit)
    names: tuple[str, ...] = (best.name,)
    rest = [one.name for one in fit if one is not best]
    while len(names) < MOST_RULES and rest:
        tried = [_detector(watch, outcomes, by_labels, (*names, name)) for name in rest]
        fit = [one for one in tried if one.within_budget]
        if not fit or ((more := max(fit, key=_merit)).found_week or 0) < (best.found_week or 0) + WORTH_ADDING:
            break
        best, names = more, (*names, rest.pop(tried.index(more)))
    if len(names) > 1:
        made.append(best)
    chosen = [replace(one, chosen=one.name == best.name) for one in made]
    return tuple(chosen), names


def _merit(one: Detector) -> tuple[float, float, float, str]:
    return one.found_week or 0.0, one.found_day or 0.0, -one.false_per_30d, one.name


def _detector(
    watch: Watch, outcomes: Sequence[FaultOutcome], by_labels: Sequence[Floats], names: tuple[str, ...]
) -> Detector:
    counted = np.all([watch.counted(name) for name in names], axis=0)
    windows = int(counted.sum())
    per, low, high = rate_interval(int((watch.together(names) & counted).sum()), windows)
    if names == (CUSUM,):
        day = [float(np.mean(late <= 1)) for late in by_labels]
        week = [float(np.mean(late <= WEEK)) for late in by_labels]
    elif names == (LIVE,):
        day = [float(np.mean(one.live <= 1)) for one in outcomes]
        week = [float(np.mean(one.live <= WEEK)) for one in outcomes]
    else:
        found = [alarmed(one, names) for one in outcomes]
        day, week = [float(one[:, 0].mean()) for one in found], [float(one.any(axis=1).mean()) for one in found]
    watches = ", ".join(dict.fromkeys(watch.alarms[name][0] for name in names))
    keeps = windows >= FEWEST_CALM and per <= watch.budget
    return Detector(
        " + ".join(names),
        watches,
        per,
        low,
        high,
        float(np.mean(day)) if day else None,
        float(np.mean(week)) if week else None,
        keeps,
    )


def checks(
    chosen: Sequence[str], outcomes: Sequence[FaultOutcome], faults: Sequence[Fault], delta: float
) -> tuple[str, ...]:
    """The rules to use, and the age of events when a frozen snapshot costs what matters and they do not find it."""
    found = list(chosen)
    for outcome, fault in zip(outcomes, faults, strict=True):
        unseen = alarmed(outcome, chosen).any(axis=1).mean() < 0.5
        if "frozen" in outcome.name and fault.low > 0 and fault.loss >= delta and unseen:
            found.append(AGE)
    return tuple(found)
