"""Counts by cell, by bin and by hour are of the values that stand there."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.adviser.scores import KINDS, column_of, distances, references, sliding


@given(st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=1, max_size=60))
def test_every_value_is_counted_once(values: list[float | None]) -> None:
    """Whatever the values and the grid's own, cells and bins add up to the rows, nulls in the last of each."""
    column = column_of("x", np.random.default_rng(0).normal(size=300), np.ones(300, bool))
    given_values = np.array([np.nan if one is None else one for one in values])
    counts = column.counts(given_values, np.zeros(len(values), np.int64), 1)
    assert counts.sum() == column.binned(counts).sum() == len(values)
    assert counts[0, -1] == column.binned(counts)[0, -1] == sum(one is None for one in values)


def test_text_that_was_never_seen_has_its_own_bin() -> None:
    """Known values of a text stand apart from unknown ones and from nulls."""
    column = column_of("x", pl.Series(["a", "b", "a", None]), np.ones(4, bool))
    counts = column.counts(column.numbers(pl.Series(["a", "b", "new", None])), np.arange(4), 4)
    assert len({tuple(row) for row in column.binned(counts)}) == 4


def test_a_reference_is_the_four_weeks_before_the_latest_three_days() -> None:
    """Day d is compared with days d - 30 to d - 3; with fewer than 14 of them with none."""
    counts = np.arange(50.0)[:, None] ** 2
    reference = references(counts)
    assert reference[40, 0] == sum(day**2 for day in range(10, 38))
    assert reference[15, 0] == 0
    assert reference[16, 0] == sum(day**2 for day in range(14))


def test_the_last_look_of_a_day_sees_the_day() -> None:
    """At the end of hour h the last 24 hours are this day to h and yesterday after h; at midnight the whole day."""
    hours = np.random.default_rng(1).integers(0, 9, (5, 24, 3)).astype(float)
    looks = sliding(hours)
    assert np.array_equal(looks[:, 23], hours.sum(axis=1))
    assert np.array_equal(looks[3, 6], hours[3, :7].sum(axis=0) + hours[2, 7:].sum(axis=0))


def test_a_thousandfold_value_is_far_and_out_of_range() -> None:
    """A number in another unit moves PSI, the Wasserstein distance in proportion, and stands out of range."""
    draw = np.random.default_rng(2)
    column = column_of("x", draw.normal(10, 1, 3000), np.ones(3000, bool))
    then = column.counts(draw.normal(10, 1, 3000), np.zeros(3000, np.int64), 1)
    near, far = (column.counts(draw.normal(10, 1, 500) * unit, np.zeros(500, np.int64), 1) for unit in (1, 100))
    calm, moved = distances(column, then, near)[:, 0], distances(column, then, far)[:, 0]
    psi, wasserstein, outside = (KINDS.index(kind) for kind in ("psi", "wasserstein", "outside"))
    assert calm[psi] < 0.1
    assert moved[psi] > 5
    assert calm[wasserstein] < 0.2
    assert moved[wasserstein] > 500
    assert calm[outside] < 0.02
    assert moved[outside] > 0.9
