"""Answer every slot of a lane for some of its questions: choose the kernel, hand it what it reads, keep what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dayshift.diagnostics import Refused
from dayshift.kernel import folds, late, numbers, sketches
from dayshift.kernel.arrays import Answer
from dayshift.kernel.bounds import find_bounds
from dayshift.kernel.flat import NO_INT
from dayshift.kernel.lanes import DEVIATING, SUMMING, TIME, Material, PreparedLane
from dayshift.kernel.plan import Lane, Plan, Slot

MODES = {
    "variance_population": 0,
    "variance": folds.SAMPLE,
    "std_population": folds.ROOT,
    "std": folds.SAMPLE | folds.ROOT,
}
NULLABLE_NOT = ("count", "distinct_count")
_NEEDS_PYTHON = 2


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


def answer_rows(plan: Plan, lane: Lane, made: PreparedLane, outputs: Sequence[Output], rows: Any) -> None:
    """Answer the lane's slots for these questions, those of an entity together, none of whose events came late."""
    for span, slots in _by_span(plan, lane).items():
        window = _window(plan, made, span, rows)
        for number in slots:
            _answer_slot(plan.slots[number], made, outputs[number], rows, window)


def answer_late(plan: Plan, lane: Lane, made: PreparedLane, outputs: Sequence[Output]) -> None:
    """Answer the lane's slots for the questions of entities with late events."""
    rows = made.late_rows
    for span, slots in _by_span(plan, lane).items():
        window = _window(plan, made, span, rows)
        parts: dict[Any, Any] = {}
        for number in slots:
            _answer_late_slot(plan.slots[number], made, outputs[number], rows, window, parts)


def _by_span(plan: Plan, lane: Lane) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = {}
    for number in lane.slots:
        grouped.setdefault(plan.slots[number].span, []).append(number)
    return grouped


def _window(plan: Plan, made: PreparedLane, number: int, rows: Any) -> tuple[Any, Any, Any, Any]:
    span = plan.spans[number]
    lo, hi, skip, extra = np.empty((4, rows.size), np.int64)
    find_bounds(
        rows,
        made.asked,
        (made.start, made.late, made.time),
        made.own,
        (span.width, span.delay, span.right, span.with_self),
        (lo, hi, skip, extra),
    )
    return lo, hi, skip, extra


def _answer_slot(slot: Slot, made: PreparedLane, out: Output, rows: Any, window: Any) -> None:
    column, aggregate = made.material(slot), slot.aggregate
    if aggregate == "count":
        folds.counts(rows, window, out.whole[0])
    elif aggregate in SUMMING:
        base = (column.prefix, column.placed, column.raw)
        if column.high.size:
            _check_sums(slot, folds.sums_that_pass(rows, window, base, column.high))
        scale = numbers.odd_part(slot.scale)
        folds.sums(rows, window, base, _sum_mode(slot), scale, (out.whole[0], out.real[0], out.valid[0]))
    elif aggregate in DEVIATING:
        _check_squares(slot, column, window)
        _deviate(slot, column, out, rows, window)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        folds.extremes(rows, window, column.trees[sign], column.raw, sign, (out.whole[0], out.valid[0]))
    elif aggregate in ("distinct_count", "quantile"):
        _walk(slot, made, out, rows, window, late=False)
    else:
        for nth, (whole, valid) in enumerate(zip(out.whole, out.valid, strict=True)):
            back = -1 if aggregate == "first" else nth
            folds.picks(rows, window, column.placed, column.raw, back, (whole, valid))
        _since(slot, made, out, rows)


def _answer_late_slot(slot: Slot, made: PreparedLane, out: Output, rows: Any, window: Any, parts: Any) -> None:
    column, aggregate = made.material(slot), slot.aggregate
    lane = (made.asked[1], made.start, made.moved, made.asked[2])
    if aggregate == "count" or aggregate in SUMMING or aggregate in DEVIATING:
        if slot.reads not in parts:
            parts[slot.reads] = np.zeros((rows.size, 5), np.uint64)
            late.late_parts(rows, window, lane, (column.placed, column.raw), parts[slot.reads])
        from_parts(slot, rows, parts[slot.reads], out, column.largest)
    elif aggregate in ("min", "max"):
        sign = 1 if aggregate == "min" else -1
        columns = (column.placed, column.raw)
        late.late_extremes(rows, window, lane, columns, sign, (out.whole[0], out.valid[0]))
    elif aggregate in ("distinct_count", "quantile"):
        _walk(slot, made, out, rows, window, late=True)
    else:
        for nth, (whole, valid) in enumerate(zip(out.whole, out.valid, strict=True)):
            back = -1 if aggregate == "first" else nth
            late.late_picks(rows, window, lane, (column.placed, column.raw), back, (whole, valid))
        _since(slot, made, out, rows)


def from_parts(slot: Slot, rows: Any, parts: Any, out: Output, largest: int) -> None:
    """Finish a count, sum, mean or variance from the words of each window (see `late.late_parts`)."""
    if slot.aggregate == "count":
        out.whole[0][rows] = parts[:, 0].view(np.int64) if parts.size else 0
        return
    _check_sums(slot, folds.parts_that_pass(rows, parts))
    scale = numbers.odd_part(slot.scale)
    if slot.aggregate in SUMMING:
        folds.sums_from_parts(rows, parts, _sum_mode(slot), scale, (out.whole[0], out.real[0], out.valid[0]))
        return
    if parts.size and int(parts[:, 0].max()) * largest * largest >= 2**127:
        _refuse_squares(slot)
    mode = MODES[slot.aggregate]
    if folds.deviations_from_parts(rows, parts, mode, scale, (out.real[0], out.valid[0])):
        for j in np.flatnonzero(out.valid[0][rows] == _NEEDS_PYTHON):
            n, high, low, square_high, square_low = (int(word) for word in parts[j])
            total = _signed((high << 64) | low)
            _settle_by_python(slot, out, rows[j], n, total, (square_high << 64) | square_low)


def _signed(word: int) -> int:
    return word - (1 << 128) if word >> 127 else word


def _settle_by_python(slot: Slot, out: Output, row: int, n: int, total: int, square: int) -> None:
    mode = MODES[slot.aggregate]
    value = numbers.exact_variance(n, total, square, slot.scale, bool(mode & folds.SAMPLE))
    out.real[0][row] = np.sqrt(value) if mode & folds.ROOT else value
    out.valid[0][row] = True


def _deviate(slot: Slot, column: Material, out: Output, rows: Any, window: Any) -> None:
    """Variances; the few that pass 128 bits on the way go through `late_parts`' form and Python's integers."""
    columns = (column.prefix, column.placed, column.raw, *column.squares)
    scale = numbers.odd_part(slot.scale)
    target = (out.real[0], out.valid[0])
    if folds.deviations(rows, window, columns, MODES[slot.aggregate], scale, target):
        parts = np.zeros((rows.size, 5), np.uint64)
        folds.parts(rows, window, columns, parts)
        for j in np.flatnonzero(out.valid[0][rows] == _NEEDS_PYTHON):
            n, total = int(parts[j, 0]), int(parts[j, 2].view(np.int64))
            square = (int(parts[j, 3]) << 64) | int(parts[j, 4])
            _settle_by_python(slot, out, rows[j], n, total, square)


def _walk(slot: Slot, made: PreparedLane, out: Output, rows: Any, window: Any, late: bool) -> None:
    column, distinct = made.material(slot), slot.aggregate == "distinct_count"
    arguments: dict[str, Any] = dict(slot.parameters)
    codes = column.codes["distinct" if distinct else float(arguments["accuracy"])]
    values = np.zeros(0) if distinct else sketches.bucket_values(float(arguments["accuracy"]))
    bound = int(arguments["exact_up_to"]) if distinct else 0
    rule = (bound, sketches.linear_table(), 0.0 if distinct else float(arguments["q"]), values)
    moved, arrival = (made.moved, made.arrival) if late else (NO_INT, NO_INT)
    lane = (made.asked[1], made.start, moved, arrival, made.asked[2])
    state = sketches.empty_state(codes[2].size if distinct else values.size, distinct)
    valid = out.valid[0] if out.nullable else np.zeros(out.whole[0].size, np.uint8)
    sketches.walk(rows, window, lane, codes, state, rule, (out.whole[0], out.real[0], valid))


def _since(slot: Slot, made: PreparedLane, out: Output, rows: Any) -> None:
    if slot.aggregate == TIME:
        some = rows[out.valid[0][rows] != 0]
        out.whole[0][some] = made.asked[0][some] - out.whole[0][some]


def _sum_mode(slot: Slot) -> int:
    if slot.aggregate == "mean":
        return folds.MEAN
    return folds.SUM_FLOAT if slot.fractional else folds.SUM_INT


def _check_sums(slot: Slot, row: int) -> None:
    if row >= 0:
        raise Refused(
            "DS501",
            f"feature '{slot.feature}': the sum of one window passes 64 bits",
            facts=(f"it is the window of question {row}", f"values are kept in units of 1/{slot.scale}"),
            hint="give the column fewer digits or bits, or the window a shorter width",
        )


def _check_squares(slot: Slot, column: Material, window: Any) -> None:
    lo, hi, _, _ = window
    most = int((hi - lo).max(initial=0)) + 1
    if most * column.largest * column.largest >= 2**127:
        _refuse_squares(slot)


def _refuse_squares(slot: Slot) -> None:
    raise Refused(
        "DS502",
        f"feature '{slot.feature}': the sum of squares of one window may pass 128 bits",
        facts=(f"values are kept in units of 1/{slot.scale}",),
        hint="give the column fewer digits or bits, or the window a shorter width",
    )
