"""A process that reads and writes live, killed at any instant while brokers fall: each message comes out once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.connectors.kafka import live_work
from tests.connectors.kafka.sending import read, reader, send, values
from tests.laws.tree import ROOT
from tests.services import Cluster

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
KILLS, EACH = 12, 400


def start(root: Path, address: str, topic: str) -> subprocess.Popen[bytes]:
    """The process, once its imports are over."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "tests.connectors.kafka.live_work", str(root), address, topic]
    started = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"go\n"
    return started


def deliver(kafka: Cluster, topic: str, batch: int) -> None:
    """Messages over two partitions."""
    for partition in range(2):
        numbers = range(batch * EACH + partition, (batch + 1) * EACH, 2)
        send(kafka, topic, [{"id": str(number)} for number in numbers], partition=partition)


def check(kafka: Cluster, topic: str, root: Path, count: int) -> None:
    """What readers of committed messages find in the output: everything once, as the journal has it."""
    live_work.relay(root, kafka.address, topic, 1_000, to_the_end=True)
    journal = [name for record in live_work.journal(root) for name in record["ids"]]  # type: ignore[attr-defined]
    assert sorted(map(int, journal)) == list(range(count))
    assert values(read(reader(kafka, f"{topic}-out", chunk_rows=1_000_000))[0]) == journal


def test_killed_at_any_instant_every_message_comes_out_once(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """`kill -9` in a loop while messages keep coming, and the broker restarted and killed in between."""
    two = kafka.topic(f"{topic}-two", partitions=2)
    kafka.topic(f"{two}-out")
    instants = random.Random(11)
    for batch in range(KILLS):
        process = start(tmp_path, kafka.address, two)
        deliver(kafka, two, batch)
        time.sleep(instants.uniform(0.1, 1.3))
        if batch % 4 == 3:
            kafka.restart(0, kill=batch % 8 == 7)
        process.kill()
        process.wait()
    check(kafka, two, tmp_path, KILLS * EACH)


@pytest.fixture(scope="module")
def three(kafka: Cluster) -> Iterator[Cluster]:
    """Three brokers that can fail over; the fixture `kafka` skips where there is none."""
    del kafka
    with services.kafka(3) as cluster:
        yield cluster


def test_a_broker_of_three_is_killed_and_nothing_is_lost_or_doubled(three: Cluster, tmp_path: Path) -> None:
    """One after the other, each while the process reads and writes on; a process that is not killed gets over it."""
    topic = three.topic("failover", partitions=2)
    three.topic(f"{topic}-out")
    process = start(tmp_path, three.address, topic)
    for batch, broker in enumerate(three.brokers):
        deliver(three, topic, 2 * batch)
        broker.kill()
        deliver(three, topic, 2 * batch + 1)
        broker.start()
        three.wait()
    wanted, until = 6 * EACH, time.monotonic() + 120
    while sum(len(record["ids"]) for record in live_work.journal(tmp_path)) < wanted:  # type: ignore[arg-type,misc]
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.2)
    process.kill()
    process.wait()
    check(three, topic, tmp_path, wanted)
