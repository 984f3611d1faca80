"""The plan as tables for the stream's kernels, and where each thing stands in the state's memory.

The state is one array of int64 words, so that saving it is copying it, and a kernel in another language could take it
over. Places in it are offsets. From the front:

    header     next free word; the clock (largest as_of seen, microseconds); words needed where there was no room; the
               slack; the slot whose sum passed its bits; where the tables, the row and the answer stand
    tables     the plan: lanes, spans, slots, columns, then reals (doubles, bit for bit) that slots point to
    row        the row of the tape at hand
    answer     its values by output line, whether each is valid, whether an evicted event is missed, words of variances
               that pass 128 bits on the way
    columns    for each lane column the largest magnitude seen (a proof that sums fit)
    lanes      for each lane: its directory (entity -> head) with capacity, the sweeping hand, the floor (largest time
               of any event whose entity has been forgotten), free heads, free rings by size, events held
    the rest   directories, heads and rings, as they were needed

One array, and inside it offsets, is also what makes the kernels fast: nothing else need be passed or counted.

A *head* is one entity of one lane: ring, capacity (a power of two), start and end (counting up for ever; place `i` of a
ring stands at `i mod capacity`), the largest time of an evicted event, the number of folded events, the wide block;
guesses where windows end (one for each upper bound that spans have) and begin (one for each span); for each column the
sums of all entries, and, where some span looks at the whole past, what was folded (`BASE_*`). Once a sum may pass 64
bits, the head has a *wide block*: for each span and column a stretch of places and its sum in 128 bits (`W_*`). A *ring*
holds entries in order of (time, arrival): time, then per column the value, the sum of the values before it, that of their
squares (two words), whichever some aggregate needs; behind the entries stand the inner nodes of a segment tree for each
extreme. A window's sum is thus the difference of what stands at its two ends, the end of the ring being the head.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dayshift.kernel import numbers
from dayshift.kernel.plan import NO_WIDTH, Plan, Slot
from dayshift.kernel.sketches import bucket_bounds, bucket_values, linear_table

NEVER = -(2**63)

# header
NEXT, CLOCK, NEED, SLACK, FAULT, LANES, LANES_END, ROW, ANSWER, OUTPUTS, WIDTH, TABLES = range(12)
# a lane's record
DIRECTORY, DIRECTORY_SIZE, HAND, FLOOR, FREE_HEAD, HELD, FREE_WIDE, FREE_RING, LANE_WORDS = 0, 1, 2, 3, 4, 5, 6, 7, 71
# a head
RING, SIZE, START, END, EVICTED, FOLDED, WIDE, GUESSES = 0, 1, 2, 3, 4, 5, 6, 7
# a span's and column's part of a wide block: the places [low, high) and their sum
W_LOW, W_HIGH, W_SUM_HIGH, W_SUM, WIDE_WORDS = range(5)
# a column's part of a head, as far as it is needed: the sums before the ring's end; folded sum (low, high) and squares
# (high, low); extremes; time and value of the first event
TOTAL, TOTAL_SQUARE, BASE_SUM, BASE_SUM_HIGH, BASE_SQUARE = 0, 1, 3, 4, 5
BASE_MIN, BASE_MAX, BASE_FIRST_TIME, BASE_FIRST, BASE_WORDS = 7, 8, 9, 10, 11

# words of the tables' rows
LANE_ROW, SPAN_WORDS, SLOT_WORDS, COLUMN_WORDS = 16, 8, 16, 8
L_ENTITY, L_SOURCE, L_FILTER, L_SPAN, L_SPANS, L_COLUMN, L_COLUMNS, L_STRIDE, L_TREES = range(9)
L_HEAD, L_HORIZON, L_KEEP, L_UNBOUNDED, L_RECORD, L_ASKED, L_GUESSED = range(9, 16)
S_WIDTH, S_DELAY, S_RIGHT, S_SELF, S_SLOT, S_SLOTS, S_UPPER, S_LOWER = range(8)
K_CODE, K_COLUMN, K_OUT, K_OUTPUTS, K_ODD, K_MODE, K_REAL, K_COUNT, K_PARTS = range(9)
C_TAPE, C_VALUE, C_PREFIX, C_SQUARE, C_MIN, C_MAX, C_BASE, C_LARGEST = range(8)

COUNT, SUMS, DEVIATION, MINIMUM, MAXIMUM, FIRST, LAST, SINCE, DISTINCT, QUANTILE = range(10)
_CODES = {
    "count": COUNT, "sum": SUMS, "mean": SUMS, "min": MINIMUM, "max": MAXIMUM, "first": FIRST, "last": LAST,
    "last_n": LAST, "time_since_last": SINCE, "distinct_count": DISTINCT, "quantile": QUANTILE,
}  # fmt: skip

# a row of the tape: the event's source (-1: none) and time, the question's row (-1: none) and as_of, whether the event
# asks it; then entities of the event by series, of the question by series, values and masks by column
T_SOURCE, T_TIME, T_ROW, T_AS_OF, T_OWN, T_ENTITIES = range(6)


@dataclass(frozen=True)
class Tape:
    """Which word of a tape's row holds what: by `keys`, (source, key columns) of each series, and `columns`, (source, name)."""

    sources: tuple[str, ...]
    keys: tuple[tuple[str, tuple[str, ...]], ...]
    columns: tuple[tuple[str, str], ...]

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self.keys)

    @property
    def width(self) -> int:
        """Words a row."""
        return T_ENTITIES + 2 * self.series + 2 * len(self.columns)

    @property
    def values(self) -> int:
        """The first value's word; its mask stands `len(columns)` further."""
        return T_ENTITIES + 2 * self.series


@dataclass(frozen=True)
class Tables:
    """The first words of a state of a plan, and what its caller must know of them.

    `words` is the memory of an empty state; `lines[slot]` are the lines of the answer that a slot fills; `parts[slot]`
    is where in an answer the words of a variance stand, -1 for other slots; `records` where each lane's record stands.
    """

    words: Any
    tape: Tape
    outputs: int
    lines: tuple[tuple[int, ...], ...]
    parts: tuple[int, ...]
    records: tuple[int, ...]


class _Build:
    """Collects the rows of the tables."""

    def __init__(self, plan: Plan, sources: tuple[str, ...]) -> None:
        self.plan, self.sources = plan, sources
        keys = tuple((series.source, series.columns) for series in plan.series)
        self.tape = Tape(sources, keys, tuple((source, name) for source in sources for name in plan.reads(source)))
        self.lanes: list[list[int]] = []
        self.spans: list[list[int]] = []
        self.slots: list[list[int]] = []
        self.columns: list[list[int]] = []
        self.reals: list[float] = []
        self.parts = 0
        self.outputs: list[tuple[int, ...]] = []
        at = 0
        for slot in plan.slots:
            self.outputs.append(tuple(range(at, at + slot.outputs)))
            at += slot.outputs
        self.count = at

    def lane(self, number: int) -> None:
        """Add one lane with its columns, spans and slots."""
        plan, lane = self.plan, self.plan.lanes[number]
        slots = [plan.slots[each] for each in lane.slots]
        source = plan.series[lane.series].source
        first_column, first_span = len(self.columns), len(self.spans)
        spans = sorted({slot.span for slot in slots}, key=lambda at: (plan.spans[at].delay, plan.spans[at].right, at))
        names = sorted({slot.reads for slot in slots if slot.reads is not None})
        unbounded = [slot for slot in slots if plan.spans[slot.span].width == NO_WIDTH]
        uppers = [(plan.spans[span].delay, plan.spans[span].right) for span in spans]
        stride, trees, head = 1, 0, GUESSES + len(set(uppers)) + len(spans)
        for name in names:
            stride, trees, head = self._column(source, name, slots, (stride, trees, head))
        lower, upper = GUESSES + len(set(uppers)), GUESSES - 1
        for at, span in enumerate(spans):
            new = at == 0 or uppers[at - 1] != uppers[at]
            upper += new
            mine = [each for each in lane.slots if plan.slots[each].span == span]
            self._span(span, mine, (names, first_column), [upper if new else 0, lower + at])
        reach = [plan.spans[span].delay + max(plan.spans[span].width, 0) + 1 for span in spans]
        keep = [slot.outputs for slot in unbounded if slot.aggregate in ("last", "last_n", "time_since_last")]
        self.lanes.append(
            [T_ENTITIES + lane.series, self.sources.index(source), self._mask(source, lane.reads), first_span, len(self.spans),
             first_column, len(self.columns), stride, trees, head, max(reach), max(keep, default=0), len(unbounded), 0,
             T_ENTITIES + self.tape.series + lane.series, lower + len(spans)]
        )  # fmt: skip

    def _mask(self, source: str, name: str | None) -> int:
        if name is None:
            return -1
        return self.tape.values + len(self.tape.columns) + self.tape.columns.index((source, name))

    def _column(self, source: str, name: str, slots: list[Slot], sizes: tuple[int, int, int]) -> tuple[int, int, int]:
        stride, trees, head = sizes
        uses = {_code(slot) for slot in slots if slot.reads == name}
        row = [self.tape.values + self.tape.columns.index((source, name)), -1, -1, -1, -1, -1, head, 0]
        if uses & {MINIMUM, MAXIMUM, FIRST, LAST, DISTINCT, QUANTILE}:
            row[C_VALUE], stride = stride, stride + 1
        if uses & {SUMS, DEVIATION}:
            row[C_PREFIX], stride = stride, stride + 1
        if DEVIATION in uses:
            row[C_SQUARE], stride = stride, stride + 2
        for code, at in ((MINIMUM, C_MIN), (MAXIMUM, C_MAX)):
            if code in uses:
                row[at], trees = trees, trees + 1
        self.columns.append(row)
        return stride, trees, head + self._head_words(uses, slots)

    def _head_words(self, uses: set[int], slots: list[Slot]) -> int:
        """How many words a column takes in a head."""
        if any(self.plan.spans[slot.span].width == NO_WIDTH for slot in slots):
            return BASE_WORDS
        return BASE_SUM if DEVIATION in uses else int(SUMS in uses)

    def _span(self, number: int, slots: list[int], columns: tuple[list[str], int], guesses: list[int]) -> None:
        names, first = columns
        first_slot = len(self.slots)
        for each in slots:
            self._slot(
                each,
                -1 if self.plan.slots[each].reads is None else first + names.index(str(self.plan.slots[each].reads)),
            )
        span = self.plan.spans[number]
        ends = [span.width, span.delay, int(span.right), int(span.with_self), first_slot, len(self.slots)]
        self.spans.append(ends + guesses)

    def _slot(self, number: int, column: int) -> None:
        from dayshift.kernel.slots import MODES, sum_mode

        slot = self.plan.slots[number]
        arguments: dict[str, Any] = dict(slot.parameters)
        odd, factor = numbers.fixed_point(slot.scale)
        code, mode, count, parts = _code(slot), int(slot.fractional), 0, -1
        real = len(self.reals)
        self.reals.append(factor)
        if code == SUMS:
            mode = sum_mode(slot)
        elif code == DEVIATION:
            mode, parts = MODES[slot.aggregate], self.parts
            self.parts += 1
        elif code == DISTINCT:
            count, mode = int(arguments["exact_up_to"]), int(str(slot.reads).startswith("hash:"))
            self.reals += [float(each) for each in linear_table()]
        elif code == QUANTILE:
            bounds = bucket_bounds(float(arguments["accuracy"]))
            count = bounds.size
            positive = bucket_values(float(arguments["accuracy"]))[count + 1 :]
            self.reals += [float(slot.scale), float(arguments["q"]), *bounds, *positive]
        outputs = self.outputs[number]
        self.slots.append([code, column, outputs[0], len(outputs), odd, mode, real, count, parts])


def _code(slot: Slot) -> int:
    return _CODES.get(slot.aggregate, DEVIATION)


def lay_out(plan: Plan) -> Tables:
    """The tables of a plan, the same for the same plan, as the memory of an empty state."""
    build = _Build(plan, tuple(sorted({series.source for series in plan.series})))
    for number in range(len(plan.lanes)):
        build.lane(number)
    lanes, spans, slots, columns = build.lanes, build.spans, build.slots, build.columns
    at_spans = TABLES + LANE_ROW * len(lanes)
    at_slots = at_spans + SPAN_WORDS * len(spans)
    at_columns = at_slots + SLOT_WORDS * len(slots)
    at_reals = at_columns + COLUMN_WORDS * len(columns)
    row = at_reals + len(build.reals)
    answer = row + build.tape.width
    width = 2 * build.count + 1 + 5 * build.parts
    largest = answer + width
    records = tuple(largest + len(columns) + LANE_WORDS * number for number in range(len(lanes)))
    for number, column in enumerate(columns):
        column[C_LARGEST] = largest + number
    for lane, record in zip(lanes, records, strict=True):
        lane[L_RECORD] = record
        _point(lane, (L_SPAN, L_SPANS), at_spans, SPAN_WORDS)
        _point(lane, (L_COLUMN, L_COLUMNS), at_columns, COLUMN_WORDS)
    for span in spans:
        _point(span, (S_SLOT, S_SLOTS), at_slots, SLOT_WORDS)
    for slot in slots:
        if slot[K_COLUMN] >= 0:
            _point(slot, (K_COLUMN,), at_columns, COLUMN_WORDS)
        slot[K_REAL] += at_reals
        slot[K_PARTS] = 2 * build.count + 1 + 5 * slot[K_PARTS] if slot[K_PARTS] >= 0 else -1
    words = np.zeros(records[-1] + LANE_WORDS if records else largest, np.int64)
    words[:TABLES] = [words.size, -(2**62), 0, 0, 0, TABLES, at_spans, row, answer, build.count, width]
    _write(words, TABLES, lanes, LANE_ROW)
    _write(words, at_spans, spans, SPAN_WORDS)
    _write(words, at_slots, slots, SLOT_WORDS)
    _write(words, at_columns, columns, COLUMN_WORDS)
    words[at_reals:row] = np.array(build.reals, np.float64).view(np.int64)
    for record in records:
        words[record + FLOOR] = NEVER
    parts = {slot[K_OUT]: slot[K_PARTS] for slot in slots}
    lines = tuple(build.outputs)
    return Tables(words, build.tape, build.count, lines, tuple(parts[line[0]] for line in lines), records)


def _point(row: list[int], words: tuple[int, ...], table: int, width: int) -> None:
    """Turn numbers of rows into where they stand."""
    for word in words:
        row[word] = table + width * row[word]


def _write(words: Any, at: int, rows: list[list[int]], width: int) -> None:
    for number, row in enumerate(rows):
        words[at + width * number : at + width * number + len(row)] = row
