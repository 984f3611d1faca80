"""Whether features can be rebuilt: questions of a few moments, answered again from a log that ends where they were asked.

What differs then was computed from something that was not there: by an expression that looks at a clock, a file or a dice,
or from events behind the question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dayshift.adviser.evidence import Suspicion
from dayshift.adviser.history import History
from dayshift.engines.contract import LOAD, POSITION, Log
from dayshift.engines.local.cuts import Cut
from dayshift.engines.local.engine import LocalEngine
from dayshift.engines.local.order import order_columns
from dayshift.engines.local.questions import ask, collect, some
from dayshift.engines.local.task import Task

MOMENTS = 4
QUESTIONS = 50


@dataclass(frozen=True)
class EndingLog:
    """A log of which only what stands up to a place is there: a load, and a time in it."""

    log: Log
    end: tuple[int, int]

    @property
    def last_load(self) -> int:
        """As the whole log's."""
        return self.log.last_load

    def scan(self, source: str) -> pl.LazyFrame:
        """The events of a source up to the end."""
        whole, (load, known) = self.log.scan(source), self.end
        if not whole.collect_schema():
            return whole
        return whole.filter((pl.col(LOAD) < load) | ((pl.col(LOAD) == load) & (pl.col(POSITION) <= known)))

    def bits(self, source: str) -> Mapping[str, int]:
        """As the whole log's: numbers must stay on their grid."""
        return self.log.bits(source)

    def made(self) -> Mapping[int, int]:
        """As the whole log's."""
        return self.log.made()


def not_rebuilt(history: History, features: pl.DataFrame) -> list[Suspicion]:
    """A suspicion for each of the features (as of the event) that comes out otherwise, with the first question where it does."""
    count = history.as_of.size
    lasts = np.unique((np.linspace(0.35, 0.95, MOMENTS) * count).astype(np.int64))
    found: dict[str, Suspicion] = {}
    for last in lasts.tolist():
        rows = np.arange(max(0, last + 1 - QUESTIONS), last + 1)
        for name, row in _differ(history, features, rows).items():
            found.setdefault(name, _suspicion(history, name, row))
    return list(found.values())


def _differ(history: History, features: pl.DataFrame, rows: np.ndarray) -> dict[str, int]:
    """The features that differ, each with the number of the first question where it does."""
    asked = history.asof.questions(rows, history.questions)
    places = asked.select(LOAD, POSITION)
    log = EndingLog(history.log, places.row(-1))
    task = Task.of(history.pipeline, log)
    asked = asked if task.calendar is not None else _whole_rows(task, log, asked)
    again = LocalEngine(1).answer(task, some(task, log, Cut(places.row(0)), asked))
    differs = {}
    for name in features.columns:
        left = features[name][rows]
        unequal = ~left.eq_missing(again[name].cast(left.dtype))
        if unequal.any():
            differs[name] = int(rows[unequal.arg_max() or 0])
    return differs


def _whole_rows(task: Task, log: EndingLog, asked: pl.DataFrame) -> pl.DataFrame:
    """The asking rows with all columns that features read of them."""
    reading = task.readings[task.asker]
    first, last = asked[POSITION].min(), asked[POSITION].max()
    near = pl.col(POSITION).is_between(first, last) & pl.col(LOAD).is_between(asked[LOAD].min(), asked[LOAD].max())
    names = order_columns(reading.source)
    return ask(collect(log, reading, near).join(asked, on=names, how="semi", maintain_order="left"), reading)


def _suspicion(history: History, name: str, row: int) -> Suspicion:
    at = np.datetime64(int(history.as_of[row]), "us")
    return Suspicion(
        column=name,
        kind="cannot be rebuilt",
        says=f"feature '{name}' comes out otherwise from a log that ends where the question was asked ({at})",
        hint=f"look for an expression that reads a clock, a file or a random number: dayshift why {name}",
    )
