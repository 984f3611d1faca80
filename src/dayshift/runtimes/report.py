"""What a run did, as values that any face can show."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dayshift.lifecycle.deliver import DeliveryReport
from dayshift.lifecycle.features import FeatureReport
from dayshift.lifecycle.ingest import LoadReport
from dayshift.lifecycle.labels import LabelReport
from dayshift.lifecycle.predictions import PredictionReport
from dayshift.lifecycle.train import TrainReport
from dayshift.runtimes.meter import Step
from dayshift.runtimes.watch import Watched


@dataclass(frozen=True)
class RunReport:
    """One nightly run: what was read, loaded, quarantined, computed, labelled, trained, scored, delivered and watched.

    `steps` hold seconds and peak memory of each part; `notes` what a person should know though nothing failed.
    """

    run_id: str
    pipeline: str
    now: dt.datetime
    outcome: str
    load: LoadReport
    features: FeatureReport
    labels: LabelReport
    training: TrainReport | None
    predictions: PredictionReport
    deliveries: tuple[DeliveryReport, ...]
    monitor: Watched | None
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Wall seconds of all steps."""
        return round(sum(step.seconds for step in self.steps), 3)

    def to_json(self) -> dict[str, Any]:
        """Plain values: the record that the ledger keeps and `--json` prints."""
        totals = {name: getattr(self.load, name) for name in ("read", "loaded", "quarantined", "duplicates")}
        training = plain(self.training.to_json()) if self.training else None
        load = {**plain(self.load), **totals}
        return {**plain(self), "load": load, "training": training, "seconds": self.seconds}


def plain(value: Any) -> Any:
    """Dataclasses, tuples and times as JSON's own kinds of values.

    >>> plain({"at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "n": (1, 2)})
    {'at': '2026-01-01T00:00:00+00:00', 'n': [1, 2]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
