"""The local engine: the kernel's two drivers over Polars tables, on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from dayshift.definition import Pipeline
from dayshift.definition.fingerprint import features_fingerprint
from dayshift.engines.capabilities import ENGINES, Capability, needed, require
from dayshift.engines.contract import AS_OF, Explanation, Log, Policy, Session
from dayshift.engines.local import decode, rows
from dayshift.engines.local.cuts import of_loads
from dayshift.engines.local.encode import Stretch
from dayshift.engines.local.past import Past
from dayshift.engines.local.questions import read_steps, steps
from dayshift.engines.local.task import Task
from dayshift.kernel import history

BATCH = 500_000
"""Rows of the log that an advance takes at a time."""


class LocalEngine:
    """Features and labels of a pipeline from a log, on this machine.

    `threads` None takes all processors. `stretch` questions are taken at a time, None: as many as memory allows
    (`sizes.MEMORY`). Neither can change an answer.

    >>> LocalEngine().name
    'local'
    """

    name = "local"
    capabilities = ENGINES["local"]

    def __init__(self, threads: int | None = None, *, stretch: int | None = None) -> None:
        self.threads = threads
        self.stretch = stretch

    def features(
        self,
        pipeline: Pipeline,
        log: Log,
        *,
        loads: tuple[int, int] | None = None,
        between: tuple[int, int] | None = None,
        policy: Policy = "as_known",
    ) -> Iterator[pl.DataFrame]:
        """As `Engine.features` says."""
        require(self, needed(pipeline))
        task, cut, hindsight = Task.of(pipeline, log), of_loads(loads), policy == "hindsight"
        found = steps(task, log, cut, between, self.stretch)
        if task.is_unbounded and len(found) > 1 and not hindsight:
            yield from self._as_stream(task, log, loads, between)
            return
        past = Past(task)
        for stretch in read_steps(task, log, found, between, hindsight=hindsight):
            table = self.answer(task, stretch, policy, past)
            del stretch  # or two stretches would be held while the next is read
            yield table
            del table

    def _as_stream(
        self, task: Task, log: Log, loads: tuple[int, int] | None, between: tuple[int, int] | None
    ) -> Iterator[pl.DataFrame]:
        """Windows without a lower bound would have every stretch read the whole past: a state has it folded."""
        from dayshift.engines.local.advance import Advance

        run = Advance(self, task, log, None, loads or (1, log.last_load), min(self.stretch or BATCH, BATCH))
        for table in run:
            time = pl.col(AS_OF).to_physical()
            chosen = table if between is None else table.filter(time.is_between(*between, closed="left"))
            if chosen.height:
                yield chosen

    def answer(
        self, task: Task, stretch: Stretch, policy: Policy = "as_known", past: Past | None = None
    ) -> pl.DataFrame:
        """The features table of one stretch of the log; `past`: what the stretches before it have kept."""
        past = past or Past(task)
        found: dict[str, pl.Series] = {}
        if task.features:
            events, questions = past.encode(stretch)
            hindsight = policy == "hindsight"
            answers = history.answer(task.plan, events, questions, hindsight=hindsight, threads=self.threads)
            del events, questions
            found = decode.columns(task, answers, past.numberings)
            past.forget(stretch.keep)
        found |= rows.evaluate(task.pipeline.row_features, stretch.asked)
        return decode.table(task, stretch.asked, found, features_fingerprint(task.pipeline), policy)

    def advance(
        self, pipeline: Pipeline, log: Log, state: bytes | None, *, loads: tuple[int, int]
    ) -> tuple[Iterator[pl.DataFrame], Callable[[], bytes]]:
        """As `Engine.advance` says."""
        from dayshift.engines.local.advance import Advance

        require(self, {*needed(pipeline), Capability.ADVANCE})
        run = Advance(self, Task.of(pipeline, log), log, state, loads, min(self.stretch or BATCH, BATCH))
        return iter(run), run.save

    def session(self, pipeline: Pipeline, log: Callable[[], Log], state: bytes | None) -> Session:
        """As `Engine.session` says."""
        from dayshift.engines.local.live import LiveSession

        require(self, {*needed(pipeline), Capability.SESSION})
        return LiveSession(self, pipeline, log, state)

    def labels(self, pipeline: Pipeline, questions: pl.DataFrame, log: Log) -> pl.DataFrame:
        """As `Engine.labels` says."""
        from dayshift.engines.local import labels

        return labels.labels(pipeline, questions, log)

    def explain(self, pipeline: Pipeline, log: Log, feature: str, question: Mapping[str, Any]) -> Explanation:
        """As `Engine.explain` says."""
        from dayshift.engines.local import explain

        return explain.explain(self, pipeline, log, feature, question)
