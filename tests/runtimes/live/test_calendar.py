"""A calendar's predictions, live: asked where the log's clock passes the instant, wherever runs and loads end."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dayshift.lifecycle.project import Project
from dayshift.lifecycle.verify import verify
from dayshift.runtimes import nightly
from dayshift.runtimes.project import open_project
from tests.runtimes.conftest import FIRST
from tests.runtimes.live.taps import Feed, Record, Shelf
from tests.runtimes.live.test_run import go

PIPELINE = """
import dayshift as ds

pings = ds.Source("pings", time="at", key="id", schema={"id": str, "device": str, "level": int})
alarms = ds.Source("alarms", time="at", key="id", schema={"id": str, "device": str})
pipeline = ds.Pipeline(
    "watch",
    predict=pings.every("1h", by="device"),
    features=[
        pings.by("device").over("1h", "6h").mean("level"),
        pings.by("device").last("level"),
        alarms.by("device").over("1d").count(),
    ],
)
"""
SETTINGS = '[sources.pings]\nhttp = true\n[sources.alarms]\nhttp = true\n[live]\npace = "0s"\ncommit_rows = 17\n'
HOUR_US = 3_600_000_000


def world(seed: int) -> list[Record]:
    """Three days of pings and alarms with silences, events on the hour, and late ones; stamps are when they became known."""
    chance, records = random.Random(seed), []
    at = round(FIRST.timestamp() * 1e6)
    for number in range(260):
        at += chance.choice([0, 1, HOUR_US // 7, HOUR_US // 3, 2 * HOUR_US, HOUR_US - at % HOUR_US])
        happened = at - chance.choice([0, 0, 0, 1, HOUR_US, 9 * HOUR_US])
        row = {"id": f"e{number}", "device": f"d{chance.randrange(4)}", "at": str(happened)}
        source = "alarms" if chance.random() < 0.2 else "pings"
        records.append((source, at, row if source == "alarms" else {**row, "level": str(chance.randrange(9))}))
    return records


def project_in(folder: Path) -> Project:
    """A project that only the tests' feed feeds."""
    (folder / "pipeline.py").write_text(PIPELINE)
    (folder / "dayshift.toml").write_text(SETTINGS)
    return open_project(folder)


@pytest.mark.parametrize("seed", range(4))
def test_every_instant_is_asked_once_with_the_nightly_numbers(tmp_path: Path, seed: int) -> None:
    """Through micro-batches and restarts, a live run serves what the history engine says, no question twice, and verifies."""
    records, chance, shelf = world(seed), random.Random(seed + 100), Shelf()
    stops = sorted(chance.sample(range(1, len(records)), 4))
    for stop in [*stops, None]:
        project = project_in(tmp_path)
        go(project, Feed(records, sizes=lambda: chance.randrange(1, 30), limit=stop), shelf)
    again = pl.concat(list(project.engine.features(project.pipeline, project.lake.as_log())))
    by = ["as_of", "device"]
    mine = project.features.scan().collect()
    assert_frame_equal(mine.sort(by), again.sort(by), check_exact=True)
    assert mine.select(by).is_duplicated().sum() == 0
    report = verify(project, sample=200)
    assert report.equal
    assert report.questions == mine.height > 100


def test_a_night_after_a_live_run_asks_nothing_again(tmp_path: Path) -> None:
    """The night finds nothing to load and no instant to ask; the next live run goes on behind it."""
    records = world(7)
    project = project_in(tmp_path)
    go(project, Feed(records, limit=150))
    before = project.features.scan().collect()
    nightly.run(project_in(tmp_path), FIRST.replace(year=2027))
    after = project.features.scan().collect()
    assert_frame_equal(before, after, check_exact=True)
    go(project_in(tmp_path), Feed(records))
    assert verify(project, sample=0).equal
