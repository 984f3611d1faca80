"""Topics as a source: each partition from the offset kept with the last load up to its end at the start of this one.

The offsets are the cursor that the load's own commit stores (`offsets.py`), so that what is read and how far it was read
become true together; Kafka's own record of consumers is not used. Partitions are read one after the other, in chunks of
as many messages, so that two readings are the same. Offsets have gaps, where a topic was compacted or a transaction
ended; the end of a partition is therefore what the broker calls its end, never a count.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dayshift.connectors.contract import Bookmark, Chunk, Origin, ReadPlan
from dayshift.connectors.kafka.client import Address, Link, address_of, consumer_of, load_library
from dayshift.connectors.kafka.decode import chunk_of, decoder_of, size_of
from dayshift.connectors.kafka.offsets import (
    Held,
    Progress,
    Start,
    Stretch,
    parse,
    start_of,
    stretches,
    text_of,
)
from dayshift.connectors.kafka.topics import absent, held_by
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DayshiftError, Problem, Refused, shorten

CHUNK_BYTES = 128 << 20
_AT_ONCE = 10_000


class KafkaReader:
    """Reads the new messages of the topics of one source.

    Args:
        source: its name.
        settings: its section of dayshift.toml.
        chunk_rows: how many messages a chunk holds at most; fewer where they take more than 128 MiB.
        retry: how often an absent broker is asked again, and after which pauses.
        root: the folder that the path of a schema starts from.

    Raises:
        NotReady: DS113, an environment variable is not set; DS310, confluent-kafka is not installed.
    """

    def __init__(self, source: str, settings: SourceSettings, chunk_rows: int, retry: Retry, root: Path) -> None:
        load_library()
        self._source, self._settings, self._root = source, settings, root
        self._chunk_rows, self._retry = chunk_rows, retry
        self._address: Address = address_of(source, settings)
        self._bookmark = Bookmark()

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics it reads, sorted, each once."""
        given = self._settings.topic or ()
        return tuple(sorted({given} if isinstance(given, str) else set(given)))

    def plan(self, manifest: Sequence[Origin], cursor: str | None) -> ReadPlan:
        """The partitions that hold something new; `skipped` names the messages that were lost and are done without.

        Raises:
            NotReady: DS330, no broker can be reached; DS331, a topic does not exist; DS334, Kafka refuses.
            Refused: DS332, messages were deleted before they were read, or a topic was made anew.
            DefinitionError: DS333, a setting of librdkafka is wrong.
        """
        del manifest
        before = parse(cursor)
        held = held_by(self._address, self.topics, self._retry)
        starts = {topic: start_of(topic, before.get(topic), one) for topic, one in held.items()}
        problems = [problem for topic in held for problem in lost(self._source, topic, starts[topic], held[topic])]
        if problems and self._settings.on_lost_messages == "stop":
            raise Refused(problems)
        start = {**before, **{topic: Progress(held[topic].id, one.next) for topic, one in starts.items()}}
        end = {**before, **{topic: Progress(one.id, one.end) for topic, one in held.items()}}
        skipped = tuple(origin for topic, one in starts.items() for origin in passed_over(topic, one))
        new = tuple(one.origin for one in stretches(start, end))
        return ReadPlan(new, skipped, text_of(start), until=text_of(end))

    def chunks(self, plan: ReadPlan) -> Iterator[Chunk]:
        """The messages of the plan, partition by partition, each row's number its offset.

        Raises:
            NotReady: DS330, the brokers cannot be reached any more; DS334, Kafka refuses; DS335, no schema.
            Refused: DS332, messages were deleted while they were read.
        """
        from confluent_kafka import KafkaException

        start, end = parse(plan.cursor), parse(plan.until)
        self._bookmark = Bookmark((), plan.cursor)
        if not plan.origins:
            return
        decode = decoder_of(self._source, self._settings, self._root, self._retry)
        link = consumer_of(self._address)
        read: list[Origin] = []
        try:
            for stretch in stretches(start, end):
                rows = 0
                for messages in self._messages(link, stretch):
                    rows += len(messages)
                    yield chunk_of(stretch.origin.path, messages, self._settings, decode)
                read.append(Origin(stretch.origin.path, rows=rows))
        except KafkaException as error:
            raise link.failed(error) from error
        finally:
            link.client.close()
        self._bookmark = Bookmark((*read, *plan.skipped), plan.until)

    def bookmark(self) -> Bookmark:
        """The partitions read with their numbers of messages, and the offsets to be read next."""
        return self._bookmark

    def _messages(self, link: Link, stretch: Stretch) -> Iterator[list[Any]]:
        """The messages of a stretch in chunks that depend on nothing but the messages."""
        chunk: list[Any] = []
        size = 0
        for message in _stream(link, stretch, self._patience(link)):
            chunk.append(message)
            size += size_of(message)
            if len(chunk) == self._chunk_rows or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def _patience(self, link: Link) -> float:
        """How long the brokers may be silent in the middle, seconds: as long as `ask` would try, pauses included."""
        pauses: float = self._retry.backoff_us * (2**self._retry.retries - 1) / 1_000_000
        return link.patience * (self._retry.retries + 1) + pauses


def lost(source: str, topic: str, start: Start, held: Held, outcome: str = "nothing was loaded") -> Iterator[Problem]:
    """What a source cannot read any more of a topic, as problems that stop it."""
    hint = f'[sources.{source}]\non_lost_messages = "continue"    # do without them'
    for loss in start.losses:
        yield Problem(
            "DS332",
            f"{loss.count:,} messages of partition {loss.partition} of topic '{topic}' were deleted before source "
            f"'{source}' read them",
            facts=(
                f"wanted: from offset {loss.first} on; the partition begins at {loss.last + 1}",
                outcome,
            ),
            hint=hint,
        )
    if start.anew:
        yield Problem(
            "DS332",
            f"topic '{topic}' was made anew, or cut, since source '{source}' read it",
            facts=(
                f"its partitions end at {shorten(map(str, held.end))}",
                "what the old topic held and nobody had read cannot be read any more",
                outcome,
            ),
            hint=f"{hint}, and read the new topic from its beginning",
        )


def passed_over(topic: str, start: Start) -> tuple[Origin, ...]:
    """What a source does without, for the record of its load."""
    anew = (Origin(f"{topic}: made anew, read from its beginning"),) if start.anew else ()
    return tuple(Origin(loss.shown) for loss in start.losses) + anew


def _stream(link: Link, stretch: Stretch, patience: float) -> Iterator[Any]:
    """The messages of a stretch, one by one."""
    from confluent_kafka import KafkaError, TopicPartition

    link.client.assign([TopicPartition(stretch.topic, stretch.partition, stretch.start)])
    heard, position = time.monotonic(), stretch.start
    while position < stretch.end:
        messages = link.client.consume(min(_AT_ONCE, stretch.end - position), 0.1)
        if any(message.error() is None for message in messages):
            heard = time.monotonic()
        elif link.reports.denied or time.monotonic() - heard > patience:
            raise _silent(link, stretch)
        for message in messages:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                position = message.offset() + (error is None)
            else:
                _check(link, stretch, error)
            if error is None and position <= stretch.end:
                yield message


def _silent(link: Link, stretch: Stretch) -> DayshiftError:
    """Why nothing comes: the topic is gone, or the brokers are."""
    from confluent_kafka import KafkaError, KafkaException

    try:
        known = link.client.list_topics(timeout=link.patience).topics
    except KafkaException as error:
        return link.failed(error)
    if stretch.topic not in known:
        return absent(link.address, stretch.topic, known)
    return link.failed(KafkaException(KafkaError(KafkaError._TIMED_OUT)))


def _check(link: Link, stretch: Stretch, error: Any) -> None:
    """Lets an error pass that librdkafka gets over by itself; raises any other."""
    from confluent_kafka import KafkaError, KafkaException

    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise Refused(
            "DS332",
            f"messages of partition {stretch.partition} of topic '{stretch.topic}' were deleted while source "
            f"'{link.address.source}' read them",
            facts=(link.address.clean(error.str()), "nothing was loaded"),
            hint="run again: it says how many are lost, and how to go on",
        )
    link.reports.last = error.str()
    if not link.is_transient(KafkaException(error)):
        raise link.failed(KafkaException(error))
