"""The throw-away services are real."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import brokers, services
from tests.laws.tree import ROOT
from tests.services import Cluster, Database


@pytest.mark.postgres
def test_each_test_gets_an_empty_database(postgres: Database) -> None:
    """A new database has no tables of its own, and keeps what is written to it."""
    assert postgres.run("select count(*) from information_schema.tables where table_schema = 'public'") == "0"
    postgres.run("create table t (n int); insert into t values (1), (2)")
    assert postgres.run("select sum(n) from t") == "3"


@pytest.mark.postgres
def test_the_next_test_sees_nothing_of_the_one_before(postgres: Database) -> None:
    """The table of the other test is not here."""
    assert postgres.run("select to_regclass('t') is null") == "t"


@pytest.mark.kafka
def test_a_topic_gives_back_what_was_sent_to_it(kafka: Cluster, topic: str) -> None:
    """A message comes out as it went in."""
    _send(kafka, topic, b"hello")
    assert _received(kafka, topic) == [b"hello"]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_killed_broker_comes_back_with_its_topics(kafka: Cluster) -> None:
    """Of three brokers one may be killed: the topic goes on, and the broker comes back with what it held."""
    del kafka  # it says whether Kafka can be started here
    with services.kafka(brokers=3) as cluster:
        topic = cluster.topic("copied")
        cluster.brokers[0].kill()
        assert not cluster.brokers[0].running
        _send(cluster, topic, b"one of three is down")
        cluster.restart(0)
        cluster.brokers[1].kill()
        assert _received(cluster, topic) == [b"one of three is down"]
    assert not any(broker.running for broker in cluster.brokers)


def test_kafka_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Java, or without Maven and jars, the reason and the remedy are told."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tests.brokers.shutil.which", lambda name: None)
    with pytest.raises(services.NoKafka, match="Java is not installed: apt-get install"):
        services.kafka_jars()
    monkeypatch.setattr("tests.brokers.shutil.which", lambda name: "java" if name == "java" else None)
    monkeypatch.setattr("tests.brokers._java_version", lambda java: 17)
    with pytest.raises(services.NoKafka, match="Maven is not installed"):
        services.kafka_jars()


def _send(cluster: Cluster, topic: str, value: bytes) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": cluster.address})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def _received(cluster: Cluster, topic: str) -> list[bytes | None]:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": cluster.address, "group.id": "tests", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    return [message.value()]


def test_every_service_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make services` names PostgreSQL, Kafka, Chromium and the data, and says how what is absent is had."""
    monkeypatch.setattr("tests.services.shutil.which", lambda name: None)
    services.main()
    told = capsys.readouterr().out
    assert "Chromium (opened by the tests, headless): no: apt-get install chromium" in told
    assert all(
        name in told for name in ("PostgreSQL", "Apache Kafka", "large real data", "DAYSHIFT_REQUIRE_SERVICES=1")
    )


def test_a_broker_that_cannot_be_had_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make broker` without Java: exit code 3, and what to install."""
    monkeypatch.setattr("tests.brokers.shutil.which", lambda name: None)
    monkeypatch.setattr("tests.brokers.signal.signal", lambda *given: None)
    assert brokers.main([]) == 3
    told = capsys.readouterr()
    assert (told.out, "Java is not installed: apt-get install" in told.err) == ("", True)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_of_ones_own_lives_until_it_is_interrupted(kafka: Cluster, tmp_path: Path) -> None:
    """`make broker` says what to put into dayshift.toml; after Ctrl-C nothing is left."""
    del kafka  # it says whether Kafka can be started here
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "tests.brokers", "payments"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as broker:
        assert broker.stdout is not None
        lines = [broker.stdout.readline() for _ in range(4)]
        assert (lines[0].endswith("; topics: payments\n"), lines[3].startswith('brokers = "127.0.0.1:')) == (True, True)
        broker.send_signal(signal.SIGINT)
        assert broker.wait(30) == 0
    assert list(tmp_path.glob("dayshift-kafka-*")) == []
