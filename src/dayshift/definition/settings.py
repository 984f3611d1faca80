"""dayshift.toml: where each source comes from and how each part is operated; never what is computed."""

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from dayshift.definition import texts
from dayshift.definition.duration import parse_duration
from dayshift.diagnostics import NotReady, Place, nearest

Policy = Literal["stop", "ignore", "evolve"]
Ability = Literal["yes", "no", "partly"]
CAPABILITIES = (
    "streaming features",
    "hourly features",
    "automatic retraining",
    "endpoint",
    "monitoring",
    "Spark",
    "faster labels",
)
"""What the advice decides about, one by one."""


def _refuse(code: str, said: str, hint: str | None) -> None:
    # `settings_file` turns such an error into a problem of this code; braces would be read as places for its context
    raise PydanticCustomError(code, said.replace("{", "(").replace("}", ")"), {"hint": hint or ""})


def _length(text: str) -> str:
    said = texts.duration_fault(text)
    if said:
        _refuse("DS202", said, 'write "30m", "6h", "1d" or "1d12h"')
    return text


def _some_length(text: str) -> str:
    if parse_duration(_length(text)) == 0:
        _refuse("DS830", f"'{text}' is no time at all", 'write "30m", "6h", "1d" or "1d12h"')
    return text


def _cron(text: str) -> str:
    said = texts.cron_fault(text)
    if said:
        _refuse("DS117", f"'{text}' is not a cron expression: {said}", '"0 5 * * *" is every day at 05:00')
    return text


def _timezone(text: str) -> str:
    said = texts.timezone_fault(text)
    if said:
        near = texts.nearest_timezone(text)
        _refuse("DS118", said, f'write "{near}"' if near else 'write "UTC" or a name such as "Europe/Berlin"')
    return text


def _address(text: str) -> str:
    if texts.address_parts(text) is None:
        said = f"'{text}' is no host and port; a port is 1 to 65,535, or 0 for any free one"
        _refuse("DS341", said, 'listen = "127.0.0.1:8080"')
    return text


Length = Annotated[str, AfterValidator(_length)]
SomeLength = Annotated[str, AfterValidator(_some_length)]
Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_timezone)]
HostAndPort = Annotated[str, AfterValidator(_address)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_OF_TOPICS = (
    "brokers",
    "value",
    "schema_file",
    "schema_registry",
    "key_column",
    "timestamp_column",
    "header_columns",
    "on_lost_messages",
    "kafka",
)
_KEPT_BY_US = ("bootstrap.servers", "auto.offset.reset", "enable.auto.commit", "enable.partition.eof")


def _flat(given: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of nested sections by their dotted names: TOML reads `sasl.mechanism` as `mechanism` in `sasl`."""
    for name, value in given.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


class SourceSettings(_Section):
    """`[sources.NAME]`: files, a table of a database, topics of Kafka, or HTTP: one of `files`, `table`, `query`, `topic`, `http`."""

    files: str | list[str] | None = None
    """A path or glob, or a list of them; gzip and zstd by their endings."""
    format: Literal["csv", "jsonl", "parquet"] | None = None
    """What the files are; told from their names when absent."""
    separator: str = ","
    """Between the fields of a CSV line."""
    null_values: list[str] = []
    """Texts that stand for an absent value, beside the empty field."""
    table: str | None = None
    """A table of `database`, with its schema: `public.payments`."""
    query: str | None = None
    """A query to `database` in place of a table."""
    database: str | None = None
    """A URI: `postgresql://...`, `sqlite:shop.db`; `env:NAME` reads it from the environment."""
    cursor: str | None = None
    """The column by which new rows of a table are told from old ones."""
    lag: Length = "0s"
    """How far the cursor is set back, so that rows committed late are read too."""
    http: bool | None = None
    """Whether its events are sent to `dayshift live` by HTTP; a nightly run finds those that came in the lake."""
    topic: str | list[str] | None = None
    """A topic of Kafka, or a list of them."""
    brokers: str | None = None
    """Hosts and ports of some of Kafka's brokers: `kafka1:9092,kafka2:9092`; `env:NAME` reads them from the environment."""
    value: Literal["json", "avro"] = "json"
    """How a message's value is written."""
    schema_file: str | None = None
    """The Avro schema (`.avsc`) of values that are plain Avro, or the one to which those of a schema registry are resolved."""
    schema_registry: str | None = None
    """The URL of a schema registry that knows the schemas of Avro values; `env:NAME` reads it from the environment."""
    key_column: str | None = None
    """The column that a message's key becomes, as text."""
    timestamp_column: str | None = None
    """The column that a message's own timestamp becomes, in milliseconds since 1970."""
    header_columns: dict[str, str] = {}
    """Header of a message to the column that it becomes, as text."""
    on_lost_messages: Literal["stop", "continue"] = "stop"
    """When messages were deleted from a topic, or the topic was made anew, before they were read."""
    kafka: dict[str, str | int | float | bool] = Field(default={}, repr=False)
    """Settings of librdkafka, such as `security.protocol`; a text may be `env:NAME`."""
    timezone: TimeZone = "UTC"
    """Of times that name no zone."""
    rename: dict[str, str] = {}
    """Column of the input to column of the source."""
    on_new_column: Policy = "ignore"
    """When the input has a column that the schema does not name."""
    on_missing_column: Literal["stop", "ignore"] = "stop"
    """When the input lacks an optional column; a required one always stops."""
    on_retyped_column: Literal["stop", "evolve"] = "stop"
    """When a column comes with another type than before."""
    max_quarantine: float | None = Field(default=None, ge=0, le=1)
    """The share of bad rows that stops the load; that of `[ingest]` when absent."""
    freshness: Length | None = None
    """How old the newest event may be, such as `36h`; older stops the run."""

    @field_validator("kafka", mode="before")
    @classmethod
    def _is_flat(cls, given: Any) -> Any:
        return dict(_flat(given)) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        given = [name for name in ("files", "table", "query", "topic", "http") if getattr(self, name)]
        if len(given) != 1:
            said = " and ".join(given) if given else "none of files, table, query, topic and http"
            _refuse("DS114", f"a source comes from one place, and here stands {said}", 'files = "data/*.csv"')
        if given[0] in ("table", "query") and self.database is None:
            _refuse("DS114", f"{given[0]} is given without a database", 'database = "env:SHOP_DATABASE"')
        if given[0] in ("files", "topic", "http") and (self.database or self.cursor):
            _refuse("DS114", f"database and cursor are for a table or a query, and here stands {given[0]}", None)
        if given != ["files"] and self.format is not None:
            _refuse("DS114", f"format is for files, and here stands {given[0]}", None)
        self._fits_kafka(given[0])
        return self

    def _fits_kafka(self, given: str) -> None:
        if given != "topic":
            strange = [name for name in _OF_TOPICS if name in self.model_fields_set]
            if strange:
                _refuse("DS114", f"{strange[0]} is for a topic, and here stands {given}", f"remove {strange[0]}")
            return
        if self.brokers is None:
            _refuse("DS114", "topic is given without brokers", 'brokers = "localhost:9092"')
        schemas = [name for name in ("schema_file", "schema_registry") if getattr(self, name) is not None]
        if self.value == "avro" and not schemas:
            _refuse("DS114", "Avro values are given without a schema", 'schema_registry = "http://localhost:8081"')
        if self.value == "json" and schemas:
            _refuse("DS114", f"{schemas[0]} is for Avro, and the values are JSON", 'value = "avro"')
        for name in _KEPT_BY_US:
            if name in self.kafka:
                hint = 'brokers = "localhost:9092"' if name == "bootstrap.servers" else f"remove {name}"
                _refuse("DS333", f"'{name}' is not yours to set: exactly-once reading depends on it", hint)


class IngestSettings(_Section):
    """`[ingest]`."""

    max_quarantine: float = Field(default=0.01, ge=0, le=1)
    """The share of a source's new rows that may be bad; more stops the load before anything is loaded."""
    chunk_rows: int = Field(default=250_000, ge=1)
    """Rows in memory at once."""
    retries: int = Field(default=3, ge=0)
    """How often a source that is not ready is tried again."""
    backoff: Length = "1s"
    """The wait before the first retry; it doubles with each."""


class TrainSettings(_Section):
    """`[train]`: `window` None trains on all history; the last `holdout` of ripe questions judges the model.

    `refit` fits the judged model's twin on the holdout too and serves that one; by default the judged model itself serves.
    """

    window: Length | None = None
    """How far back training looks; all history when absent."""
    holdout: Length = "7d"
    """The last ripe questions, which judge the model."""
    seed: int = 0
    """Of everything random in training."""
    min_rows: int = Field(default=100, ge=1)
    """Fewer ripe questions than these train nothing."""
    refit: bool = False
    """Whether the model that serves is fitted on the holdout too, once judged."""


class RegistrySettings(_Section):
    """`[registry]`: an MLflow tracking server, or SQLite beside the lake when `uri` is None.

    `allow_pickle` stores and loads models that no safe format can hold; loading a pickle runs whatever code it contains.
    """

    uri: str | None = None
    """An MLflow tracking server; a SQLite file beside the lake when absent."""
    experiment: str | None = None
    """The name of the experiment; the pipeline's when absent."""
    allow_pickle: bool = False
    """Whether a model that no safe format can hold may be stored as a pickle."""


class DestinationSettings(_Section):
    """`[destinations.NAME]`: a warehouse table kept equal to a table of the lake by upsert."""

    database: str
    """A URI: `postgresql://...`, `duckdb:warehouse.duckdb`; `env:NAME` reads it from the environment."""
    table: str
    """The table that is kept equal."""
    content: Literal["predictions", "features"] = "predictions"
    """Which table of the lake it holds."""


class OutputSettings(_Section):
    """`[live.outputs.NAME]`: a topic of Kafka into which a live run writes, each row exactly once, in transactions."""

    topic: str
    """The topic; it must exist."""
    brokers: str
    """Hosts and ports of some of Kafka's brokers; `env:NAME` reads them from the environment."""
    content: Literal["predictions", "features", "quarantine"] = "predictions"
    """What is written: answers of the model, features of the questions, or rows that broke their contract."""
    kafka: dict[str, str | int | float | bool] = Field(default={}, repr=False)
    """Settings of librdkafka, such as `security.protocol`; a text may be `env:NAME`."""

    @field_validator("kafka", mode="before")
    @classmethod
    def _is_flat(cls, given: Any) -> Any:
        return dict(_flat(given)) if isinstance(given, dict) else given


class LiveSettings(_Section):
    """`[live]`: how `dayshift live` keeps the pipeline up. Nothing here can change an answer."""

    listen: HostAndPort = "127.0.0.1:8080"
    """Host and port on which events of sources with `http = true` are taken."""
    token: str | None = Field(default=None, repr=False)
    """What a sender must show (`Authorization: Bearer ...`); `env:NAME` reads it from the environment."""
    poll: SomeLength = "500ms"
    """How often folders and tables of databases are looked at."""
    batch_rows: int = Field(default=10_000, ge=1)
    """The most events that are taken at once; under light load it is one."""
    pace: Length = "20ms"
    """How long after the one before a micro-batch begins at the earliest, so that under load events come together; an event that comes alone never waits."""
    commit: SomeLength = "10s"
    """When events are in the lake at the latest; until then they are in the journal, on the disk."""
    commit_rows: int = Field(default=200_000, ge=1)
    """So many events are committed to the lake earlier."""
    checkpoint: SomeLength = "1m"
    """How often the state is saved; a restart after a crash reads the events since then again."""
    upkeep: SomeLength = "1m"
    """How often labels are brought up to date and warehouses delivered to."""
    models: SomeLength = "5s"
    """How often the registry is asked whether there is another champion."""
    outputs: dict[str, OutputSettings] = {}
    """Where answers go beside the lake: topics of Kafka, by name."""


class ScheduleSettings(_Section):
    """`[schedule]`: cron expressions of five fields, read in `timezone`."""

    run: Cron | None = None
    """When a nightly run begins: `0 3 * * *`."""
    train: Cron | None = None
    """When a model is trained; only by hand when absent."""
    timezone: TimeZone = "UTC"
    """In which the expressions are read."""


class RetentionSettings(_Section):
    """`[retention]`: `events` drops older events; `versions` is how long the lake can travel back in time."""

    events: Length | None = None
    """Events older than this are dropped; none when absent."""
    versions: Length = "7d"
    """How long the lake can travel back in time."""
    runs: int = Field(default=100, ge=1)
    """How many run reports are kept."""


class EngineSettings(_Section):
    """`[engine]`."""

    name: str = "local"
    """Which engine computes features."""
    threads: int | None = Field(default=None, ge=1)
    """How many threads it uses; all cores when absent."""


class AdviseSettings(_Section):
    """`[advise]`: what `dayshift advise` takes for granted about the decision; everything else it measures.

    What is left out is an assumption, and the advice prints it as one.
    """

    smallest_gain: Positive | None = None
    """The smallest gain that matters, in units of the metric; a share of the model's skill when absent."""
    smallest_gain_share: float = Field(default=0.02, gt=0, lt=1)
    """That share: of how much better the model is than the best constant prediction."""
    deadline: SomeLength | None = None
    """How soon after the question an answer is needed: `200ms`, `1h`; the next morning when absent."""
    retrain_by_hand: SomeLength = "28d"
    """How often a person can retrain without any automation."""
    label_delays: list[Length] | None = None
    """Shorter delays of the label to be priced: `["1d", "3d"]`; some that suit the declared one when absent."""
    trusted: list[str] = []
    """Columns and features that look like a leak and are none; the advice goes on with them, and says so."""
    alarm_budget: Positive = 1.0
    """How many false alarms in 30 days the team will bear."""
    detection: Positive = 5.0
    """An unseen fault matters once its loss, until it is seen, adds up to this many days of the smallest gain."""
    horizon: SomeLength = "365d"
    """How far ahead the growth is planned for."""
    nightly_window: SomeLength = "4h"
    """How long a nightly run may take."""
    seconds: int = Field(default=60, ge=1)
    """How long the advice may take before it stops refining what is undecided."""
    workers: int = Field(default=2, ge=0)
    """How many processes replay the history; 0 replays in this one."""

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        if {"smallest_gain", "smallest_gain_share"} <= self.model_fields_set and self.smallest_gain is not None:
            _refuse("DS831", "both smallest_gain and smallest_gain_share say which gain matters", "remove one of them")
        delays = self.label_delays
        if delays is not None and len({parse_duration(delay) for delay in delays}) < max(len(delays), 1):
            said = "names one delay twice" if delays else "is empty"
            _refuse("DS832", f"label_delays {said}", 'label_delays = ["1d", "3d"]')
        return self


class TeamSettings(_Section):
    """`[team]`: what the people who would run it can do and have time for; it never weighs in what the history shows.

    An ability is "yes", "no" or "partly"; one that is left out is reported as not declared.
    """

    hours_a_month: Amount | None = None
    """How many hours a month the team has for running the pipeline."""
    on_call: bool | None = None
    """Whether somebody answers an alarm at night and on weekends."""
    python: Ability | None = None
    """Writes and tests Python."""
    sql: Ability | None = None
    """Writes SQL, or dbt models."""
    orchestration: Ability | None = None
    """Runs jobs on a schedule: cron, Airflow, Prefect, Dagster."""
    ml_tracking: Ability | None = None
    """Tracks and versions models: MLflow, DVC."""
    containers: Ability | None = None
    """Builds and runs containers."""
    ci: Ability | None = None
    """Tests every change on a server before it is used."""
    streaming: Ability | None = None
    """Runs streams: Kafka, Flink, Spark."""
    cloud: Ability | None = None
    """Runs things in a cloud, with its infrastructure as code."""
    serving: Ability | None = None
    """Runs a service that must answer at once."""
    monitoring: Ability | None = None
    """Runs dashboards and alarms: Prometheus, Grafana, Evidently."""


class ValueSettings(_Section):
    """`[value]`: what a better prediction is worth and what things cost, in one currency, a month; no price is ever invented."""

    currency: str = Field(default="EUR", min_length=1, max_length=12)
    """In which the amounts below are."""
    point: Amount | None = None
    """What one point (0.01) of the metric is worth a month."""
    caught_case: Amount | None = None
    """What one more positive case that is caught is worth."""
    hour_of_compute: Amount | None = None
    """What one hour of one processor costs."""
    hour_of_engineer: Amount | None = None
    """What one hour of a person's work costs."""
    infrastructure: dict[str, Amount] = {}
    """What runs all the time costs a month, by capability: `{ "streaming features" = 400 }`."""
    migration_months: int = Field(default=12, ge=1)
    """Over how many months the hours of setting something up are spread."""

    @field_validator("infrastructure")
    @classmethod
    def _is_of_a_capability(cls, amounts: dict[str, float]) -> dict[str, float]:
        for name in amounts:
            if name not in CAPABILITIES:
                near = nearest(name, CAPABILITIES)
                said = f"'{name}' is no capability; there are: {', '.join(sorted(CAPABILITIES, key=str.lower))}"
                _refuse("DS833", said, f'write "{near}" in place of "{name}"' if near else f'remove "{name}"')
        return amounts


class Settings(_Section):
    """The whole file. Paths are relative to the folder of dayshift.toml."""

    pipeline: str = "pipeline.py"
    """The Python file that defines the pipeline."""
    lake: str = "lake"
    """The folder of the lake."""
    sources: dict[str, SourceSettings] = {}
    ingest: IngestSettings = IngestSettings()
    train: TrainSettings = TrainSettings()
    registry: RegistrySettings = RegistrySettings()
    destinations: dict[str, DestinationSettings] = {}
    schedule: ScheduleSettings = ScheduleSettings()
    live: LiveSettings = LiveSettings()
    retention: RetentionSettings = RetentionSettings()
    engine: EngineSettings = EngineSettings()
    advise: AdviseSettings = AdviseSettings()
    team: TeamSettings = TeamSettings()
    value: ValueSettings = ValueSettings()

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
