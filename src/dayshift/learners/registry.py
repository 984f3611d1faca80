"""The registry of models: MLflow, by default on an SQLite file with a folder of artifacts beside it.

    registry/mlflow.db                          runs, versions, aliases (any MLflow tool reads it)
    registry/artifacts/RUN/artifacts/model/     model.json, the model's file, about.json
    registry/artifacts/RUN/artifacts/report/    plots and the training report

A version is created after everything it points to is written, and an alias moves after the version exists: killed at
any moment, the registry holds only whole versions, and the champion is the old one or the new one. The database is made
under another name and moved into place, for the same reason.

MLflow takes a second to import, so this module loads it on first use. Its telemetry is off; with SQLite nothing here
opens a network connection. Times are passed in.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dayshift.definition.settings import RegistrySettings, secret
from dayshift.diagnostics import NotReady, Refused, UsageError, shorten
from dayshift.learners import storage
from dayshift.learners.estimator import Model

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

T = TypeVar("T")
CHAMPION, CHALLENGER = "champion", "challenger"
_STALE_MS = 3_600_000
_TAG_LIMIT, _PARAM_LIMIT = 5_000, 6_000


@dataclass(frozen=True)
class Entry:
    """What is written beside a model: `params`, `metrics` and `tags` for MLflow's tables, `about` (JSON-able) with the
    model itself, `files` (name to bytes) for the report's folder.
    """

    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Registered:
    """A version of the registry, loaded: the model and what was written about it."""

    name: str
    version: int
    model: Model
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Version:
    """A version as the registry lists it; `at_ms` since 1970-01-01 UTC."""

    version: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run_id: str
    at_ms: int


class Registry:
    """MLflow behind the few questions that training, scoring and promotion ask.

    `folder` holds database and artifacts when `uri` is None; otherwise `uri` is a tracking server or database.
    """

    def __init__(
        self, folder: Path, *, uri: str | None = None, experiment: str | None = None, allow_pickle: bool = False
    ) -> None:
        self.folder = folder.resolve()
        self.uri = uri
        self.experiment = experiment
        self.allow_pickle = allow_pickle
        self._client: MlflowClient | None = None

    def register(self, name: str, model: Model, entry: Entry, now: datetime) -> int:
        """Write model and entry; the number of the new version, without an alias yet.

        Raises:
            DefinitionError: DS610, the model cannot be stored safely.
            NotReady: DS620, the registry does not answer.
        """
        return self._asked(lambda client: self._register(client, name, model, entry, now))

    def load(self, name: str, which: str | int = CHAMPION) -> Registered:
        """The model of an alias or a version number.

        Raises:
            UsageError: DS621, there is no such model, alias or version.
            Refused: DS611 to DS613, what is stored may not or cannot be read.
            NotReady: DS614, DS620.
        """
        version = which if isinstance(which, int) else self.alias(name, which)
        found = [entry for entry in self.versions(name) if entry.version == version]
        if not found:
            raise self._unknown(name, which)
        with tempfile.TemporaryDirectory(prefix="dayshift-model-") as scratch:
            folder = self._folder_of(found[0].run_id, Path(scratch))
            model = storage.load(folder, allow_pickle=self.allow_pickle)
            try:
                about = json.loads((folder / "about.json").read_text())
            except (OSError, ValueError) as error:
                raise Refused("DS612", "the stored model cannot be read", facts=(f"about.json: {error}",)) from error
        return Registered(name, found[0].version, model, about)

    def champion(self, name: str) -> Registered | None:
        """The model that serves, or None when none was promoted yet."""
        version = self.alias(name, CHAMPION)
        return None if version is None else self.load(name, version)

    def alias(self, name: str, alias: str) -> int | None:
        """The version that an alias names, or None.

        Of the local database it is read without MLflow, which takes a second or more to import.
        """
        if self.uri is None:
            path = self.folder / "mlflow.db"
            if not path.exists():
                return None
            with suppress(sqlite3.Error):  # locked, or laid out by another MLflow: MLflow itself is asked
                return _stored_alias(path, name, alias)
        return next((entry.version for entry in self.versions(name) if alias in entry.aliases), None)

    def versions(self, name: str) -> list[Version]:
        """All versions of a model, oldest first; empty when there is no such model."""

        def ask(client: MlflowClient) -> list[Version]:
            try:
                aliases = dict(client.get_registered_model(name).aliases)
            except Exception as error:
                if getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST":
                    return []
                raise
            listed = _pages(lambda token: client.search_model_versions(f"name='{name}'", page_token=token))
            return sorted((_version(entry, aliases) for entry in listed), key=lambda entry: entry.version)

        return self._asked(ask)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias name a version.

        Raises:
            UsageError: DS621, there is no such version.
        """
        self.require(name, version)
        self._asked(lambda client: client.set_registered_model_alias(name, alias, str(version)))

    def tag(self, name: str, version: int, key: str, value: str) -> None:
        """Write a tag of a version."""
        self.require(name, version)
        self._asked(lambda client: client.set_model_version_tag(name, str(version), key, value))

    def require(self, name: str, version: int) -> None:
        """Does nothing when there is such a version.

        Raises:
            UsageError: DS621, there is none.
        """
        if version not in [entry.version for entry in self.versions(name)]:
            raise self._unknown(name, version)

    def _unknown(self, name: str, which: str | int) -> UsageError:
        listed = self.versions(name)
        what = f"version {which}" if isinstance(which, int) else f"'{which}'"
        there = [
            f"{entry.version} ({', '.join(entry.aliases)})" if entry.aliases else entry.version for entry in listed
        ]
        return UsageError(
            "DS621",
            f"model '{name}' has no {what}",
            facts=(f"versions: {shorten(there)}", f"registry: {self.place}"),
            hint="dayshift train" if not listed else "dayshift status",
        )

    @property
    def place(self) -> str:
        """Where the registry is, without a password."""
        if self.uri is None:
            return str(self.folder / "mlflow.db")
        scheme, _, rest = self.uri.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    def _without_secrets(self, text: str) -> str:
        user, at, _ = (self.uri or "").partition("://")[2].rpartition("@")
        return text.replace(user + at, "") if at else text

    def _register(self, client: MlflowClient, name: str, model: Model, entry: Entry, now: datetime) -> int:
        with tempfile.TemporaryDirectory(prefix="dayshift-model-") as scratch:
            content = Path(scratch) / "artifacts"
            stored_as = storage.save(model, content / "model", allow_pickle=self.allow_pickle)
            (content / "model" / "about.json").write_text(json.dumps(dict(entry.about), indent=1, default=str))
            (content / "report").mkdir()
            for file, blob in entry.files.items():
                (content / "report" / file).write_bytes(blob)
            return self._write(client, name, content, entry, (stored_as, now))

    def _write(self, client: MlflowClient, name: str, content: Path, entry: Entry, stored: tuple[str, datetime]) -> int:
        stored_as, now = stored
        now_ms = int(now.timestamp() * 1000)
        experiment = self._experiment(client, name)
        _end_stale_runs(client, experiment, now_ms)
        tags = {"dayshift.stored_as": stored_as, **entry.tags}
        tags = {key: str(value)[:_TAG_LIMIT] for key, value in tags.items()}
        run = client.create_run(experiment, start_time=now_ms, run_name=f"{name} {now:%Y-%m-%d %H:%M}", tags=tags)
        run_id = run.info.run_id
        _log(client, run_id, entry, now_ms)
        if self.uri is None:
            shutil.copytree(content, self._local(run_id))
        else:
            client.log_artifacts(run_id, str(content))
        client.set_terminated(run_id, "FINISHED", now_ms)
        _ensure_model(client, name)
        source = f"{run.info.artifact_uri}/model"
        return int(client.create_model_version(name, source=source, run_id=run_id, tags=tags).version)

    def _experiment(self, client: MlflowClient, name: str) -> str:
        called = self.experiment or name
        found = client.get_experiment_by_name(called)
        if found is not None:
            return str(found.experiment_id)
        place = (self.folder / "artifacts").as_uri() if self.uri is None else None
        return str(client.create_experiment(called, artifact_location=place))

    def _local(self, run_id: str) -> Path:
        return self.folder / "artifacts" / run_id / "artifacts"

    def _folder_of(self, run_id: str, scratch: Path) -> Path:
        if self.uri is None:
            return self._local(run_id) / "model"
        return Path(self._asked(lambda client: client.download_artifacts(run_id, "model", str(scratch))))

    def _asked(self, ask: Callable[[MlflowClient], T]) -> T:
        try:
            if self._client is None:
                self._client = self._connect()
            return ask(self._client)
        except Exception as error:
            if not (isinstance(error, OSError) or _is_mlflows(error)):
                raise
            said = self._without_secrets(str(error).strip().split("\n", 1)[0])[:300]
            raise NotReady(
                "DS620",
                f"the model registry at {self.place} does not answer",
                facts=(f"it said: {said}",),
                hint="see that the tracking server runs, or remove `uri` from [registry] to use SQLite beside the lake",
            ) from error

    def _connect(self) -> MlflowClient:
        client = _quiet_mlflow()
        if self.uri is not None:
            return client(tracking_uri=self.uri, registry_uri=self.uri)
        path = self.folder / "mlflow.db"
        if not path.exists():
            _create_database(client, path)
        local = f"sqlite:///{path}"
        return client(tracking_uri=local, registry_uri=local)


def open_registry(settings: RegistrySettings, folder: Path) -> Registry:
    """The registry that `[registry]` names; `folder` is used when it names none.

    >>> from pathlib import Path
    >>> open_registry(RegistrySettings(), Path("/tmp/registry")).uri is None
    True

    Raises:
        NotReady: DS113, `uri` names an environment variable that is not set.
    """
    uri = None if settings.uri is None else secret(settings.uri)
    return Registry(folder, uri=uri, experiment=settings.experiment, allow_pickle=settings.allow_pickle)


def _quiet_mlflow() -> type[MlflowClient]:
    for name, value in {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for results
    }.items():
        os.environ.setdefault(name, value)
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient


def _create_database(client: type[MlflowClient], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as scratch:
        new = Path(scratch) / "mlflow.db"
        uri = f"sqlite:///{new}"
        client(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)
        try:
            os.link(new, path)  # unlike a rename it never replaces the database of a process that was faster
        except FileExistsError:
            return


def _stored_alias(path: Path, name: str, alias: str) -> int | None:
    """The version of an alias as it stands in MLflow's own table."""
    asked = "SELECT DISTINCT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
        found = database.execute(asked, (name, alias)).fetchall()
    if len(found) > 1:
        raise sqlite3.DataError(f"{alias} names several versions")
    return int(found[0][0]) if found else None


def _is_mlflows(error: Exception) -> bool:
    roots = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return bool(roots & {"mlflow", "sqlalchemy", "requests", "urllib3"})


def _pages(ask: Callable[[str | None], Any]) -> list[Any]:
    listed: list[Any] = []
    token: str | None = None
    while True:
        page = ask(token)
        listed.extend(page)
        token = page.token
        if not token:
            return listed


def _version(entry: Any, aliases: Mapping[str, Any]) -> Version:
    number = int(entry.version)
    named = tuple(sorted(alias for alias, version in aliases.items() if int(version) == number))
    return Version(number, named, dict(entry.tags), str(entry.run_id), int(entry.creation_timestamp))


def _ensure_model(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except Exception as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise


def _log(client: MlflowClient, run_id: str, entry: Entry, now_ms: int) -> None:
    from mlflow.entities import Metric, Param

    metrics = [Metric(_plain(key), value, now_ms, 0) for key, value in entry.metrics.items() if math.isfinite(value)]
    params = [Param(_plain(key), str(value)[:_PARAM_LIMIT]) for key, value in entry.params.items()]
    for start in range(0, max(len(metrics), len(params)), 100):  # what MLflow takes at once
        client.log_batch(run_id, metrics=metrics[start : start + 100], params=params[start : start + 100])


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name.replace("@", "_at_"))


def _end_stale_runs(client: MlflowClient, experiment: str, now_ms: int) -> None:
    """Runs that a killed process left open for over an hour are marked as killed."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if run.info.start_time < now_ms - _STALE_MS:
            client.set_terminated(run.info.run_id, "KILLED", now_ms)
