"""One lane made ready: its events and questions sorted by entity, and what its slots need, made once.

A `Material` is what the aggregates of one column share: the values by place, prefix sums of them and of
their squares, trees, codes. Only what some slot of the lane uses is made.
"""

import threading
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
NARROW = 2**31 - 1
"""Fewer rows than this are numbered in 32 bits."""


@dataclass
class Material:
    """A column of a lane. `placed` by place, or empty where its prefix sums are enough; the rest where some aggregate needs it.

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
    """Questions of some rows, sorted by (entity, place in the log): `row` is where the answer goes; the rest as in `sorting.walk`."""

    row: Any
    entity: Any
    time: Any
    seen: Any
    same: Any

    @classmethod
    def empty(cls, size: int, kind: Any) -> "Asked":
        """Room for this many; places and rows are of this type."""
        return cls(np.empty(size, kind), np.empty(size, kind), np.empty(size, np.int64), *np.empty((2, size), kind))

    def part(self, which: slice) -> "Asked":
        """Those in a slice."""
        return Asked(self.row[which], self.entity[which], self.time[which], self.seen[which], self.same[which])


class Walk:
    """Hands out a lane's questions, block after block of rows, to any number of threads: each block once, in memory of the taker's.

    `theirs`: whether to take the questions of late entities, or of the others.
    """

    def __init__(self, log: tuple[Any, Any], lane: tuple[Any, ...], block: int, kind: Any) -> None:
        self.log, self.lane, self.kind = log, lane, kind
        self.size = log[1][0].size
        self.block = min(block, self.size)
        self._cursors = lane[0].copy(), np.empty(lane[0].size, np.int64)
        self._lock = threading.Lock()
        self._row = self._event = 0

    def take(self, into: Asked) -> Asked | None:
        """The next block's questions in `into`, which has room for a block; None when all have been taken."""
        with self._lock:
            if self._row >= self.size:
                return None
            rows = self._row, min(self._row + self.block, self.size)
            self._row = rows[1]
            out = (into.row, into.entity, into.time, into.seen, into.same)
            taken, self._event = sorting.walk(*self.log, self.lane, self._cursors, self._event, rows, out)
        return into.part(slice(0, taken))


@dataclass
class PreparedLane:
    """Events of a lane sorted by (entity, time, arrival), and its questions, apart for entities with late events.

    `start`, `late`, `moved`, `arrival` as in `sorting.py`, `time` by place; `most` is the largest number of events of
    one entity, the asking one included.
    """

    walk: Walk
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
    """Sort a lane's events and make the materials of its slots."""
    source = events[plan.series[lane.series].source]
    kind = np.int32 if max(source.time.size, questions.time.size) < NARROW else np.int64
    log = _log(plan, lane, source, questions)
    entity, asked, keep = log[0][0], log[1][0], log[0][2]
    size = 1 + max(int(entity.max(initial=-1)), int(asked.max(initial=-1)))
    start, place = np.zeros(size + 1, np.int64), np.empty(entity.size, kind)
    sorting.count_entities(entity, keep, start)
    sorting.place_events(entity, keep, start, place)
    time = np.empty(int(start[-1]), np.int64)
    sorting.scatter(flat(source.time), place, time)
    is_late, moved = _settle_late(time, start, place)
    none = np.zeros_like(is_late)
    arrival = moved[:0]
    asked_late = Asked.empty(0, kind)
    if moved.size and not hindsight:
        arrival = np.empty_like(moved)
        sorting.invert(moved, arrival)
        late = Walk(log, (start, is_late, moved, True, False), asked.size, kind)
        asked_late = late.take(Asked.empty(late.block, kind)) or asked_late
    apart = none if hindsight else is_late
    prepared = PreparedLane(
        walk=Walk(log, (start, apart, moved, False, hindsight), _block(plan, lane, size, asked.size), kind),
        asked_late=asked_late,
        start=start,
        late=apart,
        time=time,
        moved=moved,
        arrival=arrival,
        most=int(np.diff(start).max(initial=0)) + 1,
        hindsight=hindsight,
        materials={},
    )
    summed = _only_summed(plan, lane) if not asked_late.row.size else set()
    for number in lane.slots:
        _add_material(prepared, plan.slots[number], source, place, summed)
    return prepared


def _log(plan: Plan, lane: Lane, events: Events, questions: Questions) -> tuple[Any, Any]:
    """Events and questions as `sorting.walk` takes them."""
    entity = flat(events.entities[plan.series[lane.series].columns])
    keep = NO_MASK
    if lane.reads is not None and events.columns[lane.reads].valid is not None:
        keep = flat(events.columns[lane.reads].valid, np.bool_)
    own = NO_INT if questions.own is None else flat(questions.own)
    asked = flat(questions.entities[lane.series]), flat(questions.position), flat(questions.time), own
    return (entity, flat(events.position), keep), asked


def _block(plan: Plan, lane: Lane, entities: int, asked: int) -> int:
    """How many questions to sort by entity at a time.

    Few enough that their answers, written in the order of entities, stay in the processor's cache; many enough that
    finding each entity's place again costs little. A multiset would have to be filled again: all at once.
    """
    sketched = any(plan.slots[number].aggregate in ("distinct_count", "quantile") for number in lane.slots)
    return max(asked, 1) if sketched else max(BLOCK, 8 * entities)


def _settle_late(time: Any, start: Any, place: Any) -> tuple[Any, Any]:
    """Sort late entities by time: which they are, and where each event moved to."""
    is_late = np.zeros(max(start.size - 1, 1), np.bool_)
    if sorting.find_late(time, start, is_late) == 0:
        return is_late, place[:0]
    moved = np.empty(time.size, place.dtype)
    sorting.sort_late(time, start, is_late, moved)
    sorting.follow(place, moved)
    return is_late, moved


def _only_summed(plan: Plan, lane: Lane) -> set[str | None]:
    """The columns of which nothing but prefix sums is needed."""
    slots = [plan.slots[number] for number in lane.slots]
    return {slot.reads for slot in slots} - {slot.reads for slot in slots if slot.aggregate not in SUMMING}


def _add_material(lane: PreparedLane, slot: Slot, events: Events, place: Any, summed: set[str | None]) -> None:
    name = TIME if slot.aggregate == TIME else slot.reads
    if name not in lane.materials:
        lane.materials[name] = _column(name, events, place, lane.time)
    made, aggregate = lane.materials[name], slot.aggregate
    if aggregate in SUMMING or aggregate in DEVIATING:
        _add_prefix(made, lane, aggregate in DEVIATING, slot.reads in summed)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        if sign not in made.trees:
            made.trees[sign] = np.empty(2 * made.placed.size, np.int64)
            folds.build_tree(made.placed, sign, made.trees[sign])
    elif aggregate == "distinct_count" and "distinct" not in made.codes:
        different, codes = np.unique(made.placed, return_inverse=True)
        hashes = different if str(slot.reads).startswith("hash:") else sketches.mix(different)
        made.codes["distinct"] = codes.astype(place.dtype), sketches.cells(hashes)
    elif aggregate == "quantile":
        accuracy = float(dict(slot.parameters)["accuracy"])
        if accuracy not in made.codes:
            made.codes[accuracy] = sketches.bucket_codes(made.placed, slot.scale, accuracy), NO_INT


def _column(name: str | None, events: Events, place: Any, time: Any) -> Material:
    if name is None:
        return Material(NO_INT)
    if name == TIME:
        return Material(time)
    prefix = np.empty(time.size + 1, np.int64)
    prefix[0] = 0
    sorting.scatter(flat(events.columns[name].values), place, prefix[1:])
    return Material(prefix[1:])


def _add_prefix(made: Material, lane: PreparedLane, squares: bool, only: bool) -> None:
    """Prefix sums; where `only` they are needed, in the place of the values, which neighbouring ones differ by."""
    if made.prefix.size == 0:
        made.largest = int(numbers.largest(made.placed))
        if made.largest * lane.most >= 2**63 and numbers.may_pass(made.placed, lane.start):
            made.high = np.empty(made.placed.size + 1, np.uint64)
            numbers.sign_extended_prefix(made.placed, made.high)
        made.prefix = made.placed.base if only else np.concatenate(([0], made.placed))
        sorting.accumulate(made.prefix)
        made.placed = NO_INT if only else made.placed
    if squares and made.squares is None:
        made.squares = np.empty(made.placed.size + 1, np.uint64), np.empty(made.placed.size + 1, np.uint64)
        numbers.square_prefix(made.placed, *made.squares)
