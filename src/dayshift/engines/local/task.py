"""What one pipeline asks of the engine, worked out once: what to read of each source, how far back, in which scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from polars import DataType

from dayshift.definition import Calendar, Pipeline, RowFeature, Source, Window, WindowFeature
from dayshift.engines.contract import AS_OF, DTYPES, LOAD, POSITION, Log, question_columns
from dayshift.engines.local import rows
from dayshift.kernel.plan import Plan, compile_plan
from dayshift.semantics.fixed_point import scale_of


@dataclass(frozen=True)
class Reading:
    """What is read of one source: the columns, and those of its features' windows that reach furthest and least far.

    `back_us` None: some window has no lower bound. `ahead_us` is the smallest delay: newer events cannot count.
    """

    source: Source
    columns: tuple[str, ...]
    values: tuple[str, ...] = ()
    back_us: int | None = 0
    ahead_us: int = 0

    @property
    def is_counted(self) -> bool:
        """Whether some feature counts its events; otherwise they only ask."""
        return self.back_us != 0


@dataclass(frozen=True)
class Task:
    """One pipeline with its scales, its kernel plan and what to read."""

    pipeline: Pipeline
    scales: Mapping[tuple[str, str], int]
    features: tuple[WindowFeature, ...] = field(default=())

    @staticmethod
    def of(pipeline: Pipeline, log: Log) -> Task:
        """The task of a pipeline; the log says how floats without declared bits were measured."""
        features = pipeline.window_features
        read = {(f.source.name, f.aggregate.column): f for f in features if f.column is not None}
        bits = {f.source.name: log.bits(f.source.name) for f in features}
        scales = {
            (source, str(name)): scale_of(feature.source.columns[str(name)], bits[source].get(str(name)))
            for (source, name), feature in read.items()
        }
        return Task(pipeline, scales, features)

    @cached_property
    def plan(self) -> Plan:
        """The kernel's plan of the window features."""
        return compile_plan(self.features, self.scales)

    @cached_property
    def keys(self) -> dict[str, list[tuple[str, ...]]]:
        """By source name: the tuples of key columns under which its events are counted, sorted."""
        found = {(series.source, series.columns) for series in self.plan.series}
        return {name: sorted(key for source, key in found if source == name) for name in self.readings}

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """By source name: what `Plan.reads` says."""
        return {name: self.plan.reads(name) for name in self.readings}

    @cached_property
    def answered(self) -> list[tuple[str, WindowFeature, DataType]]:
        """The columns of window features in order: name, feature and type."""
        return [(name, feature, DTYPES[feature.type]) for feature in self.features for name in feature.columns]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of all feature columns, in order."""
        return self.pipeline.columns

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The columns that name a question in the features table, before the features."""
        return tuple(dict.fromkeys([LOAD, POSITION, AS_OF, *question_columns(self.pipeline)]))

    @cached_property
    def row_features(self) -> tuple[RowFeature, ...]:
        """The features of the question's own row."""
        return self.pipeline.row_features

    @cached_property
    def asker(self) -> str:
        """The name of the source whose events, or whose entities, are asked for."""
        return str(self.pipeline.asker.name)

    @property
    def calendar(self) -> Calendar | None:
        """The calendar that asks, or None when events do."""
        predict = self.pipeline.predict
        return predict if isinstance(predict, Calendar) else None

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """By source name, sorted: every source whose events count or ask."""
        sources = {f.source.name: f.source for f in self.features}
        sources[self.pipeline.asker.name] = self.pipeline.asker
        return {name: self._reading(sources[name]) for name in sorted(sources)}

    @cached_property
    def slack_us(self) -> int:
        """How much further back than the next stretch needs events are kept: later ones may ask a little earlier."""
        return max((reading.back_us or 0 for reading in self.readings.values()), default=0) // 16

    @property
    def is_unbounded(self) -> bool:
        """Whether some window looks at the whole past."""
        return any(reading.back_us is None for reading in self.readings.values())

    def _reading(self, source: Source) -> Reading:
        mine = [feature for feature in self.features if feature.source.name == source.name]
        columns = [source.time, *source.key_columns]
        columns += [column for feature in mine for column, _ in feature.keys]
        values = [feature.aggregate.column for feature in mine if feature.aggregate.column is not None]
        if source.name == self.pipeline.asker.name:
            columns += self.asked_columns()
        windows = [window for feature in mine for window in (feature.window, feature.baseline) if window]
        return Reading(
            source,
            tuple(dict.fromkeys([*columns, *values])),
            tuple(dict.fromkeys(values)),
            _back(windows),
            min((window.delay_us for window in windows), default=0),
        )

    def asked_columns(self) -> list[str]:
        """The columns that a question must hold: its names, mapped keys, and what row features read."""
        columns = list(question_columns(self.pipeline))
        if self.calendar is None:
            columns += [asked for feature in self.features for _, asked in feature.keys]
            columns += rows.inputs(self.pipeline.row_features, tuple(self.pipeline.asker.columns))
        return columns


def _back(windows: list[Window]) -> int | None:
    reach = 0
    for window in windows:
        if window.width_us is None:
            return None
        reach = max(reach, window.delay_us + window.width_us + 1)
    return reach
