"""The registry over real MLflow on SQLite in a temporary folder."""

import multiprocessing
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from dayshift.definition.settings import RegistrySettings
from dayshift.diagnostics import NotReady, Refused, UsageError
from dayshift.learners import registry as module
from dayshift.learners.estimator import Model, fit, predict
from dayshift.learners.registry import CHALLENGER, CHAMPION, Entry, Registry, open_registry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = pl.DataFrame({"a": np.linspace(-1, 1, 50)})
ENTRY = Entry(
    params={"seed": 0},
    metrics={"roc_auc": 0.7, "precision@100_per_day_by_card": 0.2, "unknown": float("nan")},
    tags={"dayshift.features_fingerprint": "abc"},
    about={"features_fingerprint": "abc", "trained_to_us": 7},
    files={"roc.png": b"picture"},
)


@pytest.fixture(scope="module")
def model() -> Model:
    """A small fitted model."""
    return fit(LogisticRegression(), FRAME, ["a"], FRAME["a"] > 0)


@pytest.fixture
def registry(empty_registry: Path, tmp_path: Path) -> Registry:
    """A registry of this test's own."""
    return Registry(Path(shutil.copytree(empty_registry, tmp_path / "registry")))


def test_what_was_registered_comes_back(registry: Registry, model: Model) -> None:
    """By version and by alias: the same predictions, and everything that was written about the model."""
    version = registry.register("late", model, ENTRY, NOW)
    registry.set_alias("late", CHAMPION, version)
    for which in (version, CHAMPION):
        found = registry.load("late", which)
        assert np.array_equal(predict(found.model, FRAME), predict(model, FRAME))
        assert (found.name, found.version, found.about) == ("late", 1, ENTRY.about)


def test_versions_count_up_and_aliases_move(registry: Registry, model: Model) -> None:
    """An alias names one version at a time."""
    numbers = [registry.register("late", model, ENTRY, NOW) for _ in range(2)]
    registry.set_alias("late", CHALLENGER, 1)
    registry.set_alias("late", CHALLENGER, 2)
    assert numbers == [1, 2]
    assert [version.aliases for version in registry.versions("late")] == [(), (CHALLENGER,)]
    assert registry.versions("late")[0].tags["dayshift.features_fingerprint"] == "abc"


def test_any_mlflow_tool_finds_params_metrics_and_plots(registry: Registry, model: Model) -> None:
    """What is written is MLflow's own: run, metrics (a NaN left out), params, artifacts, status."""
    registry.register("late", model, ENTRY, NOW)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{registry.folder / 'mlflow.db'}")
    run = client.get_run(registry.versions("late")[0].run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"roc_auc": 0.7, "precision_at_100_per_day_by_card": 0.2}
    assert run.data.params == {"seed": "0"}
    written = registry.folder / "artifacts" / run.info.run_id / "artifacts"
    assert (written / "report" / "roc.png").read_bytes() == b"picture"
    assert {file.name for file in (written / "model").iterdir()} == {"model.json", "model.skops", "about.json"}


def test_a_registry_that_was_moved_still_loads(registry: Registry, model: Model, tmp_path: Path) -> None:
    """A project folder may be renamed: nothing depends on absolute paths."""
    registry.register("late", model, ENTRY, NOW)
    registry.folder.rename(tmp_path / "elsewhere")
    moved = Registry(tmp_path / "elsewhere")
    assert moved.load("late", 1).about == ENTRY.about
    assert moved.register("late", model, ENTRY, NOW) == 2
    assert moved.load("late", 2).version == 2


@pytest.mark.parametrize("which", ["champion", 7])
def test_what_is_not_there_is_named(registry: Registry, model: Model, which: str | int) -> None:
    """DS621 says which versions there are."""
    registry.register("late", model, ENTRY, NOW)
    with pytest.raises(UsageError, match="DS621") as caught:
        registry.load("late", which)
    assert "versions: 1" in caught.value.problems[0].facts
    with pytest.raises(UsageError, match="DS621"):
        registry.set_alias("late", CHAMPION, 9)


def test_an_unknown_model_has_no_versions(registry: Registry) -> None:
    """Asking is no error: before the first training there is nothing."""
    assert registry.versions("nobody") == []
    assert registry.champion("nobody") is None


def test_a_model_whose_files_were_lost_is_refused(registry: Registry, model: Model) -> None:
    """DS612, never another version in its place."""
    registry.register("late", model, ENTRY, NOW)
    shutil.rmtree(registry.folder / "artifacts")
    with pytest.raises(Refused, match="DS612"):
        registry.load("late", 1)


def test_a_server_that_is_down_is_not_ready_and_keeps_the_password_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DS620 names the server, never the credentials in its address."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotReady, match="DS620") as caught:
        Registry(tmp_path, uri=f"http://me:secret@127.0.0.1:{port}").champion("late")
    problem = caught.value.problems[0]
    assert f"127.0.0.1:{port}" in problem.message
    assert "secret" not in f"{problem}{problem.facts}"


def test_a_file_that_is_no_database_is_not_ready(tmp_path: Path) -> None:
    """DS620 again: what is there is left as it is."""
    (tmp_path / "mlflow.db").write_bytes(b"this is not SQLite" * 100)
    with pytest.raises(NotReady, match="DS620"):
        Registry(tmp_path).champion("late")
    assert (tmp_path / "mlflow.db").read_bytes().startswith(b"this is not")


def test_a_folder_that_cannot_be_written_is_not_ready(tmp_path: Path) -> None:
    """A file stands where the folder should be, or the disk is full: DS620, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NotReady, match="DS620"):
        Registry(tmp_path / "file" / "registry").versions("late")


def test_a_full_disk_while_registering_leaves_no_version(
    registry: Registry, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is not listed, and the next registration is version 1."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copytree", full)
        with pytest.raises(NotReady, match="DS620") as caught:
            registry.register("late", model, ENTRY, NOW)
    assert "No space left" in caught.value.problems[0].facts[0]
    assert registry.versions("late") == []
    assert registry.register("late", model, ENTRY, NOW) == 1


def test_with_sqlite_no_network_connection_is_opened(
    registry: Registry, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No telemetry, no look-up, nothing: connecting a socket would fail this test."""
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _self, address: opened.append(address))
    registry.set_alias("late", CHAMPION, registry.register("late", model, ENTRY, NOW))
    assert registry.champion("late") is not None
    assert opened == []


def test_heavy_libraries_are_imported_only_when_they_are_used() -> None:
    """Importing training and scoring imports none of them: `dayshift --help` and a run without training stay quick."""
    heavy = ("mlflow", "sklearn", "skops", "matplotlib", "scipy", "lightgbm", "xgboost", "sqlalchemy")
    code = f"import sys, dayshift.lifecycle.train; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_settings_choose_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URI may stand in the environment; without one the folder is used."""
    monkeypatch.setenv("TRACKING", "http://tracking:5000")
    remote = open_registry(RegistrySettings(uri="env:TRACKING", allow_pickle=True), tmp_path)
    assert (remote.place, remote.allow_pickle) == ("http://tracking:5000", True)
    assert open_registry(RegistrySettings(), tmp_path).place == str(tmp_path / "mlflow.db")


def test_runs_that_a_killed_process_left_open_are_ended(registry: Registry, model: Model) -> None:
    """After an hour a run that nobody finished is marked as killed by the next registration."""
    registry.register("late", model, ENTRY, NOW)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{registry.folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("late")
    left = client.create_run(experiment.experiment_id, start_time=int(NOW.timestamp() * 1000)).info.run_id
    registry.register("late", model, ENTRY, NOW + timedelta(minutes=10))
    assert client.get_run(left).info.status == "RUNNING"
    registry.register("late", model, ENTRY, NOW + timedelta(hours=2))
    assert client.get_run(left).info.status == "KILLED"


def _register_until_killed(folder: Path, model: Model) -> None:
    registry = Registry(folder)
    while True:
        registry.set_alias("late", CHAMPION, registry.register("late", model, ENTRY, NOW))


@pytest.mark.slow
def test_killed_at_any_moment_the_registry_holds_only_whole_versions(tmp_path: Path, model: Model) -> None:
    """`kill -9` while the database is made, while files are written, between version and alias: every version that is
    listed loads, the champion is one of them, and the next registration goes on.
    """
    folder = tmp_path / "registry"
    draw = random.Random(7)
    fork = multiprocessing.get_context("fork")
    import mlflow.tracking  # noqa: F401  once here instead of in each child

    for runs, delay in [(0, 0.2), (0, 0.8), *((2, draw.random() / 3) for _ in range(4))]:
        child = fork.Process(target=_register_until_killed, args=(folder, model))
        before = len(list(folder.glob("artifacts/*")))
        child.start()
        while len(list(folder.glob("artifacts/*"))) < before + runs:  # the slower the machine, the later it is killed
            assert child.is_alive()
            time.sleep(0.01)
        time.sleep(delay)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    registry = Registry(folder)
    versions = registry.versions("late")
    assert len(versions) > 3
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    for version in versions[:: max(1, len(versions) // 20)] + versions[-2:]:
        assert registry.load("late", version.version).about == ENTRY.about
    assert registry.champion("late") is not None
    assert registry.register("late", model, ENTRY, NOW) == len(versions) + 1
    with sqlite3.connect(folder / "mlflow.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def test_an_alias_is_read_without_mlflow(registry: Registry, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the local database's own table; MLflow is only asked when that cannot be read."""
    registry.register("late", model, ENTRY, NOW)
    registry.set_alias("late", CHAMPION, 1)
    again = Registry(registry.folder)
    assert (again.alias("late", CHAMPION), again.alias("late", CHALLENGER), again.alias("x", CHAMPION)) == (
        1,
        None,
        None,
    )
    assert again._client is None
    (registry.folder / "mlflow.db").rename(registry.folder / "elsewhere.db")
    assert Registry(registry.folder).alias("late", CHAMPION) is None
    (registry.folder / "elsewhere.db").rename(registry.folder / "mlflow.db")
    monkeypatch.setattr(module, "_stored_alias", unreadable)
    assert Registry(registry.folder).alias("late", CHAMPION) == 1


def unreadable(*_: object) -> int:
    raise sqlite3.OperationalError("database is locked")


def test_the_client_prints_nothing_to_stdout() -> None:
    """Against a server it would print links among the results, and spoil `--json`."""
    from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT

    from dayshift.learners.registry import _quiet_mlflow

    _quiet_mlflow()
    assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get()
