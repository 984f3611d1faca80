"""The local engine: the kernel's two drivers over Polars tables, on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from dayshift.definition import Pipeline
from dayshift.definition.fingerprint import features_fingerprint
from dayshift.engines.capabilities import ENGINES, Capability, needed, require
from dayshift.engines.contract import Explanation, Log, Policy
from dayshift.engines.local import decode, explain, labels, rows
from dayshift.engines.local.advance import Advance
from dayshift.engines.local.cuts import of_loads
from dayshift.engines.local.encode import Stretch, encode
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.questions import stretches
from dayshift.engines.local.task import Task
from dayshift.kernel import history

STRETCH = 2_000_000
"""Questions that history takes at a time."""
BATCH = 500_000
"""Rows of the log that an advance takes at a time."""


class LocalEngine:
    """Features and labels of a pipeline from a log, on this machine.

    `threads` None takes all processors; `stretch` rows are taken at a time. Neither can change an answer.

    >>> LocalEngine().name
    'local'
    """

    name = "local"
    capabilities = ENGINES["local"]

    def __init__(self, threads: int | None = None, *, stretch: int = STRETCH) -> None:
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
        task = Task.of(pipeline, log)
        hindsight = policy == "hindsight"
        parts = stretches(task, log, of_loads(loads), between, most=self.stretch, hindsight=hindsight)
        for stretch in parts:
            table = self.answer(task, stretch, policy)
            del stretch  # or two stretches would be held while the next is read
            yield table
            del table

    def answer(self, task: Task, stretch: Stretch, policy: Policy = "as_known") -> pl.DataFrame:
        """The features table of one stretch of the log."""
        numberings = Numberings()
        found: dict[str, pl.Series] = {}
        if task.features:
            events, questions = encode(task, stretch, numberings)
            hindsight = policy == "hindsight"
            answers = history.answer(task.plan, events, questions, hindsight=hindsight, threads=self.threads)
            del events, questions
            found = decode.columns(task, answers, numberings)
        found |= rows.evaluate(task.pipeline.row_features, stretch.asked)
        return decode.table(task, stretch.asked, found, features_fingerprint(task.pipeline), policy)

    def advance(
        self, pipeline: Pipeline, log: Log, state: bytes | None, *, loads: tuple[int, int]
    ) -> tuple[Iterator[pl.DataFrame], Callable[[], bytes]]:
        """As `Engine.advance` says."""
        require(self, {*needed(pipeline), Capability.ADVANCE})
        run = Advance(self, Task.of(pipeline, log), log, state, loads, min(self.stretch, BATCH))
        return iter(run), run.save

    def labels(self, pipeline: Pipeline, questions: pl.DataFrame, log: Log) -> pl.DataFrame:
        """As `Engine.labels` says."""
        return labels.labels(pipeline, questions, log)

    def explain(self, pipeline: Pipeline, log: Log, feature: str, question: Mapping[str, Any]) -> Explanation:
        """As `Engine.explain` says."""
        return explain.explain(self, pipeline, log, feature, question)
