"""How far an output has got, kept by Kafka itself in the very transactions that write it.

A transaction that sends rows also commits an offset in a consumer group of the output's own; not the offset matters,
but the text beside it: the mark, and the token of the process that wrote it. Rows and mark are there together or not at
all. Kafka forgets the offsets of a group that nobody has written for a week (`offsets.retention.minutes`); so the last
message of each transaction carries the mark as a header too, and where the group knows nothing, the topic is asked.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dayshift.connectors.kafka.client import Address, Link
from dayshift.connectors.kafka.topics import held_by
from dayshift.connectors.live import Mark
from dayshift.connectors.retry import Retry

HEADER = "dayshift-mark"
_SILENT_S = 10.0


@dataclass(frozen=True)
class Note:
    """A mark as it is kept: by which process (`by`), and as the how many-th (`number`); `mark` None: nothing sent yet."""

    mark: Mark | None
    by: str
    number: int = 0

    @property
    def text(self) -> str:
        """It as text.

        >>> Note(Mark(3, 17), "a1").text
        '{"load": 3, "position": 17, "by": "a1"}'
        """
        load, position = (None, None) if self.mark is None else (self.mark.load, self.mark.position)
        return json.dumps({"load": load, "position": position, "by": self.by})


def parse(text: str, number: int = 0) -> Note:
    """The note of a text.

    >>> parse('{"load": 3, "position": 17, "by": "a1"}', 5)
    Note(mark=Mark(load=3, position=17), by='a1', number=5)
    """
    told = json.loads(text)
    mark = None if told["load"] is None else Mark(told["load"], told["position"])
    return Note(mark, told["by"], number)


class Keeper:
    """Where the notes of one output are.

    Args:
        address: of the cluster.
        topic: of the output.
        name: the transactional id, which the group's name begins with.
    """

    def __init__(self, address: Address, topic: str, name: str) -> None:
        from confluent_kafka import Consumer

        # what is meant for the producer alone, a consumer does not understand, or warns of
        own = {"log_level": 0, "group.id": f"{name}-mark", "enable.auto.commit": False, "enable.partition.eof": True}
        given = {key: value for key, value in address.given.items() if key in _SHARED or key.startswith(_OF_LOGINS)}
        self.link = Link(replace(address, given=given), Consumer, {**own, "isolation.level": "read_committed"})
        self.topic, self.name = topic, name
        self.group = self.link.client.consumer_group_metadata()

    def offsets(self, note: Note) -> list[Any]:
        """What a transaction commits to keep a note."""
        from confluent_kafka import TopicPartition

        return [TopicPartition(self.topic, 0, note.number, note.text)]

    def headers(self, note: Note) -> list[tuple[str, bytes]]:
        """What the last message of a transaction carries."""
        return [(HEADER, json.dumps({"of": self.name, **json.loads(note.text)}).encode())]

    def read(self, seconds: float) -> Note | None:
        """The note of the last committed transaction; None when the group knows of none.

        Raises:
            confluent_kafka.KafkaException: it cannot be asked now.
        """
        from confluent_kafka import KafkaException, TopicPartition

        (found,) = self.link.client.committed([TopicPartition(self.topic, 0)], timeout=seconds)
        if found.error is not None:
            raise KafkaException(found.error)
        return parse(found.metadata, found.offset) if found.offset >= 0 and found.metadata else None

    def search(self, address: Address, retry: Retry) -> Note | None:
        """The last note that the topic's own messages carry; None when they carry none."""
        held = held_by(address, [self.topic], retry)[self.topic]
        found = None
        for partition, (first, end) in enumerate(zip(held.first, held.end, strict=True)):
            back, note = 16, None
            while note is None and first < end:
                start = max(first, end - back)
                note = self._last(partition, start, end)
                if start == first:
                    break
                back *= 16
            if note is not None and note.mark is not None and (found is None or note.mark > (found.mark or Mark(0, 0))):
                found = note
        return found

    def _last(self, partition: int, start: int, end: int) -> Note | None:
        from confluent_kafka import KafkaError, KafkaException, TopicPartition

        client, found, position = self.link.client, None, start
        client.assign([TopicPartition(self.topic, partition, start)])
        while position < end:
            messages = client.consume(1_000, 0.2)
            for message in messages:
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                position = max(position, message.offset() + (error is None))
                found = self._of(message) or found if error is None else found
        client.unassign()
        return found

    def _of(self, message: Any) -> Note | None:
        text = dict(message.headers() or ()).get(HEADER)
        told: Mapping[str, Any] = {} if text is None else json.loads(text)
        return parse(text) if text is not None and told.get("of") == self.name else None


_SHARED = ("client.id", "client.rack", "socket.timeout.ms", "debug", "reconnect.backoff.max.ms", "reconnect.backoff.ms")
_OF_LOGINS = ("security.", "sasl.", "ssl.", "enable.ssl.", "https.", "broker.address.", "socket.", "enable.sasl.")
Reader = Callable[[float], Note | None]
