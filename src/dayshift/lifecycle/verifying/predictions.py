"""Predictions made again by the version of the model that made them, and which questions must have one.

A pipeline predicts from the day on which its first model serves. Its first run with a model leaves out the questions
that the model has learned from, and a backfill predicts what it was asked for; from there on every question has a
prediction. So the first row that no backfill wrote is where the steady stretch begins.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dayshift.diagnostics import DayshiftError
from dayshift.engines.contract import AS_OF, LOAD, POSITION
from dayshift.engines.local.cuts import Cut
from dayshift.lifecycle.backfill import APP as BACKFILL
from dayshift.lifecycle.score import score
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.learners.registry import Registered
    from dayshift.lifecycle.project import Project
    from dayshift.lifecycle.verifying.view import View


class Models:
    """The versions of a pipeline's model; each is loaded once, or not at all."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._loaded: dict[str | None, Registered | str] = {}

    def predict(self, version: str | None, features: pl.DataFrame) -> pl.Series | str:
        """The predictions of a version, as scoring makes them; or why there are none."""
        model = self.load(version)
        if isinstance(model, str):
            return model
        try:
            return score(self._project.pipeline, features, model, EPOCH)["prediction"]
        except DayshiftError as error:
            return f"version {version}: {error}"

    def load(self, version: str | None) -> Registered | str:
        """A version, or why it cannot be had."""
        if version not in self._loaded:
            self._loaded[version] = self._load(version)
        return self._loaded[version]

    def _load(self, version: str | None) -> Registered | str:
        if version is None or not version.isdecimal():
            return f"a row names '{version}' as its version, which no registry has"
        try:
            return self._project.registry.load(self._project.pipeline.name, int(version))
        except DayshiftError as error:
            return f"version {version}: {error}"


@dataclass(frozen=True)
class Steady:
    """From where to where every question has a prediction.

    `first`: the place (`_load`, `_position`) of the first one; `last_load` the last load that was scored. In loads up to
    `begun_load` questions up to `learned_until` have none by design.
    """

    first: tuple[int, int]
    last_load: int
    begun_load: int
    learned_until: dt.datetime

    def expected(self) -> pl.Expr:
        """Which questions must have a prediction."""
        learned = (pl.col(LOAD) <= self.begun_load) & (pl.col(AS_OF) <= self.learned_until)
        return Cut(self.first, (self.last_load + 1, -(2**63))).inside() & ~learned


def steady(view: View, models: Models) -> Steady | None:
    """Where every question has a prediction; None when no run has made any."""
    rows = view.predictions().filter(~pl.col("scored_at").is_in(_backfills(view.project)))
    first = rows.select(LOAD, POSITION, "model_version", "scored_at").bottom_k(1, by=[LOAD, POSITION]).collect()
    if not first.height:
        return None
    load, position, version, at = first.row(0)
    begun = rows.filter(pl.col("scored_at") == at).select(pl.col(LOAD).max(), pl.col(AS_OF).min()).collect().row(0)
    model = models.load(version)
    learned = begun[1] - dt.timedelta(microseconds=1)
    if not isinstance(model, str):
        learned = EPOCH + dt.timedelta(microseconds=int(model.about.get("trained_to_us", 0)))
    return Steady((load, position), view.scored, begun[0], learned)


def _backfills(project: Project) -> pl.Series:
    """The times of the backfills, which are those at which their rows were scored."""
    records = project.lake.ledger.read(verb=BACKFILL)
    mine = [json.loads(detail).get("pipeline") == project.pipeline.name for detail in records["detail"]]
    return records.filter(pl.Series(mine, dtype=pl.Boolean))["at"].implode()
