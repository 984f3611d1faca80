"""What the kernel takes and gives: flat arrays, one entry a row, in the log's order.

Nothing here knows of tables, strings or sources' files: an engine has already turned keys into dense entity numbers,
values into integers (`value * scale`, dictionary codes, microseconds), and the log's order into dense positions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Values:
    """A column: `values[n]` int64 and `valid[n]`, or None when every value is there."""

    values: Int64
    valid: Mask | None = None


@dataclass(frozen=True)
class Events:
    """Events of one source in log order.

    `time[n]` event times in microseconds; `position[n]` strictly increasing places in the log, shared by all sources
    and questions; `entities[keys][n]` the dense number of each event's entity under a tuple of key columns of the
    source, -1 where a part of the key is null; `columns[name]` the columns that aggregates read.
    """

    time: Int64
    position: Int64
    entities: dict[tuple[str, ...], Int64]
    columns: dict[str, Values]


@dataclass(frozen=True)
class Questions:
    """Questions in log order.

    `time[n]` as_of in microseconds; `position[n]` non-decreasing; an event counts when its position is smaller. A
    question that an event asks has that event's position. `entities[series][n]` the number of the question's entity
    for each series of the plan, -1 where a part of the key is null or the entity is unknown. `own[n]` is the index of
    the asking event among the events of its source, for `including_self`; None when no event asks (a calendar).
    """

    time: Int64
    position: Int64
    entities: list[Int64]
    own: Int64 | None = None


@dataclass(frozen=True)
class Answer:
    """One feature column for all questions: int64 or float64 `values[n]`, and `valid[n]`, or None when all are there."""

    values: NDArray[np.int64] | NDArray[np.float64]
    valid: Mask | None = None
