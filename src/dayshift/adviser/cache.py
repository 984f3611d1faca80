"""Results of fits, kept under what they were computed from.

A key is the hash of everything that a result depends on: the training rows' features, labels and weights, the estimator's
class, parameters and library version, the seed, the judging rows' features, labels and weights, the metrics. Nothing is
ever invalidated: what changed has another key. So a log that grew by a week fits only the new origins, and a definition that was changed
and changed back finds its old results. One SQLite file; a damaged one is begun anew, as it holds nothing that cannot be computed again.
"""

import io
import sqlite3
from contextlib import suppress
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np

from dayshift.adviser.columns import Columns
from dayshift.adviser.judging import Sample
from dayshift.adviser.worker import Bench, Outcome, Task
from dayshift.definition import canonical

FORMAT = 1
MOST = 50_000


class Cache:
    """Outcomes by key in `folder/replay.sqlite`; a context manager. `fault` says why something could not be kept.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Cache(Path(folder)) as cache:
    ...     cache.put(b"key", Outcome(np.array([[0.5]]), np.array([0.4]), 0.1, 0.2, 3))
    ...     cache.get(b"key").value.tolist(), cache.get(b"other")
    ([[0.5]], None)
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "replay.sqlite"
        self.fault: str | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._open(self._path)
        except (sqlite3.DatabaseError, OSError):
            self._anew()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, key: bytes) -> Outcome | None:
        """The outcome under this key, or None."""
        try:
            found = self._base.execute("SELECT outcome FROM fits WHERE key = ?", (key,)).fetchone()
            return None if found is None else _unpacked(found[0])
        except (sqlite3.DatabaseError, ValueError, KeyError, OSError, EOFError):
            return None

    def put(self, key: bytes, outcome: Outcome) -> None:
        """Keep an outcome; a disk that is full or locked keeps nothing, and what is computed goes on."""
        try:
            self._base.execute("INSERT OR REPLACE INTO fits VALUES (?, ?)", (key, _packed(outcome)))
        except sqlite3.Error as error:
            self.fault = str(error)

    def close(self) -> None:
        """Write and forget the oldest results beyond the most that are kept."""
        with suppress(sqlite3.Error):
            self._base.execute("DELETE FROM fits WHERE rowid <= (SELECT max(rowid) FROM fits) - ?", (MOST,))
        self._base.close()

    def _open(self, path: Path | str) -> None:
        self._base = sqlite3.connect(path, timeout=2, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = OFF")
        self._base.execute("CREATE TABLE IF NOT EXISTS fits (key BLOB PRIMARY KEY, outcome BLOB)")
        self._base.execute("SELECT count(key), count(outcome) FROM fits").fetchone()

    def _anew(self) -> None:
        with suppress(AttributeError, sqlite3.Error):
            self._base.close()
        try:
            for end in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
            self._open(self._path)
        except (sqlite3.Error, OSError) as error:  # a folder that cannot be written: nothing outlives this run
            self.fault = str(error)
            self._open(":memory:")


class Keys:
    """The key of each task. What judges is hashed once for each slice and features."""

    def __init__(self, estimator: Any, bench: Bench, sample: Sample) -> None:
        self._sample = sample
        model = [repr(canonical.plain(estimator)), *_libraries(estimator)]
        metrics = [metric.name for metric in bench.metrics]
        self._same = _hash(repr([FORMAT, model, metrics, bench.kind, bench.daily]).encode())
        self._slices: dict[tuple[str, int, int], bytes] = {}

    def of(self, task: Task, columns: Columns) -> bytes:
        """The key of this task with these features."""
        parts = [self._same, repr([task.family, task.seed, task.keep, task.weight is None]).encode()]
        parts += [task.label.tobytes(), b"" if task.weight is None else task.weight.tobytes()]
        parts += columns.content(task.rows)
        parts += [self._slice(task.features, columns, piece) for piece in task.slices]
        return _hash(*parts)

    def _slice(self, features: str, columns: Columns, piece: tuple[int, int]) -> bytes:
        name = (features, *piece)
        if name not in self._slices:
            first, end = piece
            sample = self._sample
            by = [column[first:end].hash(0).to_numpy().tobytes() for column in sample.by.values()]
            weight = b"" if sample.weight is None else sample.weight[first:end].tobytes()
            plain = [sample.label[first:end].tobytes(), sample.as_of[first:end].tobytes(), weight]
            self._slices[name] = _hash(*plain, *by, *columns.content(sample.rows[first:end]))
        return self._slices[name]


def _hash(*parts: bytes) -> bytes:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def _libraries(estimator: Any) -> list[str]:
    """The versions of what computes: NumPy, scikit-learn, and wherever parts of the estimator come from."""
    parts = [estimator, *getattr(estimator, "get_params", dict)().values()]
    modules = {type(part).__module__.partition(".")[0] for part in parts} - {"builtins", "sklearn"}
    found = []
    for name in sorted({"numpy", "scikit-learn", *modules}):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


def _packed(outcome: Outcome) -> bytes:
    arrays: dict[str, Any] = {name: getattr(outcome, name) for name in ("value", "pooled", "fit_cpu_s", "judge_cpu_s")}
    optional = {"prediction": outcome.prediction, "failed": outcome.failed}
    arrays |= {name: value for name, value in optional.items() if value is not None}
    file = io.BytesIO()
    np.savez(file, rows=outcome.rows, **arrays)
    return file.getvalue()


def _unpacked(packed: bytes) -> Outcome:
    with np.load(io.BytesIO(packed), allow_pickle=False) as found:
        return Outcome(
            value=found["value"],
            pooled=found["pooled"],
            fit_cpu_s=float(found["fit_cpu_s"]),
            judge_cpu_s=float(found["judge_cpu_s"]),
            rows=int(found["rows"]),
            prediction=found.get("prediction"),
            failed=str(found["failed"]) if "failed" in found else None,
        )
