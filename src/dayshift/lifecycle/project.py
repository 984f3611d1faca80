"""What every verb works on: one pipeline with its settings, its lake, its engine and its registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dayshift.definition import Pipeline
from dayshift.definition.fingerprint import features_fingerprint, label_fingerprint, pipeline_fingerprint
from dayshift.engines.contract import question_columns

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings
    from dayshift.engines.contract import Engine
    from dayshift.lake import Lake, Table
    from dayshift.learners.registry import Registry

SHORT = 12


@dataclass(frozen=True)
class Project:
    """A pipeline and everything it is operated with.

    Tables of features and labels carry the fingerprint of their definition in their name: a changed definition writes
    to another table, and the old one stays as it was.
    """

    root: Path
    pipeline: Pipeline
    settings: Settings
    lake: Lake
    engine: Engine
    open_registry: Callable[[], Registry]

    @cached_property
    def fingerprint(self) -> str:
        """Of the features."""
        return features_fingerprint(self.pipeline)

    @cached_property
    def pipeline_fingerprint(self) -> str:
        """Of the whole definition."""
        return pipeline_fingerprint(self.pipeline)

    @cached_property
    def registry(self) -> Registry:
        """The model registry, opened at its first use."""
        return self.open_registry()

    @property
    def features(self) -> Table:
        """The table of this definition's features."""
        return self.lake.table("features", f"{self.pipeline.name}-{self.fingerprint[:SHORT]}")

    @property
    def labels(self) -> Table:
        """The table of this definition's ripe labels."""
        return self.lake.table("labels", f"{self.pipeline.name}-{label_fingerprint(self.pipeline)[:SHORT]}")

    @property
    def predictions(self) -> Table:
        """The table of the pipeline's predictions, of all its models."""
        return self.lake.table("predictions", self.pipeline.name)

    @property
    def question_keys(self) -> list[str]:
        """The columns that identify a question together with `as_of`."""
        return list(question_columns(self.pipeline))
