"""Compile window features into tables of small integers that fixed kernels can follow.

A *series* is a source seen through a tuple of keys: the events of one entity, and the questions about it. A *span* is a
stretch of time before a question in one series; features that share one share the search for its two ends. A *slot* is
one aggregate of one column over one span, filling one answer (`last_n`: n answers). A feature relative to a baseline
owns a second, hidden slot; `finish.py` puts the two in relation and fills nulls.

A *lane* is what the kernels walk: the events of a series that one aggregate can see, i.e. all of them, or those where an
optional column is not null. Inside a lane there are no nulls, so no kernel has to ask for them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dayshift.definition import Window, WindowFeature
from dayshift.definition.aggregate import result_type

NO_WIDTH = -1
"""The width of a span that looks at the whole past."""


@dataclass(frozen=True)
class Series:
    """The events of `source` by entity; `keys` pairs a column of the source with the question's column."""

    source: str
    keys: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The key columns of the source: the name of the entities in `Events.entities`."""
        return tuple(column for column, _ in self.keys)


@dataclass(frozen=True)
class Span:
    """A stretch of time before a question, in microseconds; `width` is `NO_WIDTH` for the whole past."""

    series: int
    width: int
    delay: int
    right: bool
    with_self: bool


@dataclass(frozen=True)
class Slot:
    """One aggregate over one span. `reads` is the column of `Events.columns`, None for none; `scale` that of its values.

    `type` is the type of its values. `feature` is the name to use in messages. `outputs` is how many answers it fills.
    """

    span: int
    aggregate: str
    reads: str | None
    optional: bool
    scale: int
    type: str
    feature: str
    parameters: tuple[tuple[str, Any], ...] = ()
    outputs: int = 1

    @property
    def fractional(self) -> bool:
        """Whether the values themselves are fixed-point numbers, to be divided by `scale` on the way out."""
        return self.type == "float"


@dataclass(frozen=True)
class Column:
    """One answer: its name in every table and the type of its values (one of `definition.column.TYPES`)."""

    name: str
    type: str


@dataclass(frozen=True)
class Finish:
    """How a feature's answers come from slots: `slot`, its `base` (None for none), the relation and the fill."""

    slot: int
    base: int | None
    relative: str | None
    fill: Any
    type: str


@dataclass(frozen=True)
class Lane:
    """The events of one series that the slots in `slots` can see: where column `reads` is not null, or all (None)."""

    series: int
    reads: str | None
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """What `history.answer` and `stream.State` follow; made by `compile_plan`, equal for equal features."""

    series: tuple[Series, ...]
    spans: tuple[Span, ...]
    slots: tuple[Slot, ...]
    finishes: tuple[Finish, ...]
    columns: tuple[Column, ...]

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that name the tables: states of another plan are refused by it."""
        text = repr((self.series, self.spans, self.slots))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @cached_property
    def plain(self) -> bool:
        """Whether the answers of slots are those of features as they stand: without baselines and fills."""
        return all(rule.base is None and rule.fill is None for rule in self.finishes)

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes when every optional column may hold nulls."""
        return self.lanes_where(lambda series, slot: slot.optional)

    def lanes_where(self, nullable: Any) -> tuple[Lane, ...]:
        """Slots grouped by what they see; `nullable(series, slot)` says whether the slot's column holds nulls."""
        grouped: dict[tuple[int, str | None], list[int]] = {}
        for number, slot in enumerate(self.slots):
            series = self.spans[slot.span].series
            own = slot.reads if slot.reads is not None and nullable(self.series[series], slot) else None
            grouped.setdefault((series, own), []).append(number)
        return tuple(Lane(series, reads, tuple(slots)) for (series, reads), slots in grouped.items())

    def may_be_null(self, source: str, column: str) -> bool:
        """Whether a column that some slot reads is optional."""
        return any(
            slot.optional
            for slot in self.slots
            if slot.reads == column and self.series[self.spans[slot.span].series].source == source
        )

    def reads(self, source: str) -> tuple[str, ...]:
        """The columns of a source that must stand in `Events.columns`, sorted; `hash:NAME` for hashes of strings."""
        return tuple(
            sorted(
                {
                    slot.reads
                    for slot in self.slots
                    if slot.reads is not None and self.series[self.spans[slot.span].series].source == source
                }
            )
        )


class _Tables:
    """Numbers things in the order of their first appearance."""

    def __init__(self, scales: Mapping[tuple[str, str], int]) -> None:
        self.scales = scales
        self.series: dict[Series, int] = {}
        self.spans: dict[Span, int] = {}
        self.slots: dict[tuple[Any, ...], int] = {}
        self.made: list[Slot] = []

    def span(self, feature: WindowFeature, window: Window) -> int:
        series = Series(feature.source.name, feature.keys)
        width = NO_WIDTH if window.width_us is None else window.width_us
        span = Span(
            self.series.setdefault(series, len(self.series)),
            width,
            window.delay_us,
            window.closed == "right",
            window.including_self,
        )
        return self.spans.setdefault(span, len(self.spans))

    def slot(self, feature: WindowFeature, window: Window) -> int:
        aggregate, column = feature.aggregate, feature.column
        reads = aggregate.column
        hashed = aggregate.name == "distinct_count" and column is not None and column.type == "str"
        arguments = tuple(sorted(aggregate.arguments))
        slot = Slot(
            span=self.span(feature, window),
            aggregate=aggregate.name,
            reads=f"hash:{reads}" if hashed else reads,
            optional=column is not None and column.optional,
            scale=self._scale(feature),
            type=result_type(aggregate, column),
            feature=feature.name,
            parameters=arguments,
            outputs=int(str(dict(arguments)["n"])) if aggregate.name == "last_n" else 1,
        )
        identity = (slot.span, slot.aggregate, slot.reads, arguments)
        if identity not in self.slots:
            self.slots[identity] = len(self.made)
            self.made.append(slot)
        return self.slots[identity]

    def _scale(self, feature: WindowFeature) -> int:
        column = feature.column
        if column is None or column.type in ("int", "bool", "str", "datetime", "date"):
            return 1
        return self.scales[feature.source.name, str(feature.aggregate.column)]


def compile_plan(features: Sequence[WindowFeature], scales: Mapping[tuple[str, str], int]) -> Plan:
    """The tables for these features, whose answers come in the features' order, `last_n` expanded.

    Args:
        features: window features that `check` has found to be without fault.
        scales: (source, column) to the fixed point's scale, for each decimal and float column that a feature reads.

    >>> from dayshift.definition import Source
    >>> payments = Source("payments", time="at", key="id", schema={"card": str, "amount": int})
    >>> plan = compile_plan(payments.by("card").over("1d", "7d").mean("amount"), {})
    >>> [column.name for column in plan.columns], len(plan.series), len(plan.spans)
    (['payments_mean_amount_by_card_1d', 'payments_mean_amount_by_card_7d'], 1, 2)
    """
    tables = _Tables(scales)
    finishes, columns = [], []
    for feature in features:
        slot = tables.slot(feature, feature.window)
        base = tables.slot(feature, feature.baseline) if feature.relative and feature.baseline else None
        finishes.append(Finish(slot, base, feature.relative, feature.fill, feature.type))
        columns += [Column(name, feature.type) for name in feature.columns]
    return Plan(tuple(tables.series), tuple(tables.spans), tuple(tables.made), tuple(finishes), tuple(columns))
