"""The whole ingest, killed at any instant and run again: nothing lost, nothing doubled."""

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
from tests.lifecycle import ingest_work as work

REPO = Path(__file__).resolve().parents[2]
DAYS, KILLS = 8, 16


def _start(root: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{REPO / 'src'}:{REPO}", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "tests.lifecycle.ingest_work", str(root)]
    started = subprocess.Popen(command, env=environment, cwd=REPO, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"go\n"
    return started


def _deliver(root: Path, day: int) -> None:
    for name in work.NAMES:
        (root / name).mkdir(exist_ok=True)
        hidden = root / f"{name}-{day}.part"
        hidden.write_text(work.text(name, day))
        hidden.rename(root / name / f"{day:02d}.csv")


def _check(root: Path, days: int) -> None:
    lake = Lake(root / "lake")
    for name in work.NAMES:
        events = lake.events(name).collect()
        assert events.height == events["id"].n_unique() == days * (work.ROWS - 2)
        told = lake.loads().filter(pl.col("source") == name)
        assert told["loaded"].sum() == events.height
        assert told["duplicates"].sum() == days + days - 1
        assert (told["read"] == told["loaded"] + told["quarantined"] + told["duplicates"] + told["filtered"]).all()
        origins = told["origins"].explode(empty_as_null=True).drop_nulls().struct.unnest()
        read = origins.filter(pl.col("rows") > 0)["path"].to_list()  # without rows: seen again, known
        assert sorted(read) == [f"{name}/{day:02d}.csv" for day in range(days)]
        held = lake.quarantine().filter(pl.col("source") == name).collect()
        assert sorted(held.select("origin", "row").rows()) == [(path, row) for path in sorted(read) for row in (8, 10)]
    assert not (root / "lake" / "ingest.tmp").exists()


@pytest.mark.slow
def test_killed_at_any_instant_every_row_is_there_once(tmp_path: Path) -> None:
    """`kill -9` in a loop while files keep coming: events, quarantine, counts and manifest are those of a calm run."""
    instants = random.Random(7)
    delivered = 0
    for kill in range(KILLS):
        while delivered <= kill * DAYS // KILLS:
            _deliver(tmp_path, delivered)
            delivered += 1
        process = _start(tmp_path)
        time.sleep(instants.uniform(0.0, 0.35))
        process.send_signal(signal.SIGKILL)
        process.wait()
    work.once(tmp_path)
    assert delivered == DAYS
    _check(tmp_path, DAYS)
