"""Replays with a known truth: grids of the metric by week and age, drawn from week, fit and cell effects."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from dayshift.adviser.interval import WEEK_US
from dayshift.adviser.tracks import Grid, Track

STARTS = WEEK_US * np.arange(200, dtype=np.int64)


@dataclass(frozen=True)
class World:
    """`fades(week, age)` is what the metric loses by age; the deviations are of the week (shared by all models), of a fit
    (shared by its weeks, another for each seed), and of a single cell. `persists` is the correlation of neighbouring
    weeks' effects on a fit's worth."""

    weeks: int = 16
    ages: int = 13
    seeds: int = 2
    level: float = 0.75
    fades: Callable[[np.ndarray, np.ndarray], np.ndarray] = field(default=lambda week, age: 0.0 * age)
    week_sd: float = 0.02
    fit_sd: float = 0.004
    cell_sd: float = 0.003
    metrics: tuple[str, ...] = ("roc_auc", "log_loss")


def starts(weeks: int) -> np.ndarray:
    return STARTS[:weeks]


def replay(world: World, number: int) -> list[Grid]:
    """A grid for each seed; `number` draws another history of the same world."""
    random = np.random.default_rng([20130101, number])
    week, age = np.indices((world.weeks, world.ages))
    shared = world.level + world.week_sd * random.standard_normal((world.weeks, 1)) - world.fades(week, age)
    grids = []
    for seed in range(world.seeds):
        luck = world.fit_sd * random.standard_normal(world.weeks)
        cells = shared + luck[np.maximum(week - age, 0)] + world.cell_sd * random.standard_normal(week.shape)
        grids.append(grid(np.where(age <= week, cells, np.nan), world.metrics, seed))
    return grids


def grid(cells: np.ndarray, metrics: tuple[str, ...] = ("roc_auc", "log_loss"), seed: int = 0) -> Grid:
    """A grid whose second metric is a loss that falls as the first rises."""
    weeks = cells.shape[0]
    return Grid(
        track=Track(situation=None, seed=seed),  # type: ignore[arg-type]
        metrics=metrics,
        value=np.stack([cells, 1.0 - cells][: len(metrics)]),
        pooled=cells - 0.01,
        fit_cpu_s=np.full(weeks, 0.2),
        rows=np.full(weeks, 10_000),
        positives=np.full(weeks, 200.0),
    )


def turned(grids: list[Grid]) -> list[Grid]:
    """The same replays judged first by a loss."""
    return [replace(one, metrics=one.metrics[::-1], value=one.value[::-1], pooled=0.99 - one.pooled) for one in grids]
