"""Worker processes: they say what went wrong, and they never outlive their parent."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from dayshift.adviser.judging import Sample
from dayshift.adviser.pool import Workers
from dayshift.adviser.worker import SAMPLE, Bench, Task, table_of
from dayshift.definition.metric import METRICS
from dayshift.diagnostics import Bug, NotReady
from dayshift.lifecycle.metrics import DAY_US

PIPELINE: Any = SimpleNamespace(name="fake", model=DecisionTreeClassifier(), place=None)


def bench(folder: Path) -> Bench:
    """A folder with four rows that judge."""
    judges = Sample(np.arange(4), np.array([0.0, 1, 0, 1]), DAY_US * np.arange(4), None, {})
    table_of(judges).save(folder / SAMPLE)
    return Bench("classifier", (METRICS["roc_auc"],), True, (), str(folder))


def test_what_nobody_foresaw_in_a_worker_is_our_bug(tmp_path: Path) -> None:
    """A table that is not there: DS812 with the worker's own last lines."""
    task = Task("absent", "declared", 0, np.arange(4), np.array([0.0, 1, 0, 1]), None, ((0, 4),))
    with Workers(PIPELINE, 1) as workers:
        assert workers.open(bench(tmp_path / "mapped"))
        workers.submit(task, "one")
        assert (len(workers.idle), len(workers.busy)) == (0, 1)
        with pytest.raises(Bug, match="DS812") as caught:
            list(workers.collect(60.0))
    assert any("absent" in fact for fact in caught.value.problems[0].facts)


def kill(workers: Workers) -> None:
    """Its only worker, at once."""
    (one,) = workers.idle
    one.process.kill()
    one.process.wait()


def test_a_worker_that_is_killed_before_it_is_told_anything_is_told(tmp_path: Path) -> None:
    """DS810, never an error of a pipe, which would look like a reader of ours that has left."""
    with Workers(PIPELINE, 1) as workers:
        workers.idle[0].pipe.poll(60.0)  # it has said that it is ready
        kill(workers)
        with pytest.raises(NotReady, match="killed by signal 9"):
            workers.open(bench(tmp_path / "mapped"))


def test_a_worker_that_is_killed_before_a_task_is_told(tmp_path: Path) -> None:
    """DS810."""
    task = Task("absent", "declared", 0, np.arange(4), np.array([0.0, 1, 0, 1]), None, ((0, 4),))
    with Workers(PIPELINE, 1) as workers:
        workers.open(bench(tmp_path / "mapped"))
        kill(workers)
        with pytest.raises(NotReady, match="killed by signal 9"):
            workers.submit(task, "one")


def test_a_worker_whose_parent_is_gone_tidies_up_and_ends(tmp_path: Path) -> None:
    """The folder of mapped files goes with it."""
    folder = tmp_path / "mapped"
    workers = Workers(PIPELINE, 1)
    try:
        assert workers.open(bench(folder))
        (one,) = workers.idle
        one.pipe.close()
        assert one.process.wait(60.0) == 0
        assert not folder.exists()
    finally:
        workers.close()


def test_closing_ends_them_at_once_and_twice_is_no_fault() -> None:
    """Also before they were told anything."""
    workers = Workers(PIPELINE, 1)
    (one,) = workers.idle
    workers.close()
    workers.close()
    assert one.process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(one.process.pid, 0)
