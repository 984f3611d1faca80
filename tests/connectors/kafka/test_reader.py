"""Topics of a real Kafka, read exactly once."""

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from dayshift.diagnostics import DefinitionError, NotReady, Refused
from tests.brokers import certificate
from tests.connectors.kafka.sending import QUICK, in_transaction, read, reader, send, values
from tests.services import Cluster

pytestmark = pytest.mark.kafka


def admin(kafka: Cluster) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})


def ids(*numbers: int) -> list[dict[str, str]]:
    return [{"id": str(number)} for number in numbers]


def test_a_topic_is_read_on_where_the_last_reading_ended(kafka: Cluster, topic: str) -> None:
    """First all, then what came since, then nothing; each row's number is its offset."""
    send(kafka, topic, ids(1, 2, 3))
    chunks, cursor = read(reader(kafka, topic, chunk_rows=2))
    assert [chunk.frame["id"].to_list() for chunk in chunks] == [["1", "2"], ["3"]]
    assert [chunk.rows.to_list() for chunk in chunks] == [[0, 1], [2]]
    assert {chunk.origin for chunk in chunks} == {f"{topic}/0"}
    send(kafka, topic, ids(4))
    again, later = read(reader(kafka, topic), cursor)
    assert (values(again), again[0].rows.to_list()) == (["4"], [3])
    assert read(reader(kafka, topic), later) == ([], later)


def test_several_topics_and_partitions_are_one_source(kafka: Cluster, topic: str) -> None:
    """Each partition has its own offset; a partition that is added later is read from its beginning."""
    other = kafka.topic(f"{topic}-more", partitions=2)
    send(kafka, topic, ids(1))
    send(kafka, other, ids(2), partition=0)
    send(kafka, other, ids(3, 4), partition=1)
    one = reader(kafka, [other, topic])
    chunks, cursor = read(one)
    assert sorted(values(chunks)) == ["1", "2", "3", "4"]
    assert [(mark.path, mark.rows) for mark in one.bookmark().origins] == [
        (f"{topic}/0", 1),
        (f"{other}/0", 1),
        (f"{other}/1", 2),
    ]
    asked = admin(kafka)
    asked.create_partitions([NewPartitions(other, 3)])[other].result()
    send(kafka, other, ids(5), partition=2)
    again, _ = read(reader(kafka, [other, topic]), cursor)
    assert values(again) == ["5"]


def test_a_topic_that_is_named_again_is_read_on(kafka: Cluster, topic: str) -> None:
    """The cursor keeps the offsets of a topic that the source does not name for a while."""
    other = kafka.topic(f"{topic}-more")
    send(kafka, topic, ids(1))
    send(kafka, other, ids(2))
    _, cursor = read(reader(kafka, [topic, other]))
    send(kafka, topic, ids(3))
    chunks, cursor = read(reader(kafka, topic), cursor)
    assert values(chunks) == ["3"]
    assert read(reader(kafka, [topic, other]), cursor)[0] == []


def test_a_poison_message_is_rejected_with_its_offset(kafka: Cluster, topic: str) -> None:
    """It stops nothing: the messages around it are rows, and it keeps its text."""
    send(kafka, topic, [{"id": "1"}, b'{"id": ', {"id": "2"}, b"[1]", b"\xff", b"", b'{\n "id": "3"\n}'])
    chunks, _ = read(reader(kafka, topic))
    (chunk,) = chunks
    assert (values(chunks), chunk.rows.to_list()) == (["1", "2", "3"], [0, 2, 6])
    assert chunk.rejects["row"].to_list() == [1, 3, 4, 5]
    assert chunk.rejects["raw"].to_list() == ['{"id": ', "[1]", "\\xff", ""]
    assert chunk.rejects["reason"][1] == "it is JSON, but no object"
    assert chunk.read == 7


def test_key_headers_and_timestamp_become_columns_when_they_are_asked_for(kafka: Cluster, topic: str) -> None:
    """As text; of a header that comes twice the last counts; a key that is no text rejects its message."""
    headers = [("trace", b"old"), ("trace", b"new")]
    send(kafka, topic, [{"id": "1"}, None], key=b"k", headers=headers, timestamp=1_700_000_000_123)
    send(kafka, topic, [{"id": "2"}], key=b"\xff")
    asked = {"key_column": "card", "timestamp_column": "sent", "header_columns": {"trace": "trace_id"}}
    chunks, _ = read(reader(kafka, topic, **asked))
    (chunk,) = chunks
    row = {"card": "k", "sent": "1700000000123", "trace_id": "new"}
    assert chunk.frame.to_dicts() == [{"id": "1", **row}, {"id": None, **row}]
    assert chunk.rejects.rows() == [(2, "byte 0xff of the key is not UTF-8", '{"id": "2"}')]


def test_only_committed_transactions_are_read(kafka: Cluster, topic: str) -> None:
    """Markers of transactions leave gaps in the offsets; what was aborted never was, and the end is found behind it."""
    in_transaction(kafka, topic, ids(1, 2), commit=True)
    in_transaction(kafka, topic, ids(3), commit=False)
    chunks, cursor = read(reader(kafka, topic, chunk_rows=1))
    assert values(chunks) == ["1", "2"]
    assert json.loads(cursor or "")[topic]["next"] == [5]
    send(kafka, topic, ids(4))
    assert values(read(reader(kafka, topic), cursor)[0]) == ["4"]
    whole, _ = read(reader(kafka, topic, kafka={**QUICK, "isolation.level": "read_uncommitted"}))
    assert values(whole) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_written_between_readings_each_committed_message_is_read_once(
    kafka: Cluster, topic: str, seed: int
) -> None:
    """Random transactions, committed, aborted and empty; readings at random moments, some given up, in random chunks."""
    chance = random.Random(seed)
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(30)
    wanted: list[str] = []
    found: list[str] = []
    cursor: str | None = None
    for step in range(25):
        numbers = [f"{step}-{n}" for n in range(chance.randrange(6))]
        producer.begin_transaction()
        for number in numbers:
            producer.produce(topic, json.dumps({"id": number}), partition=0)
        if chance.random() < 0.7:
            producer.commit_transaction(30)
            wanted += numbers
        else:
            producer.abort_transaction(30)
        one = reader(kafka, topic, chunk_rows=chance.randint(1, 7))
        if chance.random() < 0.3:
            given_up = one.chunks(one.plan([], cursor))
            next(given_up, None)
            given_up.close()  # type: ignore[attr-defined]
        if chance.random() < 0.5:
            chunks, cursor = read(one, cursor)
            found += values(chunks)
    found += values(read(reader(kafka, topic), cursor)[0])
    assert found == wanted


@pytest.mark.slow
def test_a_compacted_topic_is_read_to_its_end(kafka: Cluster, topic: str) -> None:
    """Old values of a key are gone from the middle; the offsets that are left keep their numbers."""
    config = {"cleanup_policy": "compact", "segment_ms": "100", "min_cleanable_dirty_ratio": "0.001"}
    compacted = kafka.topic(f"{topic}-compacted", **config, delete_retention_ms="100")
    for number in range(6):
        send(kafka, compacted, [{"id": str(number), "pad": "x" * 100}], key=b"same")
    found: list[Any] = []
    for attempt in range(60):
        send(kafka, compacted, [{"id": f"roll{attempt}"}], key=b"other")
        chunks, _ = read(reader(kafka, compacted))
        found = [row for chunk in chunks for row in zip(chunk.rows, chunk.frame["id"], strict=True)]
        if len(found) <= attempt + 3:
            break
    assert (5, "5") in found
    assert len(found) < found[-1][0] + 1


def test_messages_that_were_deleted_unread_stop_the_load(kafka: Cluster, topic: str) -> None:
    """How many are lost is told, and how to go on; going on, the loss stays on record."""
    send(kafka, topic, ids(*range(5)))
    _, cursor = read(reader(kafka, topic))
    send(kafka, topic, ids(*range(5, 15)))
    asked = admin(kafka)
    for done in asked.delete_records([TopicPartition(topic, 0, 12)]).values():
        done.result()
    with pytest.raises(Refused) as caught:
        reader(kafka, topic).plan([], cursor)
    (problem,) = caught.value.problems
    assert problem.code == "DS332"
    assert problem.message == (
        f"7 messages of partition 0 of topic '{topic}' were deleted before source 'payments' read them"
    )
    assert 'on_lost_messages = "continue"' in (problem.hint or "")
    one = reader(kafka, topic, on_lost_messages="continue")
    chunks, _ = read(one, cursor)
    assert values(chunks) == ["12", "13", "14"]
    assert f"{topic}/0: offsets 5 to 11 were deleted unread" in [origin.path for origin in one.bookmark().origins]


def test_messages_that_are_deleted_while_they_are_read_stop_the_load(kafka: Cluster, topic: str) -> None:
    """Between the plan and the reading, or in the middle: never a hole without a word."""
    send(kafka, topic, ids(*range(10)))
    one = reader(kafka, topic)
    plan = one.plan([], None)
    asked = admin(kafka)
    for done in asked.delete_records([TopicPartition(topic, 0, 4)]).values():
        done.result()
    with pytest.raises(Refused) as caught:
        list(one.chunks(plan))
    (problem,) = caught.value.problems
    assert problem.code == "DS332"
    assert "were deleted while source 'payments' read them" in problem.message


def test_a_topic_that_is_deleted_while_it_is_read_ends_the_load(kafka: Cluster, topic: str) -> None:
    """After as long as a broker may be silent, it is looked for, and told as absent."""
    send(kafka, topic, ids(1))
    one = reader(kafka, topic, kafka={"socket.timeout.ms": 2_000})
    plan = one.plan([], None)
    asked = admin(kafka)
    asked.delete_topics([topic])[topic].result()
    until = time.monotonic() + 30
    while topic in asked.list_topics(timeout=10).topics and time.monotonic() < until:
        time.sleep(0.1)  # deleted is what is promised, and a moment later what is so
    with pytest.raises(NotReady, match="DS331"):
        list(one.chunks(plan))


def test_a_topic_that_was_made_anew_is_told_from_the_old_one(kafka: Cluster, topic: str) -> None:
    """Its offsets mean other messages, even where there are enough of them."""
    send(kafka, topic, ids(1))
    _, cursor = read(reader(kafka, topic))
    asked = admin(kafka)
    asked.delete_topics([topic])[topic].result()
    kafka.topic(topic)
    send(kafka, topic, ids(7, 8, 9))
    with pytest.raises(Refused, match="was made anew"):
        reader(kafka, topic).plan([], cursor)
    assert values(read(reader(kafka, topic, on_lost_messages="continue"), cursor)[0]) == ["7", "8", "9"]


def test_a_topic_that_does_not_exist_is_told_with_the_nearest_one(kafka: Cluster, topic: str) -> None:
    """The hint can be pasted."""
    with pytest.raises(NotReady) as caught:
        reader(kafka, f"{topic}s").plan([], None)
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("DS331", f'[sources.payments]\ntopic = "{topic}"')


def test_a_setting_that_librdkafka_does_not_know_is_told_with_the_nearest_one(kafka: Cluster, topic: str) -> None:
    """Its values are never shown."""
    with pytest.raises(DefinitionError) as caught:
        reader(kafka, topic, kafka={"sasl.pasword": "s3cret"}).plan([], None)
    (problem,) = caught.value.problems
    assert problem.code == "DS333"
    assert '"sasl.password"' in (problem.hint or "")
    assert "s3cret" not in str(problem) + repr(problem)


def test_a_setting_that_is_like_none_is_told_to_be_removed(kafka: Cluster, topic: str) -> None:
    """Where no name is near, the hint is an edit all the same."""
    with pytest.raises(DefinitionError) as caught:
        reader(kafka, topic, kafka={"zzz": "1"}).plan([], None)
    assert caught.value.problems[0].hint == 'remove "zzz" from [sources.payments.kafka]'


def test_a_login_passes_through_and_a_wrong_one_is_refused_at_once(
    kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SASL over TLS by settings, the password from the environment and in no message."""
    send(kafka, topic, ids(1))
    given = {**QUICK, "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "tests"}
    given["ssl.ca.location"] = str(certificate() / "certificate.pem")
    given["sasl.password"] = "env:KAFKA_PASSWORD"
    monkeypatch.setenv("KAFKA_PASSWORD", "test-secret")
    assert values(read(reader(kafka.sasl_address, topic, kafka=given))[0]) == ["1"]
    monkeypatch.setenv("KAFKA_PASSWORD", "wr0ng")
    with pytest.raises(NotReady) as caught:
        reader(kafka.sasl_address, topic, kafka=given).plan([], None)
    (problem,) = caught.value.problems
    assert problem.code == "DS334"
    assert "wr0ng" not in repr(problem)
    monkeypatch.delenv("KAFKA_PASSWORD")
    with pytest.raises(NotReady) as caught:
        reader(kafka.sasl_address, topic, kafka=given)
    assert caught.value.problems[0].code == "DS113"


def test_a_certificate_that_is_not_trusted_is_refused_at_once(kafka: Cluster, topic: str) -> None:
    """Nobody reads from whoever answers at the address."""
    given = {**QUICK, "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "tests"}
    with pytest.raises(NotReady) as caught:
        reader(kafka.sasl_address, topic, retries=3, kafka={**given, "sasl.password": "test-secret"}).plan([], None)
    (problem,) = caught.value.problems
    assert problem.code == "DS334"
    assert "certificate" in problem.facts[0]


def test_an_abandoned_reading_leaves_nothing_behind(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """The next one brings every message."""
    send(kafka, topic, ids(*range(10)))
    one = reader(kafka, topic, chunk_rows=2)
    abandoned = one.chunks(one.plan([], None))
    next(abandoned)
    abandoned.close()  # type: ignore[attr-defined]
    assert len(values(read(one)[0])) == 10
