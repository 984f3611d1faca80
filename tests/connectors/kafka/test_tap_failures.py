"""What befalls a tap: brokers that go and come, topics that vanish, logins that are refused, takers that are slow."""

import json
import struct
import time
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from dayshift.connectors.kafka import poller, watch
from dayshift.diagnostics import NotReady, Refused
from tests.brokers import certificate, free_ports
from tests.connectors.kafka.sending import QUICK, send
from tests.connectors.kafka.tapping import Taken, tap_of, tapped
from tests.connectors.kafka.test_avro import RECORD, SCHEMA, TEXTS, avro, registry
from tests.services import Cluster

pytestmark = pytest.mark.kafka
CLUSTER: dict[str, Any] = {"kafka": {"socket.timeout.ms": 10_000, "reconnect.backoff.max.ms": 500}}


def ids(*numbers: int) -> list[dict[str, str]]:
    return [{"id": str(number)} for number in numbers]


def admin(kafka: Cluster) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topics are looked at often, so that no test waits for it."""
    monkeypatch.setattr(watch, "EVERY_S", 0.5)


@pytest.mark.parametrize("kill", [False, True])
def test_a_broker_that_restarts_costs_a_pause_and_no_message(kafka: Cluster, topic: str, kill: bool) -> None:
    """In the middle of a topic, in order or by a kill; meanwhile the state says what is waited for, and for how long."""
    send(kafka, topic, ids(*range(2_000)))
    with tapped(kafka, {"payments": topic}, topic, **CLUSTER) as got:
        got.until(lambda: len(got.rows) >= 500, most=100)
        broker = kafka.brokers[0]
        if kill:
            broker.kill()
        else:
            broker.stop()
        got.until(lambda: bool(got.tap.state()["waiting"]), most=1)
        state = got.tap.state()
        broker.start()
        kafka.wait()
        send(kafka, topic, ids(*range(2_000, 2_100)))
        got.until(lambda: len(got.rows) >= 2_100)
        got.until(lambda: not got.tap.state()["waiting"])
        assert [int(name or -1) for name in got.ids] == list(range(2_100))
    assert state["waiting"][0].startswith(f"Kafka at '{kafka.address}' does not answer: ")
    assert state["waiting_s"] >= 0


def test_brokers_that_are_absent_at_first_are_told(topic: str) -> None:
    """After as many retries as the settings ask for."""
    (port,) = free_ports(1)
    with pytest.raises(NotReady, match="DS330"):
        Taken(tap_of(f"127.0.0.1:{port}", {"payments": topic}, topic, kafka={"socket.timeout.ms": 1_000}))


def test_a_topic_that_is_deleted_ends_the_tap(kafka: Cluster, topic: str) -> None:
    """It is told as absent, not waited for."""
    send(kafka, topic, ids(1))
    with tapped(kafka, {"payments": topic}, topic) as got:
        got.rest()
        asked = admin(kafka)
        asked.delete_topics([topic])[topic].result()
        with pytest.raises(NotReady, match="DS331"):
            got.until(lambda: False)


def test_a_topic_that_is_made_anew_ends_the_tap(kafka: Cluster, topic: str) -> None:
    """Its messages are not read as if they were the old one's; started again, it says so, or begins with the new one."""
    send(kafka, topic, ids(1))
    with tapped(kafka, {"payments": topic}, topic) as got:
        got.rest()
        asked = admin(kafka)
        asked.delete_topics([topic])[topic].result()
        kafka.topic(topic)
        with pytest.raises(Refused, match="DS332"):
            got.until(lambda: False)
    send(kafka, topic, ids(7))
    with pytest.raises(Refused, match="was made anew"):
        Taken(tap_of(kafka, {"payments": topic}, topic), got.cursors)
    with tapped(kafka, {"payments": topic}, topic, got.cursors, on_lost_messages="continue") as again:
        assert [name for _, name, _ in again.rest()] == ["7"]
        told = [origin.path for origin in again.batches[0].origins["payments"]]
    assert f"{topic}: made anew, read from its beginning" in told


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_messages_that_were_deleted_unread_are_told(kafka: Cluster, topic: str, policy: str) -> None:
    """Before it opens, and under its feet, while its buffer is full; going on, the losses travel with the rows."""
    send(kafka, topic, ids(*range(10)))
    with tapped(kafka, {"payments": topic}, topic) as got:
        got.until(lambda: bool(got.rows), most=3)
    asked = admin(kafka)
    for done in asked.delete_records([TopicPartition(topic, 0, 5)]).values():
        done.result()
    if policy == "stop":
        with pytest.raises(Refused, match="2 messages of partition 0"):
            Taken(tap_of(kafka, {"payments": topic}, topic), got.cursors)
        return
    with tapped(kafka, {"payments": topic}, topic, got.cursors, on_lost_messages=policy) as again:
        assert [name for _, name, _ in again.rest()] == ["5", "6", "7", "8", "9"]
        told = [origin.path for origin in again.batches[0].origins["payments"]]
    assert f"{topic}/0: offsets 3 to 4 were deleted unread" in told


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_messages_that_are_deleted_while_it_reads_are_told(
    kafka: Cluster, topic: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A taker that is too slow for the topic's retention: never a hole without a word."""
    monkeypatch.setattr(poller, "LANE_ROWS", 20)
    monkeypatch.setattr(poller, "_LEAST_ROWS", 20)
    monkeypatch.setattr(poller, "AT_ONCE", 10)
    monkeypatch.setattr(poller, "STALL_S", 0.1)
    send(kafka, topic, ids(*range(1_000)))
    with tapped(kafka, {"payments": topic}, topic, on_lost_messages=policy) as got:
        got.until(lambda: got.tap.state()["buffered"] >= 20, most=1)
        time.sleep(1.0)  # the partition is paused by now, and librdkafka's own buffer is gone
        asked = admin(kafka)
        for done in asked.delete_records([TopicPartition(topic, 0, 900)]).values():
            done.result()
        if policy == "stop":
            with pytest.raises(Refused, match="were deleted before source 'payments' read them"):
                got.until(lambda: len(got.rows) > 900)
            return
        got.rest()
        numbers = [int(name or -1) for name in got.ids]
        first = next(at for at, (a, b) in enumerate(zip(numbers, numbers[1:], strict=False)) if b != a + 1)
        assert numbers == [*range(first + 1), *range(900, 1_000)]
        told = [origin.path for batch in got.batches for origin in batch.origins["payments"]]
    assert f"{topic}/0: offsets {first + 1} to 899 were deleted unread" in told


def test_a_login_passes_through_and_a_wrong_one_is_refused(
    kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SASL over TLS; the password stands in no message and no state."""
    send(kafka, topic, ids(1))
    given = {**QUICK, "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "tests"}
    given["ssl.ca.location"] = str(certificate() / "certificate.pem")
    given["sasl.password"] = "env:KAFKA_PASSWORD"
    monkeypatch.setenv("KAFKA_PASSWORD", "test-secret")
    with tapped(kafka.sasl_address, {"payments": topic}, topic, kafka=given) as got:
        assert [name for _, name, _ in got.rest()] == ["1"]
        assert "test-secret" not in repr(got.tap.state())
    monkeypatch.setenv("KAFKA_PASSWORD", "wr0ng")
    with pytest.raises(NotReady) as caught:
        Taken(tap_of(kafka.sasl_address, {"payments": topic}, topic, kafka=given))
    (problem,) = caught.value.problems
    assert problem.code == "DS334"
    assert "wr0ng" not in repr(problem)


def test_a_slow_taker_does_not_let_the_memory_grow(kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two topics far apart in time, one taker that takes little: buffers stay within bounds, the order stays the clock's."""
    monkeypatch.setattr(poller, "LANE_ROWS", 300)
    monkeypatch.setattr(poller, "_LEAST_ROWS", 300)
    monkeypatch.setattr(poller, "AT_ONCE", 100)
    monkeypatch.setattr(poller, "STALL_S", 0.2)
    other = kafka.topic(f"{topic}-late")
    producer = Producer({"bootstrap.servers": kafka.address})
    for number in range(3_000):
        producer.produce(topic, json.dumps({"id": str(number)}), timestamp=1_000_000 + number)
        producer.produce(other, json.dumps({"id": str(number)}), timestamp=1_002_000 + number)
    producer.flush(30)
    largest = 0
    with tapped(kafka, {"a": topic, "b": other}, topic) as got:
        while not got.tap.caught_up or not got.rows:
            largest = max(largest, got.tap.state()["buffered"])
            if got.take(50) is None:
                got.woken.wait(0.02)
                got.woken.clear()
        assert got.tap.state()["went_on_without"] == 0
    assert 300 <= largest <= 2 * (300 + 2 * 100)
    assert len(got.rows) == 6_000
    for name in "ab":
        assert [one for source, one, _ in got.rows if source == name] == [str(number) for number in range(3_000)]
    pieces = [sorted(int(us) for one in batch.arrived for us in one.stamps_us) for batch in got.batches]  # type: ignore[union-attr]
    stamps = [us for piece in pieces for us in piece]
    assert stamps == sorted(stamps)


def test_a_registry_that_is_down_keeps_the_partition_waiting(kafka: Cluster, topic: str) -> None:
    """Its messages are neither lost nor held: they are read once it answers, and the state says why not yet."""
    told = (200, json.dumps({"schema": json.dumps(SCHEMA)}))
    down = [(503, "")] * 3
    value = b"\x00" + struct.pack(">I", 1) + avro(RECORD)
    send(kafka, topic, [value, b"\x01", value])
    with registry({"/schemas/ids/1": [*down, told]}) as (url, asked):
        given = {"value": "avro", "schema_registry": f"http://{url}"}
        with tapped(kafka, {"payments": topic}, topic, **given) as got:
            got.until(lambda: "does not give schema 1" in "".join(got.tap.state()["waiting"]))
            assert not got.tap.caught_up
            got.rest()
            assert not got.tap.state()["waiting"]
    assert [(name, offset) for (_, name, _), (_, _, offset) in zip(got.rows, got.places, strict=True)] == [
        (TEXTS["id"], 0),
        (TEXTS["id"], 2),
    ]
    assert got.rejects == [("payments", 1)]
    assert len(asked) == len(down) + 1
