"""What the tests send to topics, and how they open a reader on them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dayshift.connectors import Chunk, open_source
from dayshift.connectors.kafka.reader import KafkaReader
from dayshift.definition import Source
from dayshift.definition.settings import IngestSettings, SourceSettings
from tests.services import Cluster

SOURCE = Source("payments", time="at", key="id", schema={"id": str})
QUICK = {"socket.timeout.ms": 10_000}


def send(kafka: Cluster, topic: str, values: Iterable[Any], partition: int = 0, **more: Any) -> None:
    """Values as messages: bytes and None as they are, all others as JSON; `more`: key, headers, timestamp."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.address, "log_level": 0})
    for value in values:
        producer.produce(topic, packed(value), partition=partition, **more)
        producer.poll(0)
    assert producer.flush(30) == 0


def packed(value: Any) -> bytes | None:
    """The value of a message."""
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()


def in_transaction(kafka: Cluster, topic: str, values: Iterable[Any], *, commit: bool) -> None:
    """Values as messages of one transaction."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": f"{topic}-{commit}", "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, packed(value), partition=0)
    producer.flush(30)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def reader(
    at: Cluster | str, topic: str | list[str], chunk_rows: int = 100, retries: int = 0, **settings: Any
) -> KafkaReader:
    """A reader with quick timeouts and no retry unless the settings say otherwise."""
    address = at if isinstance(at, str) else at.address
    more: Mapping[str, Any] = {"kafka": QUICK, **settings}
    given = SourceSettings(topic=topic, brokers=address, **more)
    ingest = IngestSettings(chunk_rows=chunk_rows, retries=retries)
    opened = open_source(SOURCE, given, ingest, Path())
    assert isinstance(opened, KafkaReader)
    return opened


def read(one: KafkaReader, cursor: str | None = None) -> tuple[list[Chunk], str | None]:
    """The chunks from a cursor on, and the cursor behind them."""
    chunks = list(one.chunks(one.plan([], cursor)))
    return chunks, one.bookmark().cursor


def values(chunks: Iterable[Chunk], name: str = "id") -> list[Any]:
    """One column of all chunks."""
    return [value for chunk in chunks if chunk.frame.height for value in chunk.frame[name].to_list()]
