"""How a live run ends: in order when asked to, with a clear error when it must, and by `kill -9` at any instant."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dayshift.diagnostics import NotReady
from dayshift.lifecycle.project import Project
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Feed, Record, Shelf
from tests.runtimes.live.test_run import DAYS, feed_of, go, nights, project_again, recomputed, served

PATIENCE = 120


@contextmanager
def running(root: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`dayshift live` in a process of its own, killed in the end if it still lives."""
    command = [sys.executable, "-m", "dayshift", "live", "-C", str(root), "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(holds: Callable[[], Any], process: subprocess.Popen[str] | None = None) -> Any:
    """Waits for something to become true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("it never became true")


def status(root: Path) -> dict[str, Any]:
    """What the running process writes of itself; empty before it does."""
    try:
        found: dict[str, Any] = json.loads((root / "lake" / "live" / "status.json").read_text())
    except (OSError, ValueError):
        return {}
    return found


def test_a_full_disk_stops_the_run_before_anything_is_acknowledged(
    later: tuple[Project, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the journal cannot be written the run ends with DS404; what came out before is whole, the rest comes later."""
    import errno

    project, records = later
    shelf, calls, real = Shelf(), iter(range(10**6)), os.fdatasync

    def sometimes(file: int) -> None:
        if next(calls) == 7:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    feed = Feed(records)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", sometimes)
        with pytest.raises(NotReady) as caught:
            go(project, feed, shelf)
    assert caught.value.problems[0].code == "DS404"
    assert sum(feed.kept) < len(records)
    outcomes = project.lake.ledger.read(verb="live")["outcome"].to_list()
    assert outcomes == ["stopped"]
    go(project_again(project), Feed(records), shelf)
    sent = [row["order_id"] for row in shelf.rows]
    assert len(sent) == len(set(sent)) == sum(source == "orders" for source, _, _ in records)
    assert_frame_equal(served(project), recomputed(project), check_exact=True)


def test_sigterm_ends_it_in_order_with_everything_in_the_lake(later: tuple[Project, list[Record]], shop: Shop) -> None:
    """Asked to stop, it commits what it took, saves its state, and exits with 0; the journal is empty then."""
    project, records = later
    with running(shop.root) as process:
        until(lambda: status(shop.root).get("events") == len(records), process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert json.loads(out)["events"] == len(records)
    assert not list((shop.root / "lake" / "live").glob("*.journal"))
    again = project_again(project)
    state = again.lake.state("returns").load(again.fingerprint)
    assert state is not None
    assert state[0] == again.lake.last_load
    assert_frame_equal(served(again), recomputed(again), check_exact=True)


@pytest.mark.slow
def test_killed_at_random_it_loses_nothing_and_doubles_nothing(shop: Shop) -> None:
    """Killed again and again while files come in, it ends with every row once and with the history engine's numbers."""
    nights(shop, DAYS)
    settings = shop.root / "dayshift.toml"
    settings.write_text(
        settings.read_text() + '\n[live]\npoll = "50ms"\ncommit = "300ms"\ncheckpoint = "600ms"\nbatch_rows = 7\n'
    )
    chance = random.Random(5)
    for day in range(DAYS, DAYS + 6):
        shop.write_day(day)
        with running(shop.root) as process:
            until(lambda: status(shop.root).get("pid") == process.pid, process)
            time.sleep(chance.uniform(0.0, 1.5))
            process.kill()
    with running(shop.root, "--until-caught-up") as process:
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    project = shop.open()
    for name in ("orders", "returns"):
        key = project.lake.events(name).collect()["order_id"]
        wanted = sum(one[0] == name for one in feed_of(shop, range(DAYS + 6)))
        assert (len(key), key.n_unique()) == (wanted, wanted)
    assert project.lake.loads()["duplicates"].sum() == 0
    assert_frame_equal(served(project), recomputed(project), check_exact=True)
    scored = project.predictions.scan().collect()["order_id"]
    assert scored.is_duplicated().sum() == 0


def test_events_by_http_are_answered_once_they_are_kept(shop: Shop) -> None:
    """A posted order is acknowledged, is in the journal or the lake after `kill -9`, and posted again is a duplicate."""
    nights(shop, DAYS)
    text = (shop.root / "dayshift.toml").read_text()
    text = text.replace('[sources.orders]\nfiles = "data/orders/*.csv"', "[sources.orders]\nhttp = true")
    (shop.root / "dayshift.toml").write_text(text + '\n[live]\nlisten = "127.0.0.1:0"\n')
    order = {"order_id": "new1", "placed_at": "2026-01-10T12:00:00Z", "customer": "c1", "amount": "5.00"}
    bad = {**order, "order_id": "new2", "amount": "-1"}
    with running(shop.root) as process:
        port = until(lambda: _port(shop.root), process)
        answer = _post(port, "orders", [order, bad])
        assert (answer["loaded"], answer["quarantined"]) == (1, 1)
        assert answer["held"][0]["code"] == "DS353"
        process.kill()
    with running(shop.root) as process:
        port = until(lambda: status(shop.root).get("pid") == process.pid and _port(shop.root), process)
        assert _post(port, "orders", [order])["duplicates"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    project = shop.open()
    assert project.lake.events("orders").filter(pl.col("order_id") == "new1").collect().height == 1
    assert_frame_equal(served(project), recomputed(project), check_exact=True)


def _port(root: Path) -> int | None:
    for tap in status(root).get("taps", {}).values():
        if tap.get("address"):
            return int(str(tap["address"]).rsplit(":", 1)[1])
    return None


def _post(port: int, source: str, rows: list[dict[str, str]]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", f"/events/{source}", json.dumps(rows), {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    found: dict[str, Any] = json.loads(content)
    return found


def test_a_training_that_is_due_runs_beside_and_its_model_serves(shop: Shop) -> None:
    """While live, a due training is a process of its own; its model is promoted and serves without a restart."""
    nights(shop, DAYS)
    settings = shop.root / "dayshift.toml"
    settings.write_text(
        settings.read_text().replace("[schedule]\n", '[schedule]\ntrain = "* * * * *"\n')
        + '\n[live]\nupkeep = "200ms"\nmodels = "200ms"\npoll = "100ms"\n'
    )
    with running(shop.root) as process:
        until(lambda: (status(shop.root).get("training") or {}).get("begun"), process)
        until(lambda: status(shop.root)["model"]["swaps"], process)
        shop.write_day(DAYS)
        until(lambda: status(shop.root)["questions"], process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    versions = shop.open().predictions.scan().collect()["model_version"].unique().to_list()
    assert versions == ["2"]
