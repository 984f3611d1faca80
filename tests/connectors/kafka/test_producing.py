"""How a transaction's rows are handed to librdkafka."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from dayshift.connectors.kafka import transactions
from dayshift.connectors.kafka.client import Address, Reports, sentence_of
from dayshift.connectors.kafka.marks import Note
from dayshift.connectors.kafka.transactions import Transactions
from dayshift.connectors.live import Mark
from dayshift.connectors.retry import Retry


class Client:
    """What a producer is told, in order; its queue has room for so many."""

    def __init__(self, room: int = 1_000) -> None:
        self.told: list[Any] = []
        self._room = room

    def produce(self, topic: str, value: bytes, key: bytes | None, headers: Any = None) -> None:
        if len(self.told) == self._room:
            raise BufferError("Local: Queue full")
        self.told.append((topic, value, key, headers and [name for name, _ in headers]))

    def flush(self, seconds: float) -> int:
        self.told.append("flush")
        return 0


@pytest.fixture
def output() -> Transactions:
    """One that has not been opened: no broker is asked."""
    address = Address("scores", "[live.outputs.scores]", "127.0.0.1:1", "127.0.0.1:1", {}, (), "nothing", "output")
    return Transactions(address, "topic", "name", Retry(0))


def test_the_last_row_alone_bears_the_mark(output: Transactions, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows in order, with a flush after each portion that others follow."""
    monkeypatch.setattr(transactions, "PORTION_ROWS", 2)
    client, rows = Client(), [(b"%d" % number, b"k" if number else None) for number in range(5)]
    output._produce(client, rows, Note(Mark(1, 7), "me"))
    assert client.told == [
        ("topic", b"0", None, None),
        ("topic", b"1", b"k", None),
        "flush",
        ("topic", b"2", b"k", None),
        ("topic", b"3", b"k", None),
        ("topic", b"4", b"k", ["dayshift-mark"]),
    ]


@pytest.mark.parametrize("room", [0, 2])
def test_a_full_queue_is_a_failure_of_kafka(output: Transactions, room: int) -> None:
    """The transaction is done again, whichever row found no room."""
    with pytest.raises(KafkaException) as caught:
        output._produce(Client(room), [(b"a", None), (b"b", None), (b"c", None)], Note(Mark(1, 7), "me"))
    assert caught.value.args[0].code() == KafkaError._QUEUE_FULL


def test_what_librdkafka_says_is_told_as_a_sentence() -> None:
    """Neither a code nor the name of a class; another error tells its own text."""
    error = KafkaError(KafkaError._TIMED_OUT, "Failed to get committed offsets: Local: Timed out")
    for one in (error, KafkaException(error)):
        assert sentence_of(one) == "Failed to get committed offsets: Local: Timed out"
    assert sentence_of(KafkaException(KafkaError(KafkaError._TIMED_OUT))) == "Local: Timed out"
    assert sentence_of(ValueError("no number")) == "no number"


@pytest.mark.parametrize(
    ("topics", "said"),
    [
        ({"topic": None}, "Kafka at '127.0.0.1:1' does not answer output 'scores': Local: Timed out"),
        ({}, "topic 'topic' of output 'scores' is not in Kafka at '127.0.0.1:1' any more"),
    ],
)
def test_a_topic_that_is_gone_is_not_a_broker_that_is_silent(output: Transactions, topics: Any, said: str) -> None:
    """What it waits for is told as what it is."""
    client = SimpleNamespace(list_topics=lambda timeout: SimpleNamespace(topics=topics))
    output._link = SimpleNamespace(client=client, reports=Reports())  # type: ignore[assignment]
    output._waits(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    assert output.waits_for == said
    assert output.waits_since is not None
