"""Many cadences, one promise: a fixed sequence, never the best of them.

Whoever tries five cadences and reports the best has found luck. A fixed sequence asks in an order that was written down
before, and stops at the first no; so each direction errs in at most as many cases as a single question would, and no
level has to be divided:

- suffices: every 2 weeks, every 4, every 8, ... as long as weekly refits are shown to gain less than delta over it;
- too lazy: from the laziest, as long as weekly refits are shown to gain delta or more over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dayshift.adviser.evidence import Gain
from dayshift.adviser.verdict import FEWEST_WEEKS

RUNGS = (2, 4, 8, 13)
"""The cadences that are asked for, in weeks. "Never", the longest that can be measured, comes after them."""


@dataclass(frozen=True)
class Bracket:
    """The laziest cadence shown to suffice, and the most eager one shown too lazy, in weeks; None where nothing is shown."""

    suffices: int | None
    too_lazy: int | None


def fixed_sequence(gains: Mapping[int, Gain | None], delta: float, fewest: int = FEWEST_WEEKS) -> Bracket:
    """Both directions over the gains of weekly refits over a refit every E weeks, by E.

    Cadences that the history is too short for (no gain, or fewer than `fewest` weeks) are no part of the sequence when they
    are the laziest; one in between ends it.

    >>> at = lambda low, high: Gain((low + high) / 2, low, high, (0.0,) * 6, tuple(range(6)))
    >>> fixed_sequence({2: at(0, 0.1), 4: at(0, 0.9), 8: at(0.5, 1.5), 13: at(1.0, 2.0)}, 1.0)
    Bracket(suffices=4, too_lazy=13)
    """
    order = sorted(gains)
    suffices = too_lazy = None
    for every in order:
        found = _usable(gains[every], fewest)
        if found is None or found.high >= delta:
            break
        suffices = every
    lazy_first = order[::-1]
    while lazy_first and _usable(gains[lazy_first[0]], fewest) is None:
        lazy_first.pop(0)
    for every in lazy_first:
        found = _usable(gains[every], fewest)
        if found is None or found.low < delta:
            break
        too_lazy = every
    return Bracket(suffices, too_lazy)


def _usable(found: Gain | None, fewest: int) -> Gain | None:
    return found if found is not None and found.weeks >= fewest else None


__all__ = ["RUNGS", "Bracket", "fixed_sequence"]
