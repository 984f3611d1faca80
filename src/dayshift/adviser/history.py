"""A team's own history as the adviser replays it: every question, its answer, and its features in any situation.

A situation says how fresh features are and how soon labels are known. As of the event and with the declared delay they are
the engine's own, to the bit. In another they are what would have been known then, from the same log (`engines/local/asof.py`): the
questions, their rows and their answers stay the same.

Features come as 32-bit numbers and are not kept: a caller holds one situation's at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.adviser.evidence import FRESHNESS
from dayshift.adviser.small import small
from dayshift.adviser.some_entities import MOST_EVENTS, some_entities
from dayshift.definition import Calendar, Label, Pipeline
from dayshift.definition.fingerprint import features_fingerprint, label_fingerprint
from dayshift.definition.metric import Metric
from dayshift.diagnostics import DefinitionError, NotReady, UsageError
from dayshift.engines.contract import AS_OF, LABEL, RIPE_AT, Log, question_columns
from dayshift.engines.local.asof import Asof
from dayshift.engines.local.cuts import read
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.memory import give_back
from dayshift.engines.local.order import order_columns, sort_log
from dayshift.learners.estimator import kind_of, target_of
from dayshift.lifecycle.evaluate import metric_for
from dayshift.lifecycle.train import DEFAULT_METRIC

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]

HOUR_US = 3_600_000_000
UNITS: Mapping[str, int | None] = {"midnight": 24 * HOUR_US, "hour": HOUR_US, "event": None}
"""Of which length the last full multiple is meant; None: the question itself. Midnights and hours are those of UTC."""
LATE = 0.01
"""The share of questions that may be known late before it is worth a word."""
RESOLUTIONS = (24 * HOUR_US, HOUR_US, 60_000_000, 1_000_000, 1_000, 1)


@dataclass(frozen=True)
class Situation:
    """From when the features are, and how soon labels are known (None: as declared).

    >>> Situation("event", 86_400_000_000).label_delay_us
    86400000000
    """

    freshness: str = "midnight"
    label_delay_us: int | None = None

    def __post_init__(self) -> None:
        if self.freshness not in FRESHNESS:
            raise UsageError(
                "DS805", f"no freshness is called {self.freshness!r}", facts=(f"there are {', '.join(FRESHNESS)}",)
            )


class History:
    """Every question of a log with its answer; made by `read_history`.

    Attributes:
        pipeline: the definition.
        log, whole: the events that are replayed, and all there are, of which they may be some entities' (`some_entities.py`).
        metric: what the user calls better, the usual one where none is declared.
        kind: "classifier" or "regressor".
        questions: the columns that name a question, and `as_of`; all of them in the log's order.
        as_of: the same times in microseconds.
        label: the answer as a number (a classifier's 0 or 1), NaN where none is known by the end of the log.
        label_delay_us: how long after its question a label is declared to be ripe.
        known_until_us: up to when the log knows events.
        longest_window_us: how far back the widest window reaches, None for the whole past; 0 without windows.
        by: the columns that the metric counts by.
        resolution_us: the coarsest unit (day, hour, ... microsecond) of which all times of questions are multiples.
        stamps_us: the same of the events of the source that asks; another unit only where a calendar asks.
        reasons: why this history cannot settle all that is asked of it.
        notes: what its reader should know of it.
    """

    def __init__(self, pipeline: Pipeline, log: Log, *, threads: int | None = None, whole: Log | None = None) -> None:
        label = require(pipeline)
        self.pipeline, self.log, self._threads = pipeline, log, threads
        self.whole = log if whole is None else whole
        self._asof: Asof | None = None
        self.kind = kind_of(pipeline.model)
        self.metric: Metric = metric_for(pipeline.metric or DEFAULT_METRIC[self.kind], self.kind)
        asked = self.asof.asked
        if not asked.height or self.asof.known_until is None:
            raise _no_questions(pipeline)
        self.questions = asked.select(list(dict.fromkeys([*question_columns(pipeline), AS_OF])))
        self.as_of: Int64 = self.asof.time
        self.known_until_us: int = self.asof.known_until
        self.label_delay_us = label.ripe_after_us
        self.label, self._ripe_at = _answers(self, LocalEngine(threads))
        self.longest_window_us = _longest(pipeline)
        self.resolution_us = _resolution(self.as_of)
        self.stamps_us = _stamps(self)
        self.by: Mapping[str, pl.Series] = _by(self)
        self._rows = self.asof.row_features(small)
        self.asof.asked = self.questions
        self.reasons = _reasons(self)
        self.notes = _notes(self)

    @property
    def asof(self) -> Asof:
        """What makes features: the events, encoded; read again from the log when it was let go."""
        if self._asof is None:
            self._asof = Asof(self.pipeline, self.log, threads=self._threads)
            if hasattr(self, "questions"):
                self._asof.asked = self.questions
        return self._asof

    def let_go(self) -> None:
        """Give the events' memory back; features that are asked for later read the log anew."""
        self._asof = None
        give_back()

    def ripe_at(self, label_delay_us: int | None = None) -> Int64:
        """From when each label may be used, in microseconds; sooner for a shorter delay, never before its question."""
        shift = self._sooner(label_delay_us)
        return self._ripe_at if not shift else np.maximum(self.as_of, self._ripe_at - shift)

    def features(self, situation: Situation) -> pl.DataFrame:
        """The features of all questions in this situation, in their order; row features only for freshness "none".

        Numbers are 32 bits wide where a model would hardly notice; text, times and dates stay what they are.
        """
        found = dict(self._rows)
        if situation.freshness != "none":
            unit = UNITS[situation.freshness]
            found |= self.asof.features(unit, self._sooner(situation.label_delay_us), small)
        columns = [found[name].alias(name) for name in self.pipeline.columns if name in found]
        return pl.DataFrame(columns) if columns else pl.DataFrame(height=self.as_of.size)

    def sources_times(self) -> dict[str, tuple[Int64, Int64]]:
        """For each source of the pipeline when all its events happened and when they were known; read anew at each call."""
        found = {}
        for source in self.pipeline.sources:
            times = read(self.whole, source, [source.time]).select(pl.col(source.time).to_physical(), "_position")
            frame = times.collect(engine="streaming")
            found[source.name] = (frame[source.time].to_numpy(), frame["_position"].to_numpy())
        return found

    @cached_property
    def fingerprint(self) -> str:
        """Names what is replayed: the same for the same features, label and log."""
        digest = hashlib.blake2b(digest_size=16)
        for name in (features_fingerprint(self.pipeline), label_fingerprint(self.pipeline)):
            digest.update(name.encode())
        for array in (self.as_of, self.label, self._ripe_at, *self.asof.content()):
            digest.update(_bytes(array).data)
        for name, column in {**self._rows, **self.questions.to_dict()}.items():
            digest.update(name.encode())
            digest.update(_bytes(column.hash(0).to_numpy()).data)
        return digest.hexdigest()

    def _sooner(self, label_delay_us: int | None) -> int:
        if label_delay_us is None:
            return 0
        if not 0 <= label_delay_us <= self.label_delay_us:
            raise UsageError(
                "DS806",
                f"a label delay of {label_delay_us:,} µs cannot be replayed",
                facts=(f"the declared one is {self.label_delay_us:,} µs, and the history knows of nothing later",),
            )
        return self.label_delay_us - label_delay_us


def read_history(pipeline: Pipeline, log: Log, *, threads: int | None = None, most: int = MOST_EVENTS) -> History:
    """Reads the log once, and its labels; of one with more than `most` events some entities, where that can be.

    Raises:
        DefinitionError: DS802, the pipeline has no label; DS803, it has no model.
        NotReady: DS801, the log holds no question; DS804, no question has a label.
    """
    require(pipeline)
    chosen, said = some_entities(pipeline, log, most)
    found = History(pipeline, chosen, threads=threads, whole=log)
    found.notes = (*said, *found.notes)
    return found


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).view(np.uint8)


def require(pipeline: Pipeline) -> Label:
    """The label of a pipeline that can be advised on.

    Raises:
        DefinitionError: DS802, the pipeline has no label; DS803, it has no model.
    """
    if pipeline.label is None:
        raise DefinitionError(
            "DS802",
            f"pipeline {pipeline.name!r} has no label, so there is nothing to advise on",
            place=pipeline.place,
            hint='label=ds.Label(source, pl.col("column"), within="1d")',
        )
    if pipeline.model is None:
        raise DefinitionError(
            "DS803",
            f"pipeline {pipeline.name!r} has no model, so there is nothing to advise on",
            place=pipeline.place,
            hint="model=HistGradientBoostingClassifier()",
        )
    return pipeline.label


def _no_questions(pipeline: Pipeline) -> NotReady:
    return NotReady(
        "DS801",
        f"the history of pipeline {pipeline.name!r} holds no question",
        facts=(f"questions come from source {pipeline.asker.name!r}, and the log has none of it",),
        hint="dayshift run        # load history first",
    )


def _answers(history: History, engine: LocalEngine) -> tuple[Floats, Int64]:
    """Each question's label as a number, and when it is ripe."""
    found = engine.labels(history.pipeline, history.questions, history.log)
    ripe_at = found[RIPE_AT].to_physical().to_numpy()
    label = found[LABEL]
    del found
    give_back()
    known = label.is_not_null() & pl.Series(ripe_at <= history.known_until_us)
    if not known.any():
        raise _no_labels(history, int(label.is_not_null().sum()))
    return _numbers(label, known, history.kind), ripe_at


def _numbers(label: pl.Series, known: pl.Series, kind: str) -> Floats:
    numbers = target_of(label.filter(known), kind)
    found = np.full(len(label), np.nan)
    found[known.to_numpy()] = numbers
    return found


def _no_labels(history: History, unripe: int) -> NotReady:
    return NotReady(
        "DS804",
        f"no question of pipeline {history.pipeline.name!r} has a label",
        facts=(
            f"{history.as_of.size:,} asked so far",
            f"{unripe:,} answered, but not ripe by the end of the log" if unripe else "none of them is answered yet",
        ),
        hint="dayshift run        # loads answers; dayshift why shows what answers a question",
    )


def _longest(pipeline: Pipeline) -> int | None:
    windows = [each for f in pipeline.window_features for each in (f.window, f.baseline) if each is not None]
    if any(window.width_us is None for window in windows):
        return None
    return max((window.delay_us + (window.width_us or 0) for window in windows), default=0)


def _resolution(times: Int64) -> int:
    """The coarsest of the usual units that all times are multiples of.

    >>> _resolution(np.array([0, 7_200_000_000]))
    3600000000
    """
    return next(unit for unit in RESOLUTIONS if not (times % unit).any())


def _stamps(history: History) -> int:
    asks = history.pipeline.predict
    if not isinstance(asks, Calendar):
        return history.resolution_us
    times = read(history.log, asks.source, [asks.source.time]).select(pl.col(asks.source.time).to_physical())
    return _resolution(times.collect(engine="streaming").to_series().to_numpy())


def _by(history: History) -> dict[str, pl.Series]:
    name = history.metric.by
    if name is None or name in history.questions.columns:
        return {} if name is None else {name: history.questions[name]}
    asker: Any = history.pipeline.asker
    if name not in asker.columns:
        return {}
    frame = sort_log(read(history.log, asker, [*order_columns(asker), name]).collect(engine="streaming"), asker)
    return {name: frame[name]} if frame.height == history.as_of.size else {}


def _reasons(history: History) -> tuple[str, ...]:
    if history.label_delay_us == 0:
        return ("label delay unknown: every label counts as known at the instant of its question",)
    return ()


def _notes(history: History) -> tuple[str, ...]:
    """What came later than it was asked: the asking rows themselves."""
    late = history.asof.late()
    share = float((late > 0).mean()) if late.size else 0.0
    if share < LATE:
        return ()
    lags = [_length(int(np.quantile(late[late > 0], q))) for q in (0.5, 0.99)]
    said = f"{share:.0%} of the questions were themselves known only after they were asked"
    return (f"{said} (half of those after {lags[0]}, 99 % after {lags[1]}): nobody could have answered them before",)


def _length(us: int) -> str:
    """A length of time in the largest unit of which it holds one.

    >>> _length(90_000_000), _length(36 * HOUR_US)
    ('1.5 min', '1.5 d')
    """
    units = ((24 * HOUR_US, "d"), (HOUR_US, "h"), (60_000_000, "min"), (1_000_000, "s"))
    size, unit = next(((size, unit) for size, unit in units if us >= size), (1, "us"))
    return f"{us / size:.3g} {unit}"
