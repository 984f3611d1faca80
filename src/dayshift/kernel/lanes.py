"""One lane made ready: its events and questions sorted by entity, and what its slots need, made once.

A `Material` is what the aggregates of one column share: the values by place and by row, prefix sums of them and of
their squares, trees, codes. Only what some slot of the lane uses is made.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dayshift.kernel import folds, numbers, sketches, sorting
from dayshift.kernel.arrays import Events, Questions
from dayshift.kernel.flat import NO_INT, NO_MASK, flat
from dayshift.kernel.plan import Lane, Plan, Slot

SUMMING = ("sum", "mean")
DEVIATING = ("variance", "variance_population", "std", "std_population")
TIME = "time_since_last"


@dataclass
class Material:
    """A column of a lane. `raw` by event's row, `placed` by place; the rest where some aggregate needs it.

    `largest` is the largest magnitude of a value; `high` the upper words of the prefix sums, made only where a sum
    could pass 64 bits. `trees` by sign; `codes` by "distinct" or a quantile's accuracy: (by place, by row, cells).
    """

    raw: Any
    placed: Any
    largest: int = 0
    prefix: Any = field(default_factory=lambda: NO_INT)
    high: Any = field(default_factory=lambda: NO_INT)
    squares: Any = None
    trees: dict[int, Any] = field(default_factory=dict)
    codes: dict[Any, Any] = field(default_factory=dict)


@dataclass
class PreparedLane:
    """Events of a lane sorted by (entity, time, arrival), and its questions by (entity, place in the log).

    `asked` = (time, entity, seen) of all questions; `rows` those about entities without late events, `late_rows` those
    about entities with some, each sorted; `start`, `late`, `moved`, `arrival` as in `sorting.py`; `own` = (row, same) as in
    `bounds.find_bounds`; `most` the largest number of events of one entity, the asking one included.
    """

    asked: tuple[Any, Any, Any]
    rows: Any
    late_rows: Any
    start: Any
    late: Any
    time: Any
    moved: Any
    arrival: Any
    own: tuple[Any, Any]
    most: int
    materials: dict[str | None, Material]

    def material(self, slot: Slot) -> Material:
        """The column that a slot reads; that of event times for `time_since_last`."""
        return self.materials[TIME if slot.aggregate == TIME else slot.reads]


def prepare(plan: Plan, lane: Lane, events: Events, questions: Questions, hindsight: bool) -> PreparedLane:
    """Sort a lane's events and questions and make the materials of its slots."""
    series = plan.series[lane.series]
    entity, asked = flat(events.entities[series.columns]), flat(questions.entities[lane.series])
    keep = NO_MASK
    if lane.reads is not None and events.columns[lane.reads].valid is not None:
        keep = flat(events.columns[lane.reads].valid, np.bool_)
    size = 1 + max(int(entity.max(initial=-1)), int(asked.max(initial=-1)))
    start, asked_start = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    sorting.count_entities(entity, keep, start)
    sorting.count_entities(asked, NO_MASK, asked_start)
    place, seen = np.empty(entity.size, np.int64), np.zeros(asked.size, np.int64)
    same = np.empty(asked.size if hindsight and questions.own is not None else 0, np.int64)
    positions = flat(events.position), flat(questions.position)
    sorting.place_events((entity, positions[0], keep), (asked, positions[1]), start, (place, seen, same), hindsight)
    if same.size and questions.own is not None:
        same[questions.own < 0] = -1
    rows = np.empty(int(asked_start[-1]), np.int64)
    sorting.order_rows(asked, asked_start, rows)
    time = np.empty(int(start[-1]), np.int64)
    sorting.scatter(flat(events.time), place, time)
    is_late, moved, arrival = _settle_late(time, start, (place, same), hindsight)
    prepared = PreparedLane(
        asked=(flat(questions.time), asked, seen),
        rows=rows[~is_late[asked[rows]]] if moved.size else rows,
        late_rows=rows[is_late[asked[rows]]] if moved.size else rows[:0],
        start=start,
        late=is_late,
        time=time,
        moved=moved,
        arrival=arrival,
        own=(_own_rows(plan, lane, questions, keep), same),
        most=int(np.diff(start).max(initial=0)) + 1,
        materials={},
    )
    for number in lane.slots:
        _add_material(prepared, plan.slots[number], events, place)
    return prepared


def _settle_late(time: Any, start: Any, places: tuple[Any, Any], hindsight: bool) -> tuple[Any, Any, Any]:
    """Sort late entities by time. In hindsight nothing is late afterwards: all arrived before all questions."""
    is_late = np.zeros(max(start.size - 1, 1), np.bool_)
    if sorting.find_late(time, start, is_late) == 0:
        return is_late, NO_INT, NO_INT
    moved = np.empty(time.size, np.int64)
    sorting.sort_late(time, start, is_late, moved)
    for each in places:
        sorting.follow(each, moved)
    if hindsight:
        return np.zeros_like(is_late), NO_INT, NO_INT
    arrival = np.empty(time.size, np.int64)
    sorting.invert(moved, arrival)
    return is_late, moved, arrival


def _own_rows(plan: Plan, lane: Lane, questions: Questions, keep: Any) -> Any:
    """Each question's asking event as a row of the lane's source, -1 where there is none or the lane cannot see it."""
    wanted = any(plan.spans[plan.slots[number].span].with_self for number in lane.slots)
    if not wanted or questions.own is None:
        return np.full(questions.time.size, -1, np.int64) if wanted else NO_INT
    own = flat(questions.own)
    if keep.size:
        own = np.where((own >= 0) & keep[own], own, -1)
    return own


def _add_material(lane: PreparedLane, slot: Slot, events: Events, place: Any) -> None:
    name = TIME if slot.aggregate == TIME else slot.reads
    if name not in lane.materials:
        lane.materials[name] = _column(name, events, place, lane.time)
    made, aggregate = lane.materials[name], slot.aggregate
    if aggregate in SUMMING or aggregate in DEVIATING:
        _add_prefix(made, lane.most, aggregate in DEVIATING)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        if sign not in made.trees:
            made.trees[sign] = np.empty(2 * made.placed.size, np.int64)
            folds.build_tree(made.placed, sign, made.trees[sign])
    elif aggregate == "distinct_count" and "distinct" not in made.codes:
        hashes = made.raw if str(slot.reads).startswith("hash:") else np.empty_like(made.raw)
        if hashes is not made.raw:
            sketches.mix(made.raw, hashes)
        different, raw = np.unique(hashes, return_inverse=True)
        made.codes["distinct"] = _coded(raw.astype(np.int64), place, made.placed.size, sketches.cells(different))
    elif aggregate == "quantile":
        accuracy = float(dict(slot.parameters)["accuracy"])
        if accuracy not in made.codes:
            raw = sketches.bucket_codes(made.raw, slot.scale, accuracy)
            made.codes[accuracy] = _coded(raw, place, made.placed.size, NO_INT)


def _coded(raw: Any, place: Any, size: int, cells: Any) -> tuple[Any, Any, Any]:
    placed = np.empty(size, np.int64)
    sorting.scatter(raw, place, placed)
    return placed, raw, cells


def _column(name: str | None, events: Events, place: Any, time: Any) -> Material:
    if name is None:
        return Material(NO_INT, NO_INT)
    if name == TIME:
        return Material(flat(events.time), time)
    raw = flat(events.columns[name].values)
    placed = np.empty(time.size, np.int64)
    sorting.scatter(raw, place, placed)
    return Material(raw, placed)


def _add_prefix(made: Material, most: int, squares: bool) -> None:
    if made.prefix.size == 0:
        made.prefix = np.zeros(made.placed.size + 1, np.int64)
        np.cumsum(made.placed, out=made.prefix[1:])
        made.largest = max(int(numbers.largest(made.placed)), int(numbers.largest(made.raw)))
        if made.largest * most >= 2**63:
            made.high = np.empty(made.placed.size + 1, np.uint64)
            numbers.sign_extended_prefix(made.placed, made.high)
    if squares and made.squares is None:
        made.squares = np.empty(made.placed.size + 1, np.uint64), np.empty(made.placed.size + 1, np.uint64)
        numbers.square_prefix(made.placed, *made.squares)
