"""Rows into a topic of a real Kafka, each exactly once."""

import json
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from dayshift.connectors.kafka import sink as sinking
from dayshift.connectors.kafka.sink import KafkaSink
from dayshift.connectors.live import Mark, Sink
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import OutputSettings
from dayshift.diagnostics import DefinitionError, NotReady, Refused
from tests.brokers import certificate
from tests.connectors.kafka.sending import QUICK, read, reader, values
from tests.services import Cluster

pytestmark = pytest.mark.kafka


def never() -> bool:
    return False


def opened(at: Cluster | str, topic: str, **kafka: Any) -> tuple[KafkaSink, Mark | None]:
    """The output of a pipeline that is called as its topic, and its mark."""
    address = at if isinstance(at, str) else at.address
    one = KafkaSink(topic, "scores", OutputSettings(topic=topic, brokers=address, kafka=kafka), ["id"], Retry(0))
    try:
        return one, one.open()
    except Exception:
        one.close()
        raise


def rows(*numbers: int, load: int = 1) -> pl.DataFrame:
    """One row a number, which is its position too."""
    return pl.DataFrame({"_load": load, "_position": numbers, "id": [str(number) for number in numbers]})


def committed(kafka: Cluster, topic: str) -> list[str]:
    """The ids that a reader of committed messages finds."""
    return values(read(reader(kafka, topic, chunk_rows=100_000))[0])


def test_rows_and_mark_are_written_together(kafka: Cluster, topic: str) -> None:
    """A new sink begins without a mark, and the next process finds the last one; the messages bear keys and places."""
    one, mark = opened(kafka, topic)
    assert isinstance(one, Sink)
    assert mark is None
    assert one.send(rows(1, 2), Mark(1, 2), never)
    assert one.send(rows(), Mark(1, 7), never)
    one.close()
    again, mark = opened(kafka, topic)
    assert mark == Mark(1, 7)
    assert again.send(rows(8), Mark(2, 8), never)
    again.close()
    (chunk,) = read(reader(kafka, topic, key_column="key"))[0]
    assert chunk.frame.rows(named=True)[0] == {"load": "1", "position": "1", "id": "1", "key": '"1"'}
    assert committed(kafka, topic) == ["1", "2", "8"]


def test_a_process_that_has_been_replaced_cannot_write(kafka: Cluster, topic: str) -> None:
    """Before its successor has sent anything, and after; what the successor writes stands alone."""
    old, _ = opened(kafka, topic)
    assert old.send(rows(1), Mark(1, 1), never)
    new, mark = opened(kafka, topic)
    assert mark == Mark(1, 1)
    with pytest.raises(Refused, match="another process writes to output 'scores'") as caught:
        old.send(rows(2), Mark(1, 2), never)
    assert caught.value.problems[0].code == "DS336"
    assert new.send(rows(3), Mark(1, 3), never)
    for one in (old, new):
        one.close()
    assert committed(kafka, topic) == ["1", "3"]


def test_very_many_rows_are_several_transactions_each_with_its_mark(
    kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one event stay together; rows without places are one transaction."""
    monkeypatch.setattr(sinking, "PIECE_ROWS", 10)
    one, _ = opened(kafka, topic)
    twice = pl.concat([rows(*range(25)), rows(*range(25))]).sort("_position")
    assert one.send(twice, Mark(4, 99), never)
    assert one.state()["transactions"] == 5
    assert one.send(twice.select("id"), Mark(5, 0), never)
    assert one.state()["transactions"] == 6
    one.close()
    assert len(committed(kafka, topic)) == 100
    assert opened(kafka, topic)[1] == Mark(5, 0)


def test_a_mark_that_the_group_has_forgotten_is_found_in_the_topic(kafka: Cluster, topic: str) -> None:
    """Kafka forgets offsets of idle groups after a week; the messages bear the mark too."""
    three = kafka.topic(f"{topic}-three", partitions=3)
    one, _ = opened(kafka, three)
    for number in range(20):
        assert one.send(rows(number), Mark(1, number), never)
    one.close()
    asked = AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})
    for done in asked.delete_consumer_groups([f"dayshift-{three}-scores-mark"]).values():
        done.result()
    again, mark = opened(kafka, three)
    again.close()
    assert mark == Mark(1, 19)


def test_a_transaction_that_took_too_long_is_written_again_once(kafka: Cluster, topic: str) -> None:
    """The brokers turn its producer away as if another had come; the token beside the mark tells that none did."""
    one, _ = opened(kafka, topic)
    assert one.send(rows(1), Mark(1, 1), never)
    inner = one._transactions
    assert inner is not None
    other, _ = opened(kafka, topic)  # fences the first one, then its mark is made to look as if it never came
    other.close()
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": f"dayshift-{topic}-scores-mark"})
    text = json.dumps({"load": 1, "position": 1, "by": inner._token})
    consumer.commit(offsets=[TopicPartition(topic, 0, 9, text)], asynchronous=False)
    consumer.close()
    assert one.send(rows(2), Mark(1, 2), never)
    assert one.send(rows(3), Mark(1, 3), never)
    one.close()
    assert committed(kafka, topic) == ["1", "2", "3"]


def test_an_absent_topic_is_not_made(kafka: Cluster, topic: str) -> None:
    """It is told, with the command that makes it: the topic with the nearest name may be somebody else's."""
    with pytest.raises(NotReady) as caught:
        opened(kafka, f"{topic}s")
    (problem,) = caught.value.problems
    assert problem.code == "DS331"
    assert problem.message.startswith(f"topic '{topic}s' of output 'scores' does not exist in Kafka")
    assert problem.hint == f"kafka-topics.sh --bootstrap-server {kafka.address} --create --topic {topic}s"
    assert f"{topic}s" not in AdminClient({"bootstrap.servers": kafka.address}).list_topics(timeout=10).topics


def test_a_topic_that_is_deleted_ends_the_sending(kafka: Cluster, topic: str) -> None:
    """With the code of an absent topic."""
    one, _ = opened(kafka, topic, **{"transaction.timeout.ms": 3_000, "topic.metadata.propagation.max.ms": 500})
    assert one.send(rows(1), Mark(1, 1), never)
    asked = AdminClient({"bootstrap.servers": kafka.address})
    asked.delete_topics([topic])[topic].result()
    with pytest.raises(NotReady, match="DS331"):
        one.send(rows(2), Mark(1, 2), never)
    one.close()


def test_a_login_passes_through_and_a_wrong_one_is_refused(
    kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SASL over TLS for the producer and for the mark; no message shows the password."""
    given = {**QUICK, "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "tests"}
    given["ssl.ca.location"] = str(certificate() / "certificate.pem")
    given["sasl.password"] = "env:KAFKA_PASSWORD"
    monkeypatch.setenv("KAFKA_PASSWORD", "test-secret")
    one, _ = opened(kafka.sasl_address, topic, **given)
    assert one.send(rows(1), Mark(1, 1), never)
    one.close()
    assert committed(kafka, topic) == ["1"]
    monkeypatch.setenv("KAFKA_PASSWORD", "wr0ng")
    with pytest.raises(NotReady) as caught:
        opened(kafka.sasl_address, topic, **given)
    assert caught.value.problems[0].code == "DS334"
    assert "wr0ng" not in repr(caught.value.problems)


def test_a_setting_that_librdkafka_does_not_know_is_told(kafka: Cluster, topic: str) -> None:
    """With the section of the output."""
    with pytest.raises(DefinitionError) as caught:
        opened(kafka, topic, **{"compresion.type": "lz4"})
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("DS333", '[live.outputs.scores.kafka]\n"compression.type" = ...')
