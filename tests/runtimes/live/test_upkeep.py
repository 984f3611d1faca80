"""Labels and warehouses while a pipeline is live: a process of its own, which ends with the run."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from dayshift.lifecycle.labels import update_labels
from dayshift.lifecycle.project import Project
from dayshift.runtimes.live import keeping
from dayshift.runtimes.live import upkeep as module
from dayshift.runtimes.live.turns import YIELDING
from dayshift.runtimes.live.upkeep import Order, Upkeep
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Feed
from tests.runtimes.live.test_ending import running, status, until
from tests.runtimes.live.test_run import DAYS, feed_of, go, nights, recomputed, served, set_live

LATER = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
WAREHOUSE = """
[destinations.bi]
database = "duckdb:warehouse.duckdb"
table = "features"
content = "features"
"""


def without_labels(shop: Shop, settings: str = "") -> Project:
    """A shop that has lived some nights, whose labels are gone."""
    project = nights(shop, DAYS)
    if settings:
        with (shop.root / "dayshift.toml").open("a") as file:
            file.write(settings)
        project = shop.open()
    project.labels.replace(iter([project.labels.scan().collect().clear()]), pl.lit(True), "test", 1)
    return project


def labels_of(project: Project) -> pl.DataFrame:
    """All labels, in a fixed order."""
    return project.labels.scan().sort("order_id", "as_of").collect()


def test_its_labels_and_rows_are_those_of_a_night(shop: Shop) -> None:
    """The same labels as in this process, and the warehouse gets what the lake holds; with nothing new, nothing is asked again."""
    project = without_labels(shop, WAREHOUSE)
    load, upkeep = project.lake.last_load, Upkeep(project)
    assert upkeep.wants(load)
    upkeep([(load, LATER)])
    kept = upkeep.kept
    found = labels_of(project)
    assert (kept.note, kept.upto_load, kept.labels) == (None, load, found.height)
    assert not upkeep.wants(load)
    assert upkeep.wants(load + 1)
    with duckdb.connect(str(shop.root / "warehouse.duckdb"), read_only=True) as base:
        rows = base.execute("SELECT count(*) FROM features").fetchone()
    assert rows == (project.features.scan().collect().height,)
    project.labels.replace(iter([found.clear()]), pl.lit(True), "test", 2)
    update_labels(project, LATER)
    assert_frame_equal(labels_of(project), found, check_exact=True)


def test_a_pipeline_file_may_print(shop: Shop) -> None:
    """What it prints is not taken for the outcome."""
    project = without_labels(shop)
    with (shop.root / "pipeline.py").open("a") as file:
        file.write("print('hello')\nimport os\nos.system('echo hello')\n")
    upkeep = Upkeep(project)
    upkeep([(project.lake.last_load, LATER)])
    assert (upkeep.kept.note, upkeep.kept.labels > 0) == (None, True)


def test_files_of_the_project_do_not_stand_before_those_of_python(shop: Shop) -> None:
    """A folder with a `types.py` or a `queue.py` of its own begins a process as any other does."""
    project = without_labels(shop)
    for name in ("types", "queue", "random", "token"):
        (shop.root / f"{name}.py").write_text("X = 1\n")
    sys.path.insert(0, str(shop.root))  # as loading the pipeline does
    upkeep = Upkeep(project)
    try:
        upkeep([(project.lake.last_load, LATER)])
    finally:
        sys.path.remove(str(shop.root))
    assert (upkeep.kept.note, upkeep.kept.labels > 0) == (None, True)


def test_asked_to_end_with_its_run_it_waits_for_the_run_to_end_it(shop: Shop) -> None:
    """Where all processes of a group get SIGTERM it must not look like a fault."""
    project = without_labels(shop)
    order = Order(project.root, project.settings, project.pipeline_fingerprint, 1, LATER, None)
    begin = module._BEGIN.replace("main()", "").replace("import main; ", "import main, upkeep; ")
    begin = begin.replace("from dayshift.runtimes.live.upkeep import main", "from dayshift.runtimes.live import upkeep")
    begin += "import time; upkeep.do = lambda order: print('at it', flush=True) or time.sleep(600); upkeep.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", begin], stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stderr is not None
    pickle.dump(order, process.stdin)
    process.stdin.flush()
    assert process.stderr.readline() == b"at it\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60.0) == 1
    process.stderr.close()


def test_with_the_lake_locked_by_the_run_it_writes_all_the_same(shop: Shop) -> None:
    """The run holds the lake's lock all the time."""
    project = without_labels(shop)
    upkeep = Upkeep(project)
    with project.lake.lock():
        upkeep([(project.lake.last_load, LATER)])
    assert upkeep.kept.note is None
    assert upkeep.kept.labels == labels_of(project).height > 0


def test_labels_not_ripe_by_the_clock_on_the_wall_are_asked_for_again(shop: Shop) -> None:
    """Events of a time that the wall's clock has not reached: what they make ripe waits for it, without another load."""
    project = without_labels(shop)
    load, upkeep = project.lake.last_load, Upkeep(project)
    upkeep([(load, shop.night(4))])
    first = upkeep.kept.labels
    assert upkeep.wants(load)
    upkeep([(load, LATER)])
    assert upkeep.kept.labels > first > 0
    assert not upkeep.wants(load)


def test_a_pipeline_that_was_changed_meanwhile_is_not_taken(shop: Shop) -> None:
    """It is told, nothing is written, and tried again."""
    project = without_labels(shop)
    load, upkeep, before = project.lake.last_load, Upkeep(project), project.labels.version
    file = shop.root / "pipeline.py"
    file.write_text(file.read_text().replace('within="2d"', 'within="1d"'))
    upkeep([(load, LATER)])
    assert upkeep.kept.note == (
        "upkeep did not succeed and is tried again: the pipeline's file was changed since the run began: start it anew, or undo that"
    )
    assert (project.labels.version, upkeep.kept.labels, upkeep.wants(load)) == (before, 0, True)
    file.write_text("import nothing_of_this_name\n")
    upkeep([(load, LATER)])
    assert "nothing_of_this_name" in (upkeep.kept.note or "")


def test_a_warehouse_that_is_out_of_reach_is_told_and_labels_are_written(shop: Shop) -> None:
    """Its rows come the next time."""
    project = without_labels(shop, WAREHOUSE)
    load, upkeep = project.lake.last_load, Upkeep(project)
    (shop.root / "warehouse.duckdb").mkdir()
    upkeep([(load, LATER)])
    assert "DS321" in (upkeep.kept.note or "") or "warehouse.duckdb" in (upkeep.kept.note or "")
    assert upkeep.kept.labels == labels_of(project).height > 0
    (shop.root / "warehouse.duckdb").rmdir()
    assert upkeep.wants(load)
    upkeep([(load, LATER)])
    assert upkeep.kept.note is None
    with duckdb.connect(str(shop.root / "warehouse.duckdb"), read_only=True) as base:
        assert base.execute("SELECT count(*) FROM features").fetchone() == (project.features.scan().collect().height,)


def test_a_process_that_is_killed_is_told_and_the_next_one_does_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when memory is short; and one that cannot be begun at all."""
    project = without_labels(shop)
    load, upkeep = project.lake.last_load, Upkeep(project)
    with monkeypatch.context() as patched:
        patched.setattr(module, "_BEGIN", "import os; os.kill(os.getpid(), 9)")
        upkeep([(load, LATER)])
        assert upkeep.kept.note == "upkeep did not succeed and is tried again: its process was killed by signal 9"
        patched.setattr(module, "_BEGIN", "raise SystemExit('no such thing')")
        upkeep([(load, LATER)])
        assert (upkeep.kept.note or "").endswith("its process ended with 1: no such thing")
        patched.setattr(sys, "executable", str(shop.root / "absent"))
        upkeep([(load, LATER)])
        assert "FileNotFoundError" in (upkeep.kept.note or "")
    upkeep([(load, LATER)])
    assert (upkeep.kept.note, upkeep.kept.labels > 0) == (None, True)


def test_it_ends_with_the_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked to end while it works it is gone at once, and nothing is begun any more."""
    project = without_labels(shop)
    load, upkeep = project.lake.last_load, Upkeep(project)
    monkeypatch.setattr(module, "_BEGIN", "import time; time.sleep(600)")
    thread = threading.Thread(target=upkeep, args=([(load, LATER)],))
    thread.start()
    child = psutil.Process(until(lambda: upkeep._process).pid)
    until(lambda: child.nice() >= YIELDING)
    upkeep.end()
    thread.join(60.0)
    assert not thread.is_alive()
    assert not child.is_running()
    monkeypatch.undo()
    upkeep([(load, LATER)])
    assert (upkeep.kept.labels, upkeep.kept.note) == (0, None)


def test_it_ends_when_the_run_is_killed(shop: Shop) -> None:
    """The end of its standard input is the end of its parent; whatever it was at."""
    project = without_labels(shop)
    order = Order(project.root, project.settings, project.pipeline_fingerprint, 1, LATER, None)
    begin = "import time; from dayshift.runtimes.live import upkeep; upkeep.do = lambda order: time.sleep(600); upkeep.main()"
    process = subprocess.Popen([sys.executable, "-c", begin], stdin=subprocess.PIPE)
    assert process.stdin is not None
    pickle.dump(order, process.stdin)
    process.stdin.flush()
    time.sleep(0.5)
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(60.0) == 1


@pytest.mark.slow
def test_a_live_run_brings_labels_up_to_date_and_leaves_no_process(shop: Shop) -> None:
    """While events come; after `kill -9` no process of it is left, and the next night finds nothing wrong."""
    project = without_labels(shop)
    with (shop.root / "dayshift.toml").open("a") as file:
        file.write('\n[live]\nupkeep = "100ms"\npoll = "50ms"\ncommit = "200ms"\n')
    shop.write_day(DAYS)
    with running(shop.root) as process:
        until(lambda: (status(shop.root).get("upkeep") or {}).get("labels"), process)
        shop.write_day(DAYS + 1)
        until(lambda: psutil.Process(process.pid).children(), process)
        children = psutil.Process(process.pid).children()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(60.0)
        until(lambda: not any(child.is_running() for child in children))
    update_labels(shop.open(), LATER)
    found = labels_of(project)
    assert found.select("order_id", "as_of").is_duplicated().sum() == 0
    project.labels.replace(iter([found.clear()]), pl.lit(True), "test", 2)
    update_labels(shop.open(), LATER)
    assert_frame_equal(labels_of(project).drop("_load"), found.drop("_load"), check_exact=True)


@pytest.mark.parametrize(("constant", "most"), [("COMPACT_LOADS", 20), ("COMPACT_ROWS", 100)])
def test_many_small_loads_are_merged_while_it_is_live(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, constant: str, most: int
) -> None:
    """After so many loads, or rows of them, there are fewer files than loads, and every answer is the same."""
    monkeypatch.setattr(keeping, constant, most)
    project = nights(shop, DAYS)
    before, last = len(files(project)), project.lake.last_load
    labels = project.labels.version
    set_live(project, commit="1us")
    for day in range(DAYS, DAYS + 1):
        shop.write_day(day)
    go(project, Feed(feed_of(shop, range(DAYS, DAYS + 1))))
    again = shop.open()
    loads = again.lake.last_load - last
    assert loads > 10
    assert len(files(again)) < before + loads - 5
    assert again.labels.version == labels
    assert_frame_equal(served(again), recomputed(again), check_exact=True)


def files(project: Project) -> list[Path]:
    """The files of the events that count."""
    table = project.lake._events_table("orders")
    return [Path(file.name) for file in table.files()]
