"""What befalls a sink: brokers that go and come in the middle of transactions, processes that die between send and commit."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import polars as pl
import pytest

from dayshift.connectors.kafka.sink import KafkaSink
from dayshift.connectors.kafka.transactions import Transactions
from dayshift.connectors.live import Mark
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import OutputSettings
from dayshift.diagnostics import NotReady
from tests.brokers import free_ports
from tests.connectors.kafka.test_sink import committed, never, opened, rows
from tests.laws.tree import ROOT
from tests.services import Cluster

pytestmark = pytest.mark.kafka
QUICK: dict[str, Any] = {"reconnect.backoff.max.ms": 200}


def test_brokers_that_are_absent_at_first_are_told(topic: str) -> None:
    """Opening gives up after the retries that the settings ask for."""
    (port,) = free_ports(1)
    with pytest.raises(NotReady) as caught:
        opened(f"127.0.0.1:{port}", topic, **{"socket.timeout.ms": 1_000})
    (problem,) = caught.value.problems
    assert problem.code == "DS330"
    assert "of output 'scores' cannot be reached" in problem.message


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("at", ["before", "produced", "noted"])
def test_a_broker_that_falls_in_the_middle_of_a_transaction_doubles_nothing(
    kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch, kill: bool, at: str
) -> None:
    """In order or by a kill, before the transaction, with its rows on the way, with its mark on the way; it comes through."""
    one, _ = opened(kafka, topic, **QUICK)
    assert one.send(rows(1), Mark(1, 1), never)
    broker, fallen = kafka.brokers[0], threading.Event()
    inner = one._transactions
    assert inner is not None
    produce, put_down = Transactions._produce, Transactions._put_down

    def fall() -> None:
        if not fallen.is_set():
            fallen.set()
            if kill:
                broker.kill()
            else:
                broker.stop()
            threading.Thread(target=broker.start).start()

    def after_produce(self: Any, *given: Any) -> None:
        produce(self, *given)
        if at == "produced":
            fall()

    def after_note(self: Any, *given: Any) -> None:
        put_down(self, *given)
        if at == "noted":
            fall()

    monkeypatch.setattr(Transactions, "_produce", after_produce)
    monkeypatch.setattr(Transactions, "_put_down", after_note)
    if at == "before":
        fall()
    assert one.send(rows(2, 3), Mark(1, 3), never)
    assert fallen.is_set()
    kafka.wait()
    assert one.send(rows(4), Mark(1, 4), never)
    assert not one.state()["waiting"]
    one.close()
    assert committed(kafka, topic) == ["1", "2", "3", "4"]
    assert opened(kafka, topic)[1] == Mark(1, 4)


def test_while_brokers_are_down_it_says_so_and_can_be_stopped(kafka: Cluster, topic: str) -> None:
    """It tries for as long as nobody stops it; stopped, the rows are not written, and the mark tells."""
    one, _ = opened(kafka, topic, **QUICK)
    assert one.send(rows(1), Mark(1, 1), never)
    kafka.brokers[0].kill()
    try:
        stop = threading.Event()
        seen: list[Any] = []

        def watch() -> None:
            while not one.state()["waiting"]:
                stop.wait(0.05)
            seen.append(one.state())
            stop.set()

        thread = threading.Thread(target=watch)
        thread.start()
        assert not one.send(rows(2), Mark(1, 2), stop.is_set)
        thread.join()
        one.close()
    finally:
        kafka.brokers[0].start()
        kafka.wait()
    assert seen[0]["waiting"][0].startswith(f"Kafka at '{kafka.address}' does not answer output 'scores': ")
    again, mark = opened(kafka, topic)
    assert mark is not None
    if mark == Mark(1, 1):
        assert again.send(rows(2), Mark(1, 2), never)
    again.close()
    assert committed(kafka, topic) == ["1", "2"]


SCRIPT = """
import os, signal, sys
from dayshift.connectors.kafka.marks import Keeper
from dayshift.connectors.kafka.transactions import Transactions
from tests.connectors.kafka.test_sink import never, opened, rows
from dayshift.connectors.live import Mark

class At:
    address = sys.argv[1]

one, mark = opened(At, sys.argv[2])
assert one.send(rows(1, 2), Mark(1, 2), never)
patiently = Transactions._patiently

def die(self, *given):
    if sys.argv[3] == "noted":
        self._link.client.flush(10)
        os.kill(os.getpid(), signal.SIGKILL)
    patiently(self, *given)
    os.kill(os.getpid(), signal.SIGKILL)

Transactions._patiently = die
one.send(rows(3, 4), Mark(1, 4), never)
"""


@pytest.mark.parametrize(("at", "mark"), [("noted", Mark(1, 2)), ("committed", Mark(1, 4))])
def test_a_process_killed_around_its_commit_leaves_rows_and_mark_alike(
    kafka: Cluster, topic: str, at: str, mark: Mark
) -> None:
    """Between the sending and the commit: neither; right behind the commit: both. Whoever comes next goes on from there."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-c", SCRIPT, kafka.address, topic, at]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    one, found = opened(kafka, topic)
    assert found == mark
    if mark == Mark(1, 2):
        assert one.send(rows(3, 4), Mark(1, 4), never)
    one.close()
    assert committed(kafka, topic) == ["1", "2", "3", "4"]


def test_a_transaction_that_the_brokers_gave_up_is_written_again_once(kafka: Cluster, topic: str) -> None:
    """Brokers undo a transaction that takes too long, and turn its producer away; nobody else has come, so it goes on."""
    one, _ = opened(kafka, topic, **{"transaction.timeout.ms": 1_000, "message.timeout.ms": 900})
    inner = one._transactions
    assert inner is not None
    assert one.send(rows(1), Mark(1, 1), never)
    paused = threading.Event()
    patiently = inner._patiently

    def late(*given: Any) -> Any:
        if not paused.is_set():
            paused.set()
            assert inner._link is not None
            inner._link.client.flush(10)
            threading.Event().wait(13)  # the coordinator looks for such transactions every ten seconds
        return patiently(*given)

    inner._patiently = late  # type: ignore[method-assign]
    assert one.send(rows(2), Mark(1, 2), never)
    one.close()
    assert committed(kafka, topic) == ["1", "2"]


def test_many_rows_fit_through_a_small_queue(kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than librdkafka's queue goes in portions, in one transaction still."""
    from dayshift.connectors.kafka import transactions

    monkeypatch.setattr(transactions, "PORTION_ROWS", 50)
    given = OutputSettings(topic=topic, brokers=kafka.address, kafka={"queue.buffering.max.messages": 60})
    one = KafkaSink(topic, "scores", given, [], Retry(0))
    one.open()
    frame = pl.DataFrame({"id": [str(number) for number in range(1_000)]})
    assert one.send(frame, Mark(1, 1), never)
    assert one.state()["transactions"] == 1
    one.close()
    assert len(committed(kafka, topic)) == 1_000
