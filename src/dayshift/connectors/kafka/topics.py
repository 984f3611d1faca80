"""What topics hold now: their ids, and where each partition begins and ends."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dayshift.connectors.kafka.client import Address, Link
from dayshift.connectors.kafka.offsets import Held
from dayshift.connectors.retry import Retry
from dayshift.diagnostics import NotReady, nearest, shorten

_NO_ID = "A" * 22  # zero, as Kafka writes ids: of a broker older than 2.8


def held_by(address: Address, topics: Sequence[str], retry: Retry) -> dict[str, Held]:
    """What each topic holds at this moment; with `read_committed` a partition ends before its first open transaction.

    Raises:
        NotReady: DS330, no broker can be reached; DS331, a topic does not exist; DS334, Kafka refuses.
        DefinitionError: DS333, a setting of librdkafka is wrong.
    """
    from confluent_kafka.admin import AdminClient

    return held_of(Link(address, AdminClient, {"log_level": 0}), topics, retry)


def held_of(link: Link, topics: Sequence[str], retry: Retry) -> dict[str, Held]:
    """The same, by an `AdminClient` that is there already."""
    partitions = _partitions(link, topics, retry)
    ids = link.ask(lambda seconds: _ids(link, topics, seconds), retry)
    first = link.ask(lambda seconds: _offsets(link, partitions, "earliest", seconds), retry)
    end = link.ask(lambda seconds: _offsets(link, partitions, "latest", seconds), retry)
    return {topic: Held(ids[topic], first[topic], end[topic]) for topic in topics}


def _partitions(link: Link, topics: Sequence[str], retry: Retry) -> dict[str, int]:
    """How many partitions each topic has."""
    known = link.ask(lambda seconds: link.client.list_topics(timeout=seconds), retry).topics
    for topic in topics:
        if topic not in known:
            raise absent(link.address, topic, known)
    return {topic: len(known[topic].partitions) for topic in topics}


def absent(address: Address, topic: str, known: Iterable[str]) -> NotReady:
    """The problem of a topic that does not exist among the known ones."""
    names = [name for name in known if not name.startswith("__")]
    return NotReady(
        "DS331",
        f"topic '{topic}' of {address.whom} does not exist in Kafka at '{address.shown}'",
        facts=(f"topics there: {shorten(names)}", address.outcome),
        hint=_remedy(address, topic, nearest(topic, names)),
    )


def _remedy(address: Address, topic: str, near: str | None) -> str:
    if not address.section:
        return f"{f'write {near}, or ' if near else ''}let --partitions 1 make it"
    if address.kind == "output":  # the nearest may be somebody else's, and would be written to
        shown = address.shown
        brokers = f'"${shown.removeprefix("env:")}"' if shown.startswith("env:") else shown
        return f"kafka-topics.sh --bootstrap-server {brokers} --create --topic {topic}"
    return f'{address.section}\ntopic = "{near}"' if near else "make the topic, or correct `topic`"


def look(link: Link, topics: Sequence[str], seconds: float) -> dict[str, tuple[str, int]]:
    """The id and the number of partitions of each of the topics that are there at this moment.

    Raises:
        confluent_kafka.KafkaException: no broker answers.
    """
    from confluent_kafka import KafkaError, KafkaException, TopicCollection

    found = {}
    for topic, future in link.client.describe_topics(TopicCollection(list(topics)), request_timeout=seconds).items():
        try:
            told = future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
            continue
        found[topic] = ("" if str(told.topic_id) in ("None", _NO_ID) else str(told.topic_id), len(told.partitions))
    return found


def _ids(link: Link, topics: Sequence[str], seconds: float) -> dict[str, str]:
    """The topics' ids; empty texts where the brokers do not tell them."""
    from confluent_kafka import TopicCollection

    futures = link.client.describe_topics(TopicCollection(list(topics)), request_timeout=seconds)
    found = {topic: future.result().topic_id for topic, future in futures.items()}
    return {topic: "" if one is None or str(one) == _NO_ID else str(one) for topic, one in found.items()}


def _offsets(link: Link, partitions: Mapping[str, int], which: str, seconds: float) -> dict[str, tuple[int, ...]]:
    from confluent_kafka import IsolationLevel, TopicPartition
    from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

    committed = link.address.given.get("isolation.level", "read_committed") == "read_committed"
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    spec: Any = getattr(OffsetSpec, which)()
    asked = {TopicPartition(topic, n): spec for topic, count in partitions.items() for n in range(count)}
    futures = link.client.list_offsets(asked, isolation_level=level, request_timeout=seconds)
    found = {(one.topic, one.partition): future.result().offset for one, future in futures.items()}
    return {topic: tuple(found[topic, n] for n in range(count)) for topic, count in partitions.items()}


def partitions_of(address: Address, topic: str, retry: Retry, make: int | None = None) -> int:
    """How many partitions a topic has; it is made with `make` of them when it does not exist, and keeps what it gets:
    the messages of a history are old from the beginning.

    Raises:
        NotReady: DS330, no broker can be reached; DS331, it does not exist and is not to be made; DS334, Kafka refuses.
    """
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    link = Link(address, AdminClient, {"log_level": 0})
    known = link.ask(lambda seconds: link.client.list_topics(timeout=seconds), retry).topics
    if make is None or topic in known:
        return _partitions(link, [topic], retry)[topic]
    config = {"retention.ms": "-1"}
    link.ask(
        lambda seconds: link.client.create_topics([NewTopic(topic, make, config=config)])[topic].result(seconds + 10),
        retry,
    )
    return make


def exists(address: Address, topic: str, retry: Retry) -> bool:
    """Whether there is such a topic."""
    try:
        partitions_of(address, topic, retry)
    except NotReady as error:
        if [problem.code for problem in error.problems] != ["DS331"]:
            raise
        return False
    return True


def keeps_ms(address: Address, topic: str, retry: Retry) -> int | None:
    """For how long a topic keeps a message by the message's own timestamp, milliseconds; None: for ever, or by another clock.

    Raises:
        NotReady: DS330, no broker can be reached; DS334, Kafka refuses.
    """
    from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

    link = Link(address, AdminClient, {"log_level": 0})
    asked = ConfigResource(ResourceType.TOPIC, topic)
    found = link.ask(
        lambda seconds: link.client.describe_configs([asked], request_timeout=seconds)[asked].result(), retry
    )
    kept = int(found["retention.ms"].value)
    deletes = "delete" in found["cleanup.policy"].value
    own = found["message.timestamp.type"].value == "CreateTime"
    return kept if deletes and own and kept >= 0 else None
