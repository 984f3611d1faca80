"""Answer every slot of a lane for some of its questions: choose the kernel, hand it what it reads, keep what it gives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from dayshift.diagnostics import Refused
from dayshift.kernel import folds, late, numbers, sketches
from dayshift.kernel.arrays import Answer
from dayshift.kernel.bounds import find_bounds
from dayshift.kernel.flat import NO_REAL
from dayshift.kernel.lanes import DEVIATING, SUMMING, TIME, Asked, Material, PreparedLane
from dayshift.kernel.plan import Lane, Plan, Slot

MODES = {
    "variance_population": 0,
    "variance": folds.SAMPLE,
    "std_population": folds.ROOT,
    "std": folds.SAMPLE | folds.ROOT,
}
Window = tuple[Any, ...]
NULLABLE_NOT = ("count", "distinct_count")
_NEEDS_PYTHON = 2
MOST_SQUARES = int(1.7e38)


@dataclass
class Output:
    """One slot's answers for all questions: `whole` int64, `real` the same memory as doubles, `valid` as bytes."""

    whole: list[Any]
    real: list[Any]
    valid: list[Any]
    is_real: bool
    nullable: bool

    @classmethod
    def empty(cls, slot: Slot, size: int) -> "Output":
        """Room for `size` questions, all of them answered by "nothing": 0 or null."""
        whole = [np.zeros(size, np.int64) for _ in range(slot.outputs)]
        nullable = slot.aggregate not in NULLABLE_NOT
        valid = [np.zeros(size if nullable else 0, np.uint8) for _ in whole]
        return cls(whole, [each.view(np.float64) for each in whole], valid, slot.fractional, nullable)

    def settle(self, slot: Slot) -> None:
        """Turn picked fixed-point numbers into doubles, once all questions have been answered."""
        if slot.fractional and slot.aggregate in ("min", "max", "first", "last", "last_n"):
            for whole, real in zip(self.whole, self.real, strict=True):
                np.divide(whole, float(slot.scale), out=real)

    def answers(self) -> list[Answer]:
        """As the engine gets them."""
        values = self.real if self.is_real else self.whole
        masks = [each.view(np.bool_) if self.nullable else None for each in self.valid]
        return [Answer(value, mask) for value, mask in zip(values, masks, strict=True)]


def answer_chunk(plan: Plan, lane: Lane, made: PreparedLane, outputs: Sequence[Output], asked: Asked) -> None:
    """Answer the lane's slots for these questions, none of whose events came late."""
    for span, slots in _by_span(plan, lane).items():
        window = _window(plan, made, span, asked)
        for number in slots:
            _answer_slot(plan.slots[number], made, outputs[number], asked, window)


def answer_late(plan: Plan, lane: Lane, made: PreparedLane, outputs: Sequence[Output]) -> None:
    """Answer the lane's slots for the questions of entities with late events."""
    asked = made.asked_late
    for span, slots in _by_span(plan, lane).items():
        window = _window(plan, made, span, asked)
        parts: dict[Any, Any] = {}
        for number in slots:
            _answer_late_slot(plan.slots[number], made, outputs[number], window, parts)


def _by_span(plan: Plan, lane: Lane) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = {}
    for number in lane.slots:
        grouped.setdefault(plan.slots[number].span, []).append(number)
    return grouped


def _window(plan: Plan, made: PreparedLane, number: int, asked: Asked) -> Window:
    span = plan.spans[number]
    window = tuple(np.empty((4, asked.row.size), asked.row.dtype))
    find_bounds(
        (asked.entity, asked.time, asked.seen, asked.same),
        (made.start, made.late, made.time),
        (span.width, span.delay, span.right, span.with_self, made.hindsight),
        window,
    )
    return window


def _answer_slot(slot: Slot, made: PreparedLane, out: Output, asked: Asked, window: Window) -> None:
    column, aggregate, rows = made.material(slot), slot.aggregate, asked.row
    if aggregate == "count":
        folds.counts(rows, window, out.whole[0])
    elif aggregate in SUMMING:
        mode, scale = sum_mode(slot), numbers.fixed_point(slot.scale)
        into = (out.whole[0], out.real[0], out.valid[0])
        if column.high.size:
            _check_sums(slot, folds.wide_sums(rows, window, (column.prefix, column.high), mode, scale, into))
        else:
            folds.sums(rows, window, column.prefix, mode, scale, into)
    elif aggregate in DEVIATING:
        _check_squares(slot, column, window)
        _deviate(slot, column, out, rows, window)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        folds.extremes(rows, window, column.trees[sign], column.placed, sign, (out.whole[0], out.valid[0]))
    elif aggregate in ("distinct_count", "quantile"):
        none = made.moved[:0]
        _walk(slot, column, out, asked, window, (none, none))
    else:
        for nth, target in enumerate(zip(out.whole, out.valid, strict=True)):
            folds.picks(rows, window, column.placed, -1 if aggregate == "first" else nth, target)
        _since(slot, asked, out)


def _answer_late_slot(slot: Slot, made: PreparedLane, out: Output, window: Window, parts: Any) -> None:
    column, aggregate, asked = made.material(slot), slot.aggregate, made.asked_late
    lane = (asked.entity, made.start, made.moved, asked.seen)
    if aggregate == "count" or aggregate in SUMMING or aggregate in DEVIATING:
        if slot.reads not in parts:
            parts[slot.reads] = np.zeros((asked.row.size, 5), np.uint64)
            late.late_parts(window, lane, column.placed, parts[slot.reads])
        from_parts(slot, asked.row, parts[slot.reads], out, column.largest)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        late.late_extremes(asked.row, window, lane, column.placed, sign, (out.whole[0], out.valid[0]))
    elif aggregate in ("distinct_count", "quantile"):
        _walk(slot, column, out, asked, window, (made.moved, made.arrival))
    else:
        for nth, target in enumerate(zip(out.whole, out.valid, strict=True)):
            late.late_picks(asked.row, window, lane, column.placed, -1 if aggregate == "first" else nth, target)
        _since(slot, asked, out)


def from_parts(slot: Slot, rows: Any, parts: Any, out: Output, largest: int) -> None:
    """Finish a count, sum, mean or variance from the words of each window (see `late.late_parts`)."""
    if slot.aggregate == "count":
        out.whole[0][rows] = parts[:, 0].astype(np.int64)
        return
    scale = numbers.fixed_point(slot.scale)
    if slot.aggregate in SUMMING:
        target = (out.whole[0], out.real[0], out.valid[0])
        _check_sums(slot, folds.sums_from_parts(rows, parts, sum_mode(slot), scale, target))
        return
    if int(parts[:, 0].max(initial=0)) * largest * largest >= MOST_SQUARES:
        refuse_squares(slot)
    mode = MODES[slot.aggregate]
    if folds.deviations_from_parts(rows, parts, mode, scale, (out.real[0], out.valid[0])):
        _settle_by_python(slot, out, rows, parts)


def _settle_by_python(slot: Slot, out: Output, rows: Any, parts: Any) -> None:
    """Variances that pass 128 bits on the way, in Python's integers."""
    mode = MODES[slot.aggregate]
    for j in np.flatnonzero(out.valid[0][rows] == _NEEDS_PYTHON):
        n, total = int(parts[j, 0]), numbers.signed(parts[j, 1], parts[j, 2])
        square = (int(parts[j, 3]) << 64) | int(parts[j, 4])
        value = numbers.exact_variance(n, total, square, slot.scale, bool(mode & folds.SAMPLE))
        out.real[0][rows[j]] = math.sqrt(value) if mode & folds.ROOT else value
        out.valid[0][rows[j]] = True


def _deviate(slot: Slot, column: Material, out: Output, rows: Any, window: Window) -> None:
    columns = (column.prefix, column.placed, *column.squares, column.high)
    scale = numbers.fixed_point(slot.scale)
    target = (out.real[0], out.valid[0])
    if folds.deviations(rows, window, columns, MODES[slot.aggregate], scale, target):
        parts = np.zeros((rows.size, 5), np.uint64)
        folds.parts(rows, window, columns, parts)
        _settle_by_python(slot, out, rows, parts)


def _walk(slot: Slot, column: Material, out: Output, asked: Asked, window: Window, late: tuple[Any, Any]) -> None:
    distinct = slot.aggregate == "distinct_count"
    arguments: dict[str, Any] = dict(slot.parameters)
    codes = column.codes["distinct" if distinct else float(arguments["accuracy"])]
    values = NO_REAL if distinct else sketches.bucket_values(float(arguments["accuracy"]))
    bound = int(arguments["exact_up_to"]) if distinct else 0
    rule = (bound, sketches.linear_table(), 0.0 if distinct else float(arguments["q"]), values)
    state = sketches.empty_state(codes[1].size if distinct else values.size, distinct)
    valid = out.valid[0] if out.nullable else np.zeros(out.whole[0].size, np.uint8)
    target = (out.whole[0], out.real[0], valid)
    sketches.walk(asked.row, window, (asked.entity, *late, asked.seen), codes, state, rule, target)


def _since(slot: Slot, asked: Asked, out: Output) -> None:
    if slot.aggregate == TIME:
        some = out.valid[0][asked.row] != 0
        rows = asked.row[some]
        out.whole[0][rows] = asked.time[some] - out.whole[0][rows]


def sum_mode(slot: Slot) -> int:
    """What `folds.sums` makes of a sum."""
    if slot.aggregate == "mean":
        return folds.MEAN
    return folds.SUM_FLOAT if slot.fractional else folds.SUM_INT


def _check_sums(slot: Slot, row: int) -> None:
    if row >= 0:
        refuse_sum(slot)


def _check_squares(slot: Slot, column: Material, window: Window) -> None:
    lo, hi, _, _ = window
    most = int((hi - lo).max(initial=0)) + 1
    if most * column.largest * column.largest >= MOST_SQUARES:
        refuse_squares(slot)


def refuse_sum(slot: Slot) -> NoReturn:
    """Say which feature's sum is an integer beyond 64 bits."""
    raise Refused(
        "DS501",
        f"feature '{slot.feature}': the sum of one window is an integer of more than 64 bits",
        facts=("sums of integers are integers from -2**63 to 2**63 - 1",),
        hint="declare the column as float, ask for the mean, or give the window a shorter width",
    )


def refuse_squares(slot: Slot) -> NoReturn:
    """Say which feature's sum of squares could pass 128 bits."""
    raise Refused(
        "DS502",
        f"feature '{slot.feature}': the sum of squares of one window may pass 128 bits",
        facts=(f"values are kept in units of 1/{slot.scale}",),
        hint="give the column fewer digits or bits, or the window a shorter width",
    )
