"""Taps in a consumer group: partitions come and go, and no message with them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from dayshift.connectors.kafka import poller
from dayshift.connectors.kafka.tap import kafka_taps
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DefinitionError, Refused
from tests.connectors.kafka.sending import send
from tests.connectors.kafka.tapping import Taken, tap_of, tapped
from tests.services import Cluster

pytestmark = pytest.mark.kafka


def ids(*numbers: int) -> list[dict[str, str]]:
    return [{"id": str(number)} for number in numbers]


@contextmanager
def member(kafka: Cluster, group: str, topic: str) -> Iterator[Consumer]:
    """Another member of the group, which reads what it is given."""
    given = {"partition.assignment.strategy": "cooperative-sticky", "auto.offset.reset": "earliest", "log_level": 0}
    more = {"group.id": group, "enable.auto.commit": False, "session.timeout.ms": 6_000, "heartbeat.interval.ms": 300}
    one, ended = Consumer({"bootstrap.servers": kafka.address, **given, **more}), threading.Event()
    one.subscribe([topic])

    def read() -> None:
        while not ended.is_set():
            one.poll(0.1)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield one
    finally:
        ended.set()
        thread.join()
        one.close()


def test_partitions_go_to_another_member_and_come_back_without_gap_or_overlap(kafka: Cluster, topic: str) -> None:
    """Messages keep coming all the while; the state says what is elsewhere, and its messages are waited for."""
    four = kafka.topic(f"{topic}-four", partitions=4)
    sent: list[int] = []

    def more() -> None:
        for partition in range(4):
            numbers = range(len(sent), len(sent) + 25)
            send(kafka, four, ids(*numbers), partition=partition)
            sent.extend(numbers)

    more()
    with tapped(kafka, {"payments": four}, topic, **QUICK_GROUP) as got:
        got.until(lambda: len(got.rows) >= 30, most=10)
        with member(kafka, f"dayshift-{topic}", four):
            got.until(lambda: len(got.tap.state()["elsewhere"]) == 2, most=1)
            assert "another process of group" in got.tap.state()["waiting"][0]
            more()
            got.rest(most=7)
            assert len(got.rows) < len(sent)
            more()
        got.until(lambda: not got.tap.state()["elsewhere"], most=5)
        more()
        got.until(lambda: len(got.rows) >= len(sent), most=13)
        assert sorted(map(int, got.ids)) == sorted(sent)  # type: ignore[arg-type]
        for partition in range(4):
            offsets = [row for _, origin, row in got.places if origin == f"{four}/{partition}"]
            assert offsets == sorted(offsets)


QUICK_GROUP: dict[str, Any] = {"kafka": {"heartbeat.interval.ms": 300, "session.timeout.ms": 6_000}}


def test_a_partition_that_was_full_when_it_went_is_read_when_it_comes_back(
    kafka: Cluster, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A taker that stands still has its partitions paused; that must not outlast their going and coming."""
    for name, value in (("LANE_ROWS", 20), ("_LEAST_ROWS", 20), ("AT_ONCE", 10), ("STALL_S", 0.1)):
        monkeypatch.setattr(poller, name, value)
    two = kafka.topic(f"{topic}-two", partitions=2)
    for partition in range(2):
        send(kafka, two, ids(*range(partition, 1_000, 2)), partition=partition)
    with tapped(kafka, {"payments": two}, topic, **QUICK_GROUP) as got:
        got.until(lambda: got.tap.state()["buffered"] >= 40, most=1)
        time.sleep(1.0)
        with member(kafka, f"dayshift-{topic}", two):
            until = time.monotonic() + 30
            while not got.tap.state()["elsewhere"] and time.monotonic() < until:
                time.sleep(0.1)
        got.until(lambda: len(got.rows) >= 1_000)
        assert sorted(map(int, got.ids)) == list(range(1_000))  # type: ignore[arg-type]


def test_partitions_that_are_added_are_read_from_their_first_message(kafka: Cluster, topic: str) -> None:
    """Found within seconds; the cursor has a place for them."""
    given = {"kafka": {"topic.metadata.refresh.interval.ms": 500, "heartbeat.interval.ms": 300}}
    send(kafka, topic, ids(1))
    with tapped(kafka, {"payments": topic}, topic, **given) as got:
        got.rest()
        asked = AdminClient({"bootstrap.servers": kafka.address, "log_level": 0})
        asked.create_partitions([NewPartitions(topic, 3)])[topic].result()
        send(kafka, topic, ids(2, 3), partition=2)
        send(kafka, topic, ids(4), partition=0)
        got.until(lambda: len(got.rows) == 4)
        assert sorted(map(str, got.ids)) == ["1", "2", "3", "4"]
    assert '"next": [2, 0, 2]' in got.cursors["payments"]


def test_the_groups_offsets_are_told_and_never_read(kafka: Cluster, topic: str) -> None:
    """Kafka's tools see how far the rows are kept; a tap that has no cursor begins at the beginning all the same."""
    send(kafka, topic, ids(1, 2, 3))
    with tapped(kafka, {"payments": topic}, topic) as got:
        got.rest()
    told = Consumer({"bootstrap.servers": kafka.address, "group.id": f"dayshift-{topic}"})
    (offset,) = told.committed([TopicPartition(topic, 0)], timeout=10)
    told.close()
    assert offset.offset == 3
    with tapped(kafka, {"payments": topic}, topic) as again:
        assert [name for _, name, _ in again.rest()] == ["1", "2", "3"]


def test_a_process_that_is_started_again_does_not_wait_for_the_one_that_crashed(kafka: Cluster, topic: str) -> None:
    """From the same folder it has the same name in the group; the one before is turned away when it comes back."""
    send(kafka, topic, ids(1, 2))
    old = Taken(tap_of(kafka, {"payments": topic}, topic))
    old.rest()
    with tapped(kafka, {"payments": topic}, topic, old.cursors) as new:
        new.until(lambda: new.tap.caught_up)
        send(kafka, topic, ids(3))
        new.until(lambda: len(new.rows) == 1)
        with pytest.raises(Refused, match="DS336"):
            old.until(lambda: False)
    old.tap.close()
    assert old.ids[:2] == [
        "1",
        "2",
    ]  # it may see more before it hears that it is out; to keep that is the lake's to refuse
    assert new.ids == ["3"]


def test_a_copy_in_another_folder_shares_the_partitions(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """It is another member: nobody is turned away, and both say what they miss."""
    two = kafka.topic(f"{topic}-two", partitions=2)
    with tapped(kafka, {"payments": two}, topic, **QUICK_GROUP) as one:
        one.rest()
        with tapped(kafka, {"payments": two}, topic, root=tmp_path, **QUICK_GROUP) as other:
            other.until(lambda: len(other.tap.state()["elsewhere"]) == 1)
            one.until(lambda: len(one.tap.state()["elsewhere"]) == 1)


def sections(*given: tuple[str, dict[str, Any]]) -> list[tuple[str, SourceSettings]]:
    return [(name, SourceSettings(topic=name, brokers=more.pop("brokers", "b:1"), kafka=more)) for name, more in given]


def test_sources_that_are_reached_alike_share_a_tap(tmp_path: Path) -> None:
    """One consumer for those of one cluster and settings; other ways to the same cluster have groups of their own."""
    given = sections(("b", {}), ("a", {}), ("c", {"client.rack": "r"}), ("d", {"brokers": "other:1"}))
    given.append(("files", SourceSettings(files="x.csv")))
    taps = kafka_taps("p", given, Retry(0), tmp_path)
    assert {tap.sources: tap.group for tap in taps} == {
        ("a", "b"): "dayshift-p",
        ("c",): "dayshift-p-c",
        ("d",): "dayshift-p",
    }


def test_the_users_group_is_taken_and_not_twice(tmp_path: Path) -> None:
    """Two ways of reaching one cluster under one group would each read a part."""
    (tap,) = kafka_taps("p", sections(("a", {"group.id": "mine"})), Retry(0), tmp_path)
    assert tap.group == "mine"
    twice = sections(("a", {"group.id": "mine"}), ("b", {"group.id": "mine", "client.rack": "r"}))
    with pytest.raises(DefinitionError, match="in different ways with one group"):
        kafka_taps("p", twice, Retry(0), tmp_path)
    with pytest.raises(DefinitionError, match="is not yours to set"):
        kafka_taps("p", sections(("a", {"partition.assignment.strategy": "range"})), Retry(0), tmp_path)
