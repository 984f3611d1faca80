"""What an engine is: a pipeline and a log go in, tables come out, the same bits whichever engine it is.

A log holds each source's events as the lake stores them: the source's columns in their canonical types, and
`_load` (the number of the load that brought the event) and `_position` (when it was known, in microseconds).
Its order is total: (`_load`, `_position`, source name, event time, key). A question sees the events that stand
before it. Whatever the log holds physically in another order or in several frames, the order above decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import polars as pl

from dayshift.definition import Calendar, Pipeline, RowFeature

if TYPE_CHECKING:
    from dayshift.engines.capabilities import Capability

LOAD, POSITION, AS_OF = "_load", "_position", "as_of"
FINGERPRINT, POLICY = "_fingerprint", "_policy"
LABEL, RIPE_AT = "label", "ripe_at"

Policy = Literal["as_known", "hindsight"]
"""`as_known`: what had arrived before the question. `hindsight`: what we know today; its rows say so."""

TIME = pl.Datetime("us", "UTC")
DTYPES: Mapping[str, pl.DataType] = {
    "str": pl.String(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "decimal": pl.Float64(),
    "bool": pl.Boolean(),
    "datetime": TIME,
    "date": pl.Date(),
}
"""A column's type in every table, by the name of its type in the definition."""


class Log(Protocol):
    """The events that an engine may read. `Lake.as_log()` is one, `FrameLog` another."""

    @property
    def last_load(self) -> int:
        """The number of the last committed load; 0 when there is none."""
        ...

    def scan(self, source: str) -> pl.LazyFrame:
        """All events of a source with `_load` and `_position`, in any physical order.

        A source that has never been loaded is a frame without columns, or NotReady DS410: it has no events.
        """
        ...

    def bits(self, source: str) -> Mapping[str, int]:
        """The measured power of two of each "float" column of a source that declares none."""
        ...

    def made(self) -> Mapping[int, int]:
        """When each load was made, in microseconds since 1970 UTC; a load of which nobody knows is absent."""
        ...


@dataclass(frozen=True)
class Counted:
    """An event that `why` speaks of: its key, its times, the value that the aggregate reads, and why it was left out."""

    key: Mapping[str, Any]
    event_time_us: int
    known_us: int
    load: int
    value: Any
    reason: str | None = None


@dataclass(frozen=True)
class Baseline:
    """The longer window that a value is put in relation to: its bounds, as those of `Explanation`, and its events."""

    low_us: int | None
    high_us: int
    closed: str
    counted: tuple[Counted, ...]


@dataclass(frozen=True)
class Explanation:
    """How one value of one feature came about.

    `low_us` and `high_us` bound the window (`low_us` None: the whole past); which end is closed says `closed`.
    `counted` are the events that made the value, `left_out` those of the same entity near the window that did not,
    each with its reason. `value` is the kernel's, `reference` the reference interpreter's; they are `equal` or there
    is a bug. `baseline` is there for a ratio or a difference.
    """

    feature: str
    question: Mapping[str, Any]
    as_of_us: int
    load: int
    low_us: int | None
    high_us: int
    closed: str
    counted: tuple[Counted, ...]
    left_out: tuple[Counted, ...]
    value: Any
    reference: Any
    equal: bool
    baseline: Baseline | None = None


class Session(Protocol):
    """A pipeline's features as its events come: the numbers that `Engine.features` has of the same log."""

    def take(self, frames: Mapping[str, pl.DataFrame], upto_us: int | None = None) -> pl.DataFrame:
        """The features of the next questions.

        Args:
            frames: by source, the next events in the log's order, behind all that were taken before: columns in their
                canonical types, `_load` and `_position`. A source may be absent.
            upto_us: how far the log's clock has come, microseconds since 1970; a calendar's ticks up to then are due even
                without an event behind them. Every later event must be known after it.

        Returns:
            As `Engine.features`: `features_schema`, in the log's order, rows out = questions in.
        """
        ...

    def snapshot(self, load: int) -> Callable[[], bytes]:
        """What `Engine.advance` and `Engine.session` continue from, after this load and all that was taken.

        The session may go on at once; the returned function may be called later, on another thread.
        """
        ...

    @property
    def size(self) -> Mapping[str, int]:
        """What it holds: `keys` (entities of all series), `events` in windows, `bytes`."""
        ...


@runtime_checkable
class Engine(Protocol):
    """What every engine does. What it cannot, it refuses, naming those that can (`capabilities.require`)."""

    name: str
    capabilities: frozenset[Capability]

    def features(
        self,
        pipeline: Pipeline,
        log: Log,
        *,
        loads: tuple[int, int] | None = None,
        between: tuple[int, int] | None = None,
        policy: Policy = "as_known",
    ) -> Iterator[pl.DataFrame]:
        """The features of the pipeline's questions, from the log, in memory that does not grow with the log.

        Args:
            loads: only questions asked in these loads, both ends included; None for all.
            between: only questions with `from_us <= as_of < to_us`, microseconds since 1970 UTC; None for all.

        Returns:
            Frames with the columns of `features_schema`, together in log order; rows out = questions in.
        """
        ...

    def advance(
        self, pipeline: Pipeline, log: Log, state: bytes | None, *, loads: tuple[int, int]
    ) -> tuple[Iterator[pl.DataFrame], Callable[[], bytes]]:
        """The same numbers as `features(loads=loads)`, from a saved state and the new loads.

        Args:
            state: what the returned function gave after the load before `loads[0]`; None starts at the log's beginning.
            loads: the first and the last load to read.

        Returns:
            The frames, and a function that gives the state after `loads[1]`; call it when the frames are read to the end.

        Raises:
            Refused: DS523, the state is damaged, belongs to other features or to another load.
        """
        ...

    def session(self, pipeline: Pipeline, log: Callable[[], Log], state: bytes | None) -> Session:
        """The pipeline live, behind the events that `state` holds; None begins at the log's beginning.

        Args:
            log: gives, whenever asked, the log with every event taken so far, those of the running `take` among them: a
                question that reaches below what the session still holds is answered from it.

        Raises:
            Refused: DS523, the state is damaged or belongs to other features.
        """
        ...

    def labels(self, pipeline: Pipeline, questions: pl.DataFrame, log: Log) -> pl.DataFrame:
        """The label of each question as the log knows it today: `labels_schema`, rows out = rows in, in order.

        `questions` holds the question's key columns and `as_of`; other columns are ignored. A question without an
        answer has the label's `missing`, null when that is None. `ripe_at` says from when the label may be used.
        """
        ...

    def explain(self, pipeline: Pipeline, log: Log, feature: str, question: Mapping[str, Any]) -> Explanation:
        """How one value came about; `question` gives the question's key columns, and `as_of` for a calendar."""
        ...


@dataclass(frozen=True)
class FrameLog:
    """A log held in memory: a frame a source, with `_load` and `_position`.

    >>> FrameLog({}).last_load
    0
    """

    frames: Mapping[str, pl.DataFrame | pl.LazyFrame]
    measured: Mapping[str, Mapping[str, int]] | None = None

    @property
    def last_load(self) -> int:
        """The largest `_load` of all frames; 0 when there is none."""
        tops = [frame.lazy().select(pl.col(LOAD).max()).collect().item() for frame in self.frames.values()]
        return max((top for top in tops if top is not None), default=0)

    def scan(self, source: str) -> pl.LazyFrame:
        """The frame of a source."""
        return self.frames[source].lazy()

    def bits(self, source: str) -> Mapping[str, int]:
        """What was given as measured, for each source."""
        return (self.measured or {}).get(source, {})

    def made(self) -> Mapping[int, int]:
        """Nothing: a frame does not say when it was loaded."""
        return {}


def question_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """The columns that identify a question together with `as_of`: the asking event's key, or the calendar's `by`."""
    predict = pipeline.predict
    return predict.by if isinstance(predict, Calendar) else predict.key_columns


def features_schema(pipeline: Pipeline) -> dict[str, pl.DataType | None]:
    """The columns of a features table in order; None for a row feature, whose expression decides its type."""
    columns = pipeline.asker.columns
    schema: dict[str, pl.DataType | None] = {LOAD: pl.Int64(), POSITION: pl.Int64(), AS_OF: TIME}
    schema.update((name, DTYPES[columns[name].type]) for name in question_columns(pipeline))
    for feature in pipeline.flat:
        kind = None if isinstance(feature, RowFeature) else DTYPES[feature.type]
        schema.update((name, kind) for name in feature.columns)
    schema.update({FINGERPRINT: pl.String(), POLICY: pl.String()})
    return schema


def labels_schema(pipeline: Pipeline) -> dict[str, pl.DataType | None]:
    """The columns of a labels table in order; None for the label, whose expression decides its type."""
    columns = pipeline.asker.columns
    keys = {name: DTYPES[columns[name].type] for name in question_columns(pipeline)}
    return {**keys, AS_OF: TIME, LABEL: None, RIPE_AT: TIME}
