"""What verification found, as values that any face can show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FirstEvent:
    """The event that two sides treat differently: of which source, its key and times, and what was done with it.

    `known` is when the log says it was known. `how` is a sentence. `certain`: taking the event that way gives the served
    values of this question and of its neighbours; otherwise of this one at most.
    """

    source: str
    key: Mapping[str, Any]
    event_time: dt.datetime
    known: dt.datetime
    load: int
    position: int
    how: str
    certain: bool


@dataclass(frozen=True)
class Difference:
    """One thing that is not as the log says.

    `kind`: "feature", "prediction" or "reference" for a value, with what was `served` and what is `right`; "lost",
    "doubled" or "unasked" for a row of the features, and "unpredicted", "doubled prediction", "unasked prediction" for one
    of the predictions. `name`: the feature, or the model's version.
    """

    kind: str
    name: str | None
    question: Mapping[str, Any]
    as_of: dt.datetime
    load: int
    position: int
    served: Any = None
    right: Any = None
    first_event: FirstEvent | None = None


@dataclass(frozen=True)
class Balance:
    """The rows that loads tell of: read = loaded + quarantined + duplicates + filtered, and all of them are there.

    `faults` are sentences, each about one load and source.
    """

    loads: int
    read: int
    loaded: int
    quarantined: int
    duplicates: int
    filtered: int
    faults: tuple[str, ...]


@dataclass(frozen=True)
class VerifyReport:
    """What was compared, and what differs.

    Args:
        pipeline, fingerprint: whose features.
        first_load, last_load: the loads whose questions were verified; since, until: their times, None where open.
        questions: asked by the log; `rows` served for them.
        values, differing: of features, compared with the history engine; `by_feature` the differing ones.
        lost, doubled, unasked: rows of features: absent, there again, of no question.
        predictions, predictions_differing: recomputed by the version that made them. `not_verified`: not recomputed, by
            reason. `unpredicted`: questions without a prediction though others before and after have one.
        sampled, sampled_values, sampled_differing: questions, and values compared with the reference interpreter;
            `sample_left_out` values were too large a history for it.
        hindsight: rows that know the future and were skipped. `unanswerable`: rows whose events were deleted.
            `unverified_features`: those that look at deleted events.
        differences: the first of each kind, in the log's order.
    """

    pipeline: str
    fingerprint: str
    first_load: int
    last_load: int
    since: dt.datetime | None
    until: dt.datetime | None
    questions: int
    rows: int
    values: int
    differing: int
    by_feature: Mapping[str, int]
    lost: int
    doubled: int
    unasked: int
    predictions: int
    predictions_differing: int
    not_verified: Mapping[str, int]
    unpredicted: int
    predictions_doubled: int
    predictions_unasked: int
    sampled: int
    sampled_values: int
    sampled_differing: int
    sample_left_out: int
    hindsight: int
    unanswerable: int
    unverified_features: tuple[str, ...]
    balance: Balance
    differences: tuple[Difference, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether all that could be compared is as the log says."""
        return not (
            self.differing
            or self.lost
            or self.doubled
            or self.unasked
            or self.predictions_differing
            or self.predictions_doubled
            or self.predictions_unasked
            or self.unpredicted
            or self.sampled_differing
            or self.balance.faults
        )
