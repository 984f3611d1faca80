"""What the replay measured about refits, and what weekly ones gain over any rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dayshift.adviser.grids import Grids, Ways, compare, every, fresh, stack
from dayshift.adviser.interval import Floats
from dayshift.adviser.verdict import few_positives, fewest_weeks

YEAR_WEEKS = 365 / 7


@dataclass(frozen=True)
class CadenceInputs:
    """What the replay measured. Each tuple of grids is one track with several seeds.

    Args:
        starts: the weeks' beginnings, microseconds.
        delta: the smallest gain that matters, in the metric's units.
        floor: the metric of the best constant prediction.
        expanding: fits on all history.
        sliding: fits on a window of fixed length.
        operated: which of the two is how the pipeline trains; the other stands in when it was not measured.
        second: a second family, on the window that is operated.
        daily: gain of daily over weekly refits, positive when better, [weeks] or [seeds, weeks], NaN in weeks without spot.
        incremental: a learner that never refits but learns each label as it comes; age 0 is read.
        drift_alarm_weeks: numbers of the weeks at whose start a drift alarm would have refitted; None when not simulated.
        label_delay_weeks: how long after a week's end its labels are known.
        hand_weeks: how often a person retrains by hand.
        positives_per_week: of a classifier, None otherwise.
        reasons: what forbids any verdict.
    """

    starts: Sequence[int]
    delta: float
    floor: float
    expanding: Grids = ()
    sliding: Grids = ()
    operated: Literal["expanding", "sliding"] = "expanding"
    second: Grids = ()
    daily: npt.ArrayLike | None = None
    incremental: Grids = ()
    drift_alarm_weeks: Sequence[int] | None = None
    label_delay_weeks: float = 0.0
    hand_weeks: float = 4.0
    positives_per_week: npt.ArrayLike | None = None
    reasons: tuple[str, ...] = ()

    @property
    def grids(self) -> Grids:
        """The grids of how the pipeline trains."""
        ways = {"expanding": self.expanding, "sliding": self.sliding}
        return ways[self.operated] or self.expanding or self.sliding

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons that hold for every question here."""
        return (*self.reasons, *few_positives(self.positives_per_week))

    @property
    def evaluated(self) -> int:
        """How many weeks have a fresh model's metric."""
        return weeks_measured(fresh(stack(self.grids)))


def weekly_over(inputs: CadenceInputs, weeks: float, grids: Grids | None = None) -> Ways:
    """What weekly refits gain over a refit every so many weeks, in every metric."""
    grids = inputs.grids if grids is None else grids
    return compare(grids, grids, (fresh, every(weeks)), inputs.starts)


def longest_measurable(grids: Grids) -> int | None:
    """The longest cadence, in weeks, that leaves six weeks to judge it by, or half of a history shorter than that.

    None when not even every 2 weeks does. It depends on which cells were measured, never on what they say.
    """
    values = stack(grids)
    fewest = fewest_weeks(weeks_measured(fresh(values)))
    for weeks in range(values.shape[2], 1, -1):
        if weeks_measured(every(weeks)(values)) >= max(fewest, 2):
            return weeks
    return None


def weeks_measured(values: Floats) -> int:
    """In how many weeks any seed of [seed, week] was measured."""
    return int(np.isfinite(values).any(axis=0).sum()) if values.size else 0


__all__ = ["YEAR_WEEKS", "CadenceInputs", "longest_measurable", "weekly_over", "weeks_measured"]
