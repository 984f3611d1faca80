"""Killed at any instant and run again: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from dayshift.lake import Lake
from tests.lake import work

REPO = Path(__file__).resolve().parents[2]
KILLS = 32


def _start(root: Path, loads: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{REPO / 'src'}:{REPO}", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "tests.lake.work", str(root), str(loads)]
    started = subprocess.Popen(command, env=environment, cwd=REPO, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"go\n"
    return started


def _expected(source: str, last: int) -> pl.DataFrame:
    frames = []
    for load in range(1, last + 1):
        first, second, third = work.chunks(source, load)
        kept = second.with_row_index("_n").filter(pl.col("_n") != 4).drop("_n")
        frames += [frame.with_columns(_load=pl.lit(load, pl.Int64)) for frame in (first, kept, third)]
    whole = pl.concat(frames, how="diagonal")
    horizon = max(work.horizon(load) for load in range(1, last + 1))
    return whole.filter(pl.col("_position") >= horizon)


def check_events(lake: Lake, last: int, horizon: int = 0) -> None:
    """The visible events are those of the loads up to `last`, from a horizon on."""
    for source in work.SOURCES:
        found = lake.events(source).filter(pl.col("_position") >= horizon).collect().sort("_position")
        assert found.equals(_expected(source, last).select(found.columns)), source


def check(lake: Lake, last: int) -> None:
    """All that the lake shows is what an undisturbed run to load `last` shows."""
    assert lake.last_load == last
    check_events(lake, last)
    held = lake.quarantine().collect().sort("_load", "id")
    wanted_ids = [f"{load}-{number}" for load in range(1, last + 1) for number in (1, 2)]
    assert held["id"].to_list() == wanted_ids
    readmitted = [identity for identity in wanted_ids if identity.endswith("-1") and identity != f"{last}-1"]
    assert held.filter(pl.col("state") == "readmitted")["id"].to_list() == readmitted
    found = lake.table("features", "p").scan().collect().sort("x")
    assert found.equals(pl.concat([work.features(load) for load in range(1, last + 1)]))
    by_day = {load // 3: work.predictions(load) for load in range(1, last + 1)}
    assert (
        lake.table("predictions", "p")
        .scan()
        .collect()
        .sort("day", "p", descending=[False, True])
        .equals(pl.concat(by_day.values()))
    )
    assert lake.state("p").load("fp") == (last, b"%d" % last * 1_000)
    loads = lake.loads()
    assert loads["load"].to_list() == [load for load in range(1, last + 1) for _ in work.SOURCES]


@pytest.mark.slow
def test_a_process_killed_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """A SIGKILL at 32 random moments of loads, compactions and retentions; then one run to the end."""
    dice = random.Random(20240501)
    root = tmp_path / "lake"
    for _ in range(KILLS):
        worker = _start(root, 10_000)
        time.sleep(dice.uniform(0.0, 0.9))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert worker.stdout is not None
        worker.stdout.close()
    reached = Lake(root).last_load
    last = _start(root, reached + 1)
    assert last.wait() == 0
    assert last.stdout is not None
    last.stdout.close()
    check(Lake(root), reached + 1)
