"""Fitting and judging, in this process or in one of its own: the same code, so the same numbers.

A worker is a fresh interpreter (never a fork: the threads of Polars, Numba and OpenMP do not survive one) with one thread
for every library. It is told its work over a pipe, reads features from mapped files and sends numbers back:

    <- Start(estimator), then Bench(metrics, folder), then Task ...    -> Ready, then Outcome ...

Ctrl-C is the parent's matter. When the parent is gone, the worker removes the folder of mapped files and ends.
"""

import pickle
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.adviser.columns import Columns, columns_of, load
from dayshift.adviser.families import second_family
from dayshift.adviser.judging import Sample, worth
from dayshift.definition.loading import load_pipeline
from dayshift.definition.metric import Metric
from dayshift.diagnostics import DayshiftError, NotReady
from dayshift.learners.estimator import CLASSIFIER, Model, fit, predict

Floats = NDArray[np.float64]
SAMPLE = "sample"
MAPPED = 1


@dataclass(frozen=True)
class Start:
    """The user's estimator: pickled, and where it is defined for when that cannot be read."""

    pickled: bytes | None
    path: str | None
    pipeline: str


@dataclass(frozen=True)
class Bench:
    """What stays the same for all tasks. `daily`: metrics are means over days; `by`: columns that metrics count by."""

    kind: str
    metrics: tuple[Metric, ...]
    daily: bool
    by: tuple[str, ...] = ()
    folder: str | None = None


@dataclass(frozen=True)
class Task:
    """Fit on these rows of the features called `features`, then judge slices of the sample, each by itself.

    `weight` None for one each. `keep` asks for the predictions of all slices, one after the other.
    """

    features: str
    family: str
    seed: int
    rows: NDArray[np.int64]
    label: Floats
    weight: Floats | None
    slices: tuple[tuple[int, int], ...]
    keep: bool = False


@dataclass(frozen=True)
class Outcome:
    """`value[metric, slice]` by days, `pooled[slice]` the first metric on the whole slice; or the reason why there is none."""

    value: Floats
    pooled: Floats
    fit_cpu_s: float
    judge_cpu_s: float
    rows: int
    prediction: Floats | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Ready:
    """A worker has its estimator; `fault` says why it has not."""

    fault: str | None = None


@dataclass(frozen=True)
class Broken:
    """A worker came upon what nobody foresaw."""

    said: str


@dataclass(frozen=True)
class Constant:
    """The model of a track without features: everybody gets the same answer."""

    value: float


class Desk:
    """Where tasks are done: the estimator, the metrics and the tables at hand."""

    def __init__(self, estimator: Any, bench: Bench, table: Callable[[str], Columns]) -> None:
        self.estimator, self.bench, self.table = one_thread(estimator), bench, table
        self.sample = sample_of(table(SAMPLE), bench.by)

    def do(self, task: Task) -> Outcome:
        """The numbers of one task; a model that cannot be fitted gives a reason in their place."""
        nothing = np.full((len(self.bench.metrics), len(task.slices)), np.nan)
        started = time.process_time()
        try:
            model = self.model(task)
            fitted = time.process_time()
            found = [self._judged(task, model, piece) for piece in task.slices]
        except DayshiftError as error:
            spent = time.process_time() - started
            return Outcome(nothing, nothing[0], spent, 0.0, len(task.rows), failed=error.problems[0].message)
        value = np.array([part[0] for part in found]).reshape(-1, len(self.bench.metrics)).T
        pooled = np.array([part[1] for part in found], np.float64)
        kept = np.concatenate([part[2] for part in found]) if task.keep else None
        cpu_s = fitted - started, time.process_time() - fitted
        return Outcome(value, pooled, *cpu_s, len(task.rows), kept)

    def model(self, task: Task) -> Model:
        """The fitted model of a task.

        Raises:
            DayshiftError: it cannot be fitted (DS60x, DS811).
        """
        columns = self.table(task.features)
        if not columns.names:
            _both(task, self.bench.kind)
            average = float(np.average(task.label, weights=task.weight))
            return Model(Constant(average), (), (), self.bench.kind, "matrix")
        return fitted(self.estimator, self.bench.kind, task, columns.take(task.rows))

    def _judged(self, task: Task, model: Model, piece: tuple[int, int]) -> tuple[list[float], float, Floats]:
        first, end = piece
        frame = self.table(task.features).take(self.sample.rows[first:end])
        judged = self.sample.judged(first, end, answers(model, frame))
        values = [worth(metric, judged, self.bench.daily) for metric in self.bench.metrics]
        pooled = worth(self.bench.metrics[0], judged, daily=False) if self.bench.daily else values[0]
        return values, pooled, judged.prediction


def fitted(estimator: Any, kind: str, task: Task, frame: pl.DataFrame) -> Model:
    """The estimator, or its second family, fitted on rows of a task; some rows where one class only is an error.

    Raises:
        DayshiftError: DS60x, DS811.
    """
    _both(task, kind)
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    chosen = estimator if task.family != "second" else second_family(estimator, kind, texts)
    label = pl.Series(task.label.astype(np.int64) if kind == CLASSIFIER else task.label)
    return fit(chosen, frame, frame.columns, label, seed=task.seed, weights=task.weight)


def answers(model: Model, frame: pl.DataFrame) -> Floats:
    """A model's predictions for a frame's rows; one without columns answers too."""
    if isinstance(model.estimator, Constant):
        return np.full(frame.height, model.estimator.value)
    return predict(model, frame)


def sample_of(columns: Columns, by: tuple[str, ...]) -> Sample:
    """The sample from its table."""
    arrays = columns.arrays
    frame = columns.take(np.arange(columns.height)) if by else pl.DataFrame()
    return Sample(
        np.asarray(arrays["rows"]),
        np.asarray(arrays["label"]),
        np.asarray(arrays["as_of"]),
        np.asarray(arrays["weight"]) if "weight" in arrays else None,
        {name: frame[f"by:{name}"] for name in by},
    )


def table_of(sample: Sample) -> Columns:
    """The sample as a table."""
    plain = {"rows": sample.rows, "label": sample.label, "as_of": sample.as_of}
    weight = {} if sample.weight is None else {"weight": sample.weight}
    by = {f"by:{name}": column for name, column in sample.by.items()}
    return columns_of(pl.DataFrame({**plain, **weight, **by}))


def _both(task: Task, kind: str) -> None:
    if not len(task.rows):
        raise NotReady("DS811", "no label was known yet")
    if kind == CLASSIFIER and not 0 < task.label.mean() < 1:
        raise NotReady("DS811", f"all {len(task.rows):,} labels known by then are the same: one class only")


def estimator_of(start: Start) -> Any:
    """The estimator that the parent sent, else the one that the pipeline's own file defines.

    Raises:
        Exception: whatever both ways raise.
    """
    if start.pickled is not None:
        with suppress(ImportError, AttributeError):
            return pickle.loads(start.pickled)  # noqa: S301 - from our own parent, over our own pipe
    if start.path is None:
        raise NotReady("DS813", "the estimator can neither be sent nor read from a file")
    return load_pipeline(start.path, start.pipeline).model


def one_thread(estimator: Any) -> Any:
    """The estimator with every `n_jobs` 1: threads of several processes on few cores wait for one another, each spinning.

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> one_thread(RandomForestClassifier(n_jobs=-1)).n_jobs
    1
    """
    from sklearn.base import clone

    names = [name for name in estimator.get_params(deep=True) if name == "n_jobs" or name.endswith("__n_jobs")]
    return clone(estimator).set_params(**dict.fromkeys(names, 1)) if names else estimator


def warm(estimator: Any) -> None:
    """Fit once on next to nothing, so that what libraries import late is there; whatever fails will fail again."""
    rows = np.random.default_rng(0).random((64, 2))
    with suppress(Exception):
        fit(estimator, pl.DataFrame(rows, schema=["a", "b"]), ["a", "b"], pl.Series(np.arange(64) % 2))


def main(descriptor: int) -> None:
    """A worker's life, until its parent ends it or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe = Connection(descriptor)
    folder: Path | None = None
    try:
        estimator = _started(pipe)
        bench = pipe.recv()
        folder = Path(bench.folder)
        tables: dict[str, Columns] = {}
        desk = Desk(estimator, bench, lambda name: mapped(tables, Path(bench.folder), name))
        while (task := pipe.recv()) is not None:
            pipe.send(_done(desk, task))
    except (EOFError, OSError):  # the parent is gone without a word
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _started(pipe: Connection) -> Any:
    start = pipe.recv()
    try:
        estimator = estimator_of(start)
    except Exception as error:  # whatever the user's file raises is told to the parent, who goes on alone
        pipe.send(Ready(f"{type(error).__name__}: {error}"))
        raise EOFError from error
    warm(one_thread(estimator))
    pipe.send(Ready())
    return estimator


def mapped(tables: dict[str, Columns], folder: Path, name: str) -> Columns:
    """A table by name, mapped anew where it was let go: the rows that judge are kept, and the table used last.

    Mapped pages count as memory of every process that has touched them, and mapping again costs next to nothing.
    """
    found = tables.pop(name) if name in tables else load(folder / name)
    tables[name] = found
    others = [each for each in tables if each != SAMPLE]
    for old in others[:-MAPPED]:
        del tables[old]
    return found


def _done(desk: Desk, task: Task) -> Outcome | Broken:
    try:
        return desk.do(task)
    except Exception:  # noqa: BLE001 - the parent raises it
        return Broken(traceback.format_exc())
