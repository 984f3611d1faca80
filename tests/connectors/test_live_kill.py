"""The whole way from a folder and from HTTP into the lake by `dayshift live`, killed at any instant."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dayshift.lake import Lake
from tests.laws.tree import ROOT
from tests.services import free_port

KILLS, EACH = 5, 100_000
ROWS = KILLS * EACH
PIPELINE = """
import dayshift as ds

orders = ds.Source("orders", time="at", key="id", schema={"id": str, "amount": int})
payments = ds.Source("payments", time="at", key="id", schema={"id": str, "amount": int})
pipeline = ds.Pipeline("shop", predict=payments, features=[orders.by("id").over("1d").count(), payments.by("id").over("1d").sum("amount")])
"""
SETTINGS = """
[sources.orders]
files = "in/*.csv"

[sources.payments]
http = true

[ingest]
chunk_rows = 20000

[live]
listen = "127.0.0.1:{port}"
poll = "20ms"
batch_rows = 500
commit = "1s"
"""


class Sender:
    """Sends events one by one until each is answered, whatever happens to the other side."""

    def __init__(self, port: int) -> None:
        self.port, self.sent, self.duplicates = port, 0, 0

    def send(self, seconds: float) -> None:
        """For so long, beginning with the event that has no answer yet."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            told = self._one(self.sent)
            if told is None:
                time.sleep(0.02)
                continue
            assert told["loaded"] + told["duplicates"] == 1
            self.duplicates += told["duplicates"]
            self.sent += 1

    def _one(self, number: int) -> dict[str, Any] | None:
        body = json.dumps(
            {"id": f"p{number}", "at": f"2024-05-01T10:{number // 60 % 60:02d}:{number % 60:02d}", "amount": 1}
        )
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            try:
                connection.request("POST", "/events/payments", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer: dict[str, Any] = json.loads(response.read())
            except (OSError, http.client.HTTPException):
                return None
            return answer if response.status == 200 else None


def _started(root: Path, *options: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-c", "from dayshift.cli import main; main()", "live", *options]
    with (root / "said").open("ab") as said:
        return subprocess.Popen(command, env=environment, cwd=root, stdout=said, stderr=said)


def _drop(root: Path, number: int) -> None:
    """A large file, written beside its place and renamed."""
    numbers = range(number * EACH, (number + 1) * EACH)
    lines = [f"o{n},2024-05-0{number + 1} {n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d},{n}\n" for n in numbers]
    (root / "beside").write_text("id,at,amount\n" + "".join(lines))
    (root / "beside").rename(root / "in" / f"{number}.csv")


@pytest.mark.slow
def test_killed_at_any_instant_every_row_is_in_the_lake_once(tmp_path: Path) -> None:
    """What was answered is never lost, what was not is sent again; the rows of a large file are read on from its middle."""
    port = free_port()
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "dayshift.toml").write_text(SETTINGS.replace("{port}", str(port)))
    (tmp_path / "in").mkdir()
    sender, instants = Sender(port), random.Random(11)
    for number in range(KILLS):
        process = _started(tmp_path)
        before, until = sender.sent, time.monotonic() + 60
        while sender.sent == before and time.monotonic() < until:
            sender.send(0.05)
        _drop(tmp_path, number)
        sender.send(instants.uniform(0.05, 0.6))
        process.kill()
        process.wait()
    last = _started(tmp_path, "--until-caught-up")
    assert last.wait(120) == 0, (tmp_path / "said").read_text()

    lake = Lake(tmp_path / "lake")
    orders, payments = (lake.events(name).collect() for name in ("orders", "payments"))
    assert (orders.height, orders["id"].n_unique()) == (ROWS, ROWS)
    assert payments["id"].n_unique() == payments.height
    assert {f"p{n}" for n in range(sender.sent)} <= set(payments["id"])
    assert payments.height <= sender.sent + 1
    mine = lake.loads().filter(source="orders")
    assert [mine[name].sum() for name in ("read", "loaded", "duplicates")] == [ROWS, ROWS, 0]
    assert sender.sent >= KILLS
