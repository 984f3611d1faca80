"""One lane made ready: its events and questions sorted by entity, and what its slots need, made once.

A `Material` is what the aggregates of one column share: the values by place, prefix sums of them and of
their squares, trees, codes. Only what some slot of the lane uses is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dayshift.kernel import folds, numbers, sketches, sorting
from dayshift.kernel.arrays import Events, Questions
from dayshift.kernel.flat import NO_INT, NO_MASK, NO_WORDS, flat
from dayshift.kernel.plan import Lane, Plan, Slot

SUMMING = ("sum", "mean")
DEVIATING = ("variance", "variance_population", "std", "std_population")
TIME = "time_since_last"
BLOCK = 262_144


@dataclass
class Material:
    """A column of a lane. `placed` by place; the rest where some aggregate needs it.

    `largest` is the largest magnitude of a value; `high` the upper words of the prefix sums, made only where a sum
    could pass 64 bits. `trees` by sign; `codes` by "distinct" or a quantile's accuracy: (by place, cells).
    """

    placed: Any
    largest: int = 0
    prefix: Any = field(default_factory=lambda: NO_INT)
    high: Any = field(default_factory=lambda: NO_WORDS)
    squares: Any = None
    trees: dict[int, Any] = field(default_factory=dict)
    codes: dict[Any, Any] = field(default_factory=dict)


@dataclass
class Asked:
    """Questions sorted by (block of rows, entity, place in the log): `row` is where the answer goes; the rest as in `sorting.py`."""

    row: Any
    entity: Any
    time: Any
    seen: Any
    same: Any

    def part(self, which: Any) -> "Asked":
        """Those in a slice, or where a mask is true."""
        return Asked(self.row[which], self.entity[which], self.time[which], self.seen[which], self.same[which])


@dataclass
class PreparedLane:
    """Events of a lane sorted by (entity, time, arrival), and its questions, apart for entities with late events.

    `start`, `late`, `moved`, `arrival` as in `sorting.py`, `time` by place; `most` is the largest number of events of
    one entity, the asking one included.
    """

    asked: Asked
    asked_late: Asked
    start: Any
    late: Any
    time: Any
    moved: Any
    arrival: Any
    most: int
    hindsight: bool
    materials: dict[str | None, Material]

    def material(self, slot: Slot) -> Material:
        """The column that a slot reads; that of event times for `time_since_last`."""
        return self.materials[TIME if slot.aggregate == TIME else slot.reads]


def prepare(
    plan: Plan, lane: Lane, events: Mapping[str, Events], questions: Questions, hindsight: bool
) -> PreparedLane:
    """Sort a lane's events and questions and make the materials of its slots."""
    series = plan.series[lane.series]
    source = events[series.source]
    place, start, asked = _sort(plan, lane, source, questions, hindsight)
    time = np.empty(int(start[-1]), np.int64)
    sorting.scatter(flat(source.time), place, time)
    is_late, moved, arrival = _settle_late(time, start, (place, asked.same), hindsight)
    asked_late = asked.part(slice(0, 0))
    if moved.size:
        theirs = is_late[asked.entity]
        asked, asked_late = asked.part(~theirs), asked.part(theirs)
        asked_late = asked_late.part(np.argsort(asked_late.entity, kind="stable"))
    prepared = PreparedLane(
        asked=asked,
        asked_late=asked_late,
        start=start,
        late=is_late,
        time=time,
        moved=moved,
        arrival=arrival,
        most=int(np.diff(start).max(initial=0)) + 1,
        hindsight=hindsight,
        materials={},
    )
    for number in lane.slots:
        _add_material(prepared, plan.slots[number], source, place)
    return prepared


def _sort(plan: Plan, lane: Lane, events: Events, questions: Questions, hindsight: bool) -> tuple[Any, Any, Asked]:
    """Each event's place, where entities start, and the questions sorted."""
    series = plan.series[lane.series]
    entity, asked = flat(events.entities[series.columns]), flat(questions.entities[lane.series])
    keep = NO_MASK
    if lane.reads is not None and events.columns[lane.reads].valid is not None:
        keep = flat(events.columns[lane.reads].valid, np.bool_)
    size = 1 + max(int(entity.max(initial=-1)), int(asked.max(initial=-1)))
    block = _block(plan, lane, size, asked.size)
    blocks = -(-asked.size // block)
    starts = np.zeros(size + 1, np.int64), np.zeros(blocks * size + 1, np.int64), block
    sorting.count_entities(entity, keep, starts[0])
    sorting.count_questions(asked, size, block, starts[1])
    place = np.empty(entity.size, np.int64)
    out = tuple(np.empty(int(starts[1][-1]), np.int64) for _ in range(5))
    own = NO_INT if questions.own is None else flat(questions.own)
    sorting.place_events(
        (entity, flat(events.position), keep),
        (asked, flat(questions.position), flat(questions.time), own),
        starts,
        place,
        out,
        hindsight,
    )
    return place, starts[0], Asked(*out)


def _block(plan: Plan, lane: Lane, entities: int, asked: int) -> int:
    """How many questions to sort by entity at a time.

    Few enough that their answers, written in the order of entities, stay in the processor's cache; many enough that
    finding each entity's place again costs little. A multiset would have to be filled again: all at once.
    """
    sketched = any(plan.slots[number].aggregate in ("distinct_count", "quantile") for number in lane.slots)
    return max(asked, 1) if sketched else max(BLOCK, 8 * entities)


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


def _add_material(lane: PreparedLane, slot: Slot, events: Events, place: Any) -> None:
    name = TIME if slot.aggregate == TIME else slot.reads
    if name not in lane.materials:
        lane.materials[name] = _column(name, events, place, lane.time)
    made, aggregate = lane.materials[name], slot.aggregate
    if aggregate in SUMMING or aggregate in DEVIATING:
        _add_prefix(made, lane, aggregate in DEVIATING)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        if sign not in made.trees:
            made.trees[sign] = np.empty(2 * made.placed.size, np.int64)
            folds.build_tree(made.placed, sign, made.trees[sign])
    elif aggregate == "distinct_count" and "distinct" not in made.codes:
        different, codes = np.unique(made.placed, return_inverse=True)
        hashes = different if str(slot.reads).startswith("hash:") else sketches.mix(different)
        made.codes["distinct"] = codes.astype(np.int64), sketches.cells(hashes)
    elif aggregate == "quantile":
        accuracy = float(dict(slot.parameters)["accuracy"])
        if accuracy not in made.codes:
            made.codes[accuracy] = sketches.bucket_codes(made.placed, slot.scale, accuracy), NO_INT


def _column(name: str | None, events: Events, place: Any, time: Any) -> Material:
    if name is None:
        return Material(NO_INT)
    if name == TIME:
        return Material(time)
    placed = np.empty(time.size, np.int64)
    sorting.scatter(flat(events.columns[name].values), place, placed)
    return Material(placed)


def _add_prefix(made: Material, lane: PreparedLane, squares: bool) -> None:
    if made.prefix.size == 0:
        made.prefix = np.zeros(made.placed.size + 1, np.int64)
        np.cumsum(made.placed, out=made.prefix[1:])
        made.largest = int(numbers.largest(made.placed))
        if made.largest * lane.most >= 2**63 and numbers.may_pass(made.placed, lane.start):
            made.high = np.empty(made.placed.size + 1, np.uint64)
            numbers.sign_extended_prefix(made.placed, made.high)
    if squares and made.squares is None:
        made.squares = np.empty(made.placed.size + 1, np.uint64), np.empty(made.placed.size + 1, np.uint64)
        numbers.square_prefix(made.placed, *made.squares)
