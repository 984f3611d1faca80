"""dayshift.toml: where each source comes from and how each part is operated; never what is computed."""

import os
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from dayshift.diagnostics import NotReady, Place

Policy = Literal["stop", "ignore", "evolve"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSettings(_Section):
    """`[sources.NAME]`: files, or a table of a database. Exactly one of `files`, `table`, `query`."""

    files: str | list[str] | None = None
    format: Literal["csv", "jsonl", "parquet"] | None = None
    separator: str = ","
    null_values: list[str] = []
    table: str | None = None
    query: str | None = None
    database: str | None = None
    cursor: str | None = None
    lag: str = "0s"
    timezone: str = "UTC"
    rename: dict[str, str] = {}
    on_new_column: Policy = "ignore"
    on_missing_column: Literal["stop", "ignore"] = "stop"
    on_retyped_column: Literal["stop", "evolve"] = "stop"
    max_quarantine: float | None = Field(default=None, ge=0, le=1)
    freshness: str | None = None


class IngestSettings(_Section):
    """`[ingest]`."""

    max_quarantine: float = Field(default=0.01, ge=0, le=1)
    chunk_rows: int = Field(default=250_000, ge=1)
    retries: int = Field(default=3, ge=0)
    backoff: str = "1s"


class TrainSettings(_Section):
    """`[train]`: `window` None trains on all history; the last `holdout` of ripe questions judges the model.

    `refit` fits the judged model's twin on the holdout too and serves that one; by default the judged model itself serves.
    """

    window: str | None = None
    holdout: str = "7d"
    seed: int = 0
    min_rows: int = Field(default=100, ge=1)
    refit: bool = False


class RegistrySettings(_Section):
    """`[registry]`: an MLflow tracking server, or SQLite beside the lake when `uri` is None.

    `allow_pickle` stores and loads models that no safe format can hold; loading a pickle runs whatever code it contains.
    """

    uri: str | None = None
    experiment: str | None = None
    allow_pickle: bool = False


class DestinationSettings(_Section):
    """`[destinations.NAME]`: a warehouse table kept equal to a table of the lake by upsert."""

    database: str
    table: str
    content: Literal["predictions", "features"] = "predictions"


class ScheduleSettings(_Section):
    """`[schedule]`: cron expressions of five fields, read in `timezone`."""

    run: str | None = None
    train: str | None = None
    timezone: str = "UTC"


class RetentionSettings(_Section):
    """`[retention]`: `events` drops older events; `versions` is how long the lake can travel back in time."""

    events: str | None = None
    versions: str = "7d"
    runs: int = Field(default=100, ge=1)


class EngineSettings(_Section):
    """`[engine]`."""

    name: str = "local"
    threads: int | None = Field(default=None, ge=1)


class Settings(_Section):
    """The whole file. Paths are relative to the folder of dayshift.toml."""

    pipeline: str = "pipeline.py"
    lake: str = "lake"
    sources: dict[str, SourceSettings] = {}
    ingest: IngestSettings = IngestSettings()
    train: TrainSettings = TrainSettings()
    registry: RegistrySettings = RegistrySettings()
    destinations: dict[str, DestinationSettings] = {}
    schedule: ScheduleSettings = ScheduleSettings()
    retention: RetentionSettings = RetentionSettings()
    engine: EngineSettings = EngineSettings()

    _places: dict[tuple[str, ...], Place] = PrivateAttr(default_factory=dict)

    def remember(self, places: Mapping[tuple[str, ...], Place]) -> None:
        """Keep the line of each setting, for later messages."""
        self._places.update(places)

    def place(self, *path: str) -> Place | None:
        """The line of a setting or of the nearest section around it; None when the settings came from no file."""
        for end in range(len(path), -1, -1):
            if path[:end] in self._places:
                return self._places[path[:end]]
        return None


def secret(text: str) -> str:
    """A setting as it is, or the value of an environment variable when it reads "env:NAME".

    To be asked by whoever connects, when he connects; the value is never stored.

    >>> secret("sqlite:///shop.db")
    'sqlite:///shop.db'

    Raises:
        NotReady: DS113, the variable is not set.
    """
    if not text.startswith("env:"):
        return text
    name = text.removeprefix("env:")
    value = os.environ.get(name)
    if value is None:
        raise NotReady("DS113", f"environment variable '{name}' is not set", hint=f"export {name}=...")
    return value
