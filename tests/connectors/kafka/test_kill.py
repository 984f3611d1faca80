"""The whole way from a topic into the lake, killed at any instant: each message is there once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dayshift.lake import Lake
from tests.connectors.kafka import work
from tests.connectors.kafka.sending import send
from tests.laws.tree import ROOT
from tests.services import Cluster

KILLS, EACH = 10, 150


def _start(root: Path, kafka: Cluster, topic: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "tests.connectors.kafka.work", str(root), kafka.address, topic]
    started = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"go\n"
    return started


def _deliver(kafka: Cluster, topic: str, batch: int) -> None:
    """Rows, and one that is no JSON, over three partitions."""
    for partition in range(3):
        numbers = range(batch * EACH + partition, (batch + 1) * EACH, 3)
        rows = [{"id": f"p{n}", "at": "2024-05-01T10:00:00Z", "amount": f"{n}.25", "score": n / 7} for n in numbers]
        send(kafka, topic, [*rows, f"poison {batch} {partition}".encode()], partition=partition)


@pytest.mark.slow
@pytest.mark.kafka
def test_killed_at_any_instant_every_message_is_there_once(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """`kill -9` in a loop while messages keep coming, and the broker killed once: none lost, none twice, none read twice."""
    three = kafka.topic(f"{topic}-three", partitions=3)
    instants = random.Random(7)
    for batch in range(KILLS):
        process = _start(tmp_path, kafka, three)
        _deliver(kafka, three, batch)
        if batch == KILLS // 2:
            kafka.restart(0, kill=True)
        time.sleep(instants.uniform(0.1, 1.1))
        process.kill()
        process.wait()
    work.once(tmp_path, kafka.address, three)
    lake = Lake(tmp_path / "lake")
    told, events = lake.loads(), lake.events("payments").collect()
    assert events["id"].n_unique() == events.height == KILLS * EACH
    held = lake.quarantine().collect()
    assert held["raw"].n_unique() == held.height == KILLS * 3
    assert told["duplicates"].sum() == 0
    assert told["read"].sum() == KILLS * (EACH + 3)
    assert told.height >= 1  # how many loads come through between the kills is the machine's affair
