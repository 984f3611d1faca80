"""Topics of a real Kafka, live: each message once, in the order of the clock."""

import json
import random
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.connectors.kafka.sending import reader, send, values
from tests.connectors.kafka.tapping import tapped
from tests.services import Cluster

pytestmark = pytest.mark.kafka


def ids(*numbers: int) -> list[dict[str, str]]:
    return [{"id": str(number)} for number in numbers]


def spread(kafka: Cluster, places: list[tuple[str, int]], stamps_ms: list[int], seed: int = 0) -> list[int]:
    """Messages with these timestamps, each at a place by chance; the index of each one's place."""
    chance, producer = random.Random(seed), Producer({"bootstrap.servers": kafka.address, "log_level": 0})
    chosen = []
    for number, stamp in enumerate(stamps_ms):
        at = chance.randrange(len(places))
        chosen.append(at)
        topic, partition = places[at]
        producer.produce(topic, json.dumps({"id": str(number)}), partition=partition, timestamp=stamp)
    assert producer.flush(30) == 0
    return chosen


def test_topics_are_merged_by_the_time_of_their_messages(kafka: Cluster, topic: str) -> None:
    """Rising timestamps over three topics: what is taken, in pieces of any size, is exactly their order."""
    topics = {"b": topic, "a": kafka.topic(f"{topic}-a"), "c": kafka.topic(f"{topic}-c")}
    start = 1_522_576_800_000
    spread(kafka, [(name, 0) for name in topics.values()], [start + n for n in range(5_000)])
    with tapped(kafka, topics, topic) as got:
        got.rest(most=701)
        assert got.tap.state()["went_on_without"] == 0
    pieces = [[int(us) for one in batch.arrived for us in one.stamps_us] for batch in got.batches]  # type: ignore[union-attr]
    assert [us for piece in pieces for us in sorted(piece)] == [(start + n) * 1_000 for n in range(5_000)]
    assert {name for name, _, _ in got.rows} == set(topics)


def test_ties_stand_by_the_name_of_the_source_and_partitions_keep_their_order(kafka: Cluster, topic: str) -> None:
    """All timestamps equal, or falling within a partition: no message overtakes one of its own partition."""
    other = kafka.topic(f"{topic}-a")
    send(kafka, topic, ids(1, 2), timestamp=2_000)
    send(kafka, topic, ids(3), timestamp=1_000)
    send(kafka, other, ids(4, 5), timestamp=2_000)
    with tapped(kafka, {"b": topic, "a": other}, topic) as got:
        assert got.rest() == [
            (name, one, 2_000_000) for name, one in [("a", "4"), ("a", "5"), ("b", "1"), ("b", "2"), ("b", "3")]
        ]


def test_nightly_and_live_go_on_from_one_another(kafka: Cluster, topic: str) -> None:
    """The cursor is one: from the nightly reader to the tap and back, nothing twice and nothing left out."""
    send(kafka, topic, ids(1, 2))
    nightly = reader(kafka, topic)
    first = list(nightly.chunks(nightly.plan([], None)))
    send(kafka, topic, ids(3))
    with tapped(kafka, {"payments": topic}, topic, {"payments": nightly.bookmark().cursor}) as got:
        got.rest()
        send(kafka, topic, ids(4))
        got.until(lambda: len(got.rows) == 2)
    send(kafka, topic, ids(5))
    last = list(nightly.chunks(nightly.plan([], got.cursors["payments"])))
    assert [*values(first), *got.ids, *values(last)] == ["1", "2", "3", "4", "5"]


def test_a_topic_that_two_sources_read_goes_to_both_from_where_each_stands(kafka: Cluster, topic: str) -> None:
    """One has read a part before, the other begins at the beginning."""
    send(kafka, topic, ids(1, 2, 3))
    with tapped(kafka, {"one": topic}, topic) as got:
        got.until(lambda: bool(got.rows), most=2)
    with tapped(kafka, {"one": topic, "two": topic}, topic, got.cursors) as both:
        both.rest()
    assert [name for source, name, _ in [*got.rows, *both.rows] if source == "one"] == ["1", "2", "3"]
    assert [name for source, name, _ in both.rows if source == "two"] == ["1", "2", "3"]


def test_poison_becomes_a_reject_and_stops_nothing(kafka: Cluster, topic: str) -> None:
    """Its number is its offset; the rows around it keep their stamps."""
    send(kafka, topic, [{"id": "1"}, b"{", {"id": "2"}, b"[]", {"id": "3"}], timestamp=7)
    with tapped(kafka, {"payments": topic}, topic) as got:
        got.rest()
    assert got.rows == [("payments", name, 7_000) for name in ("1", "2", "3")]
    assert got.rejects == [("payments", 1), ("payments", 3)]
    assert sum(origin.rows for batch in got.batches for origin in batch.origins["payments"]) == 5


def test_every_committed_message_is_taken_once_however_it_is_cut(kafka: Cluster, topic: str) -> None:
    """Transactions, committed and aborted, over two partitions, taken in pieces and from the last cursor again and again."""
    two = kafka.topic(f"{topic}-two", partitions=2)
    chance = random.Random(3)
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(30)
    wanted: list[str] = []
    found: list[Any] = []
    cursors: dict[str, str | None] = {}
    for step in range(8):
        numbers = [f"{step}-{n}" for n in range(chance.randrange(40))]
        producer.begin_transaction()
        for number in numbers:
            producer.produce(two, json.dumps({"id": number}), partition=chance.randrange(2))
        if chance.random() < 0.7:
            producer.commit_transaction(30)
            wanted += numbers
        else:
            producer.abort_transaction(30)
        if chance.random() < 0.6:
            with tapped(kafka, {"payments": two}, topic, cursors) as got:
                got.until(lambda: bool(got.rows) or got.tap.caught_up, most=chance.randint(1, 30))
            found += got.ids
            cursors |= got.cursors
    with tapped(kafka, {"payments": two}, topic, cursors) as got:
        found += [name for _, name, _ in got.rest()]
        assert got.tap.state()["lag"] == 0
    assert sorted(found) == sorted(wanted)
