"""What the replay is asked and what it answers, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dayshift.adviser.cache import Cache
    from dayshift.adviser.effort import Effort
    from dayshift.adviser.history import Situation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DECLARED, SECOND = "declared", "second"
TRAIN_ROWS, FEWEST_TRAIN_ROWS, OTHERS_A_DAY = 30_000, 5_000, 1_250


@dataclass(frozen=True)
class Track:
    """One way to operate the model: how fresh features and labels are, which family, which training window, which seed.

    `family` is "declared" (the user's estimator) or "second"; `window_us` the sliding training window, None expanding.
    """

    situation: "Situation"
    family: str = DECLARED
    window_us: int | None = None
    seed: int = 0


def followed(ages: int) -> tuple[int, ...]:
    """The ages in weeks at which a model is judged: each up to a quarter of a year, then every third or fourth.

    What lies between two of them is read from them: a model does not age in jumps of a week after a quarter.

    >>> followed(3), followed(25)[-4:]
    ((0, 1, 2), (13, 16, 20, 24))
    """
    return tuple(age for age in (*range(14), *range(16, max(ages, 16), 4)) if age < ages)


def times_rows(track: Track) -> int:
    """How many times the usual rows a fit of this track learns from: all history must be seen as more than a window of it.

    >>> times_rows(Track(None)), times_rows(Track(None, window_us=1))
    (3, 1)
    """
    return 3 if track.window_us is None else 1


@dataclass(frozen=True)
class Grid:
    """What a track is worth, week by week and by the model's age.

    `metrics` are names, the user's first. `value[m, w, j]` is the mean of the daily metric in week `w` of the model that was
    fitted at the start of week `w - j`, in the metric's own direction; NaN where not measured. `pooled[w, j]` is the user's
    metric on the whole week at once. `fit_cpu_s[w]`, `rows[w]` of the fit at the start of week `w` (NaN and 0 where none);
    `positives[w]` are the positives that judge in week `w` (of a regressor: all rows), each as many as it stands for. `failed` gives the weeks whose fit
    failed, with the reason.
    """

    track: Track
    metrics: tuple[str, ...]
    value: Floats
    pooled: Floats
    fit_cpu_s: Floats
    rows: Ints
    positives: Floats
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """A fit is done. `done` of `total` in this run, `fits` of `of` for the track. `gain`: this track over the first one of
    the same seed, models of age 0 (None for the first); `lost`: by models of age 1 and more against age 0. Both are means
    so far, positive when better, None before there is any."""

    track: Track
    fits: int
    of: int
    done: int
    total: int
    gain: float | None
    lost: float | None
    seconds: float
    cached: bool = False


@dataclass(frozen=True)
class ReplayOptions:
    """How much is computed and where.

    Args:
        workers: processes of one thread each; 0 computes in this process.
        seconds: what one `run` may take, as `effort.py` counts; None without limit. What does not fit is left out in the
            order of `plan.py`.
        train_rows: the most rows that a fit on a window learns from; a fit on all history takes three times as many.
        others_a_day: how many rows of the commoner class (of a regressor: rows) judge each day; all of the rarer do.
        cache: where results are kept.
        told: called after each fit, from the process and thread that called `run`.
        stop: asked between fits; True ends the run, which gives what it has.
        effort: the clock of the limits, when it began before; None begins one.
    """

    workers: int = 2
    seconds: float | None = None
    train_rows: int = TRAIN_ROWS
    others_a_day: int = OTHERS_A_DAY
    cache: "Cache | None" = None
    told: Callable[[Progress], None] | None = None
    stop: Callable[[], bool] | None = None
    effort: "Effort | None" = None
