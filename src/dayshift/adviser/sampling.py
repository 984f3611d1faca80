"""Which rows train and which judge.

A row is drawn by the hash of its question's number (its place in the log's order), so that a log that grows keeps its
draws. Training draws anew for every fit, by the fit's origin and seed too: two fits never share one lucky sample, and
fit luck stands in the interval of weekly differences (one sample for all fits hides it). Judging draws once for all
fits, so that ways are compared on the same rows. All rows of a classifier's rarer class are kept as far as they fit;
each row that is kept weighs as many as it stands for (inverse probability, Horvitz and Thompson 1952).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayshift.lifecycle.metrics import DAY_US

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_GOLDEN, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
RATIO = 10.0
"""How many times another row a training row may weigh."""


@dataclass(frozen=True)
class Drawn:
    """Rows by number, ascending as given, and how many each stands for."""

    rows: Ints
    weight: Floats


def mixed(numbers: Ints, salt: int) -> NDArray[np.uint64]:
    """A hash of each number: splitmix64's finaliser (Steele, Lea and Flood 2014).

    >>> bool((mixed(np.arange(3), 1) == mixed(np.arange(3), 1)).all()), bool((mixed(np.arange(3), 2) == mixed(np.arange(3), 1)).any())
    (True, False)
    """
    state = (numbers.astype(np.uint64) + np.uint64(salt % 2**64)) * _GOLDEN
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def salt_of(*parts: int) -> int:
    """One number of several: the order counts.

    >>> salt_of(1, 2) == salt_of(2, 1)
    False
    """
    salt = 0
    for part in parts:
        salt = int(mixed(np.array([part], np.int64), salt)[0])
    return salt


def rarer(label: Floats) -> float | None:
    """The rarer of a classifier's labels, 1.0 when both are as frequent; None without both. NaN counts as unknown."""
    known = label[~np.isnan(label)]
    positives = float(known.sum())
    if not 0 < positives < len(known):
        return None
    return 1.0 if 2 * positives <= len(known) else 0.0


def training_sample(candidates: Ints, label: Floats, rare: float | None, most: int, salt: int) -> Drawn:
    """At most `most` of the candidates: as many of the rarer class as stand `RATIO` to one beside the others.

    All of the rarer class at 2 % of the others broke a boosting's average precision (.635 in place of .708 with all rows), at
    10 % it did not (.715): so no row weighs more than `RATIO` times another. Where the classes are about as frequent,
    the label is not looked at, and no row weighs more than another. `label[n]` belongs to `candidates[n]`; `rare` None
    draws without regard to the label (a regressor).

    >>> drawn = training_sample(np.arange(6), np.array([0.0, 0, 0, 0, 0, 1]), 1.0, 4, salt=7)
    >>> len(drawn.rows), int(drawn.rows[-1]), float(drawn.weight.sum())
    (4, 5, 6.0)
    """
    if len(candidates) <= most:
        return Drawn(candidates, np.ones(len(candidates)))
    is_rare = np.zeros(len(candidates), bool) if rare is None else label == rare
    there = int(is_rare.sum())
    beside = (len(candidates) - there) / (RATIO * max(there, 1))
    if beside < 1:
        return _joined(candidates, np.zeros(len(candidates), bool), (0, most), salt)
    few = min(there, most // 2, max(int(most / (1 + beside)), 1))
    return _joined(candidates, is_rare, (few, most - few), salt)


def evaluation_sample(rows: Ints, as_of: Ints, label: Floats, rare: float | None, others_a_day: int) -> Drawn:
    """Of each day (UTC) at most `others_a_day` rows of the commoner class and as many of the rarer; in order of time.

    `as_of[n]` and `label[n]` belong to `rows[n]`, which are in order of time.
    """
    if not len(rows):
        return Drawn(rows, np.ones(0))
    day = as_of // DAY_US
    edges = [*np.flatnonzero(np.diff(day, prepend=day[0] - 1)), len(rows)]
    parts = [
        _joined(
            rows[a:b], np.zeros(b - a, bool) if rare is None else label[a:b] == rare, (others_a_day, others_a_day), 0
        )
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    return Drawn(np.concatenate([part.rows for part in parts]), np.concatenate([part.weight for part in parts]))


def _joined(rows: Ints, is_rare: NDArray[np.bool_], most: tuple[int, int], salt: int) -> Drawn:
    weight = np.zeros(len(rows))
    for chosen, places in ((is_rare, most[0]), (~is_rare, most[1])):
        there = np.flatnonzero(chosen)
        kept = _lot(rows[there], places, salt)
        weight[there[kept]] = len(there) / max(len(kept), 1)
    drawn = weight > 0
    return Drawn(rows[drawn], weight[drawn])


def _lot(numbers: Ints, places: int, salt: int) -> NDArray[np.intp]:
    if len(numbers) <= places:
        return np.arange(len(numbers))
    return np.argpartition(mixed(numbers, salt), places)[:places]
