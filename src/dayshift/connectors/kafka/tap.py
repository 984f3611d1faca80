"""Topics of Kafka, live: all sources of a pipeline that are reached in the same way, by one consumer.

How far each source was taken is its cursor, in the very words of the nightly reader (`offsets.py`), stored with the
rows; so a nightly run goes on where a live one ended, and back, and what was lost meanwhile is judged alike. Kafka's
consumer group only shares out the partitions.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dayshift.connectors.contract import Origin
from dayshift.connectors.kafka.client import Address, Link, address_of, load_library
from dayshift.connectors.kafka.decode import decoder_of
from dayshift.connectors.kafka.lanes import Lanes, Partition
from dayshift.connectors.kafka.offsets import Held, Progress, parse, start_of, text_of
from dayshift.connectors.kafka.poller import Poller
from dayshift.connectors.kafka.reader import lost, passed_over
from dayshift.connectors.kafka.telling import told
from dayshift.connectors.kafka.topics import held_of
from dayshift.connectors.kafka.watch import Watch
from dayshift.connectors.live import Arrived, Batch, Known, Outcome
from dayshift.connectors.plain_json import PlainReader
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DayshiftError, DefinitionError, Refused

OUTCOME = "what was taken is kept; nothing more is read"
_CLOSE_S = 5.0
_OWN: Mapping[str, Any] = {
    "log_level": 0,  # what matters is told in our words
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 10,  # how long an answer "nothing new" takes, and with it the end of a partition
    "fetch.queue.backoff.ms": 10,  # go on at once when there is room again
    "queued.max.messages.kbytes": 32_768,
    "topic.metadata.refresh.interval.ms": 10_000,  # partitions that are added are found
    "reconnect.backoff.ms": 50,
}
_OF_CLASSIC_GROUPS: Mapping[str, Any] = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 1_000,
}


class KafkaTap:
    """Reads topics as their messages come, for the sources of one pipeline.

    Args:
        group: the consumer group, unless the sources' settings name another one (`group.id`).
        sources: name and section of each source; all are reached in the same way (see `kafka_taps`).
        retry: how often an absent broker is asked again when it opens, and after which pauses.
        root: the project's folder: where schemas are, and what tells this process from others of the group.
        plain: by source, what reads JSON objects that need no second look.

    Raises:
        NotReady: DS113, an environment variable is not set; DS310, confluent-kafka is not installed.
        DefinitionError: DS333, the settings share partitions out in a way that forgets where each one stands.
    """

    def __init__(
        self,
        group: str,
        sources: Sequence[tuple[str, SourceSettings]],
        retry: Retry,
        root: Path,
        plain: Mapping[str, PlainReader] = MappingProxyType({}),
    ) -> None:
        load_library()
        self.sources = tuple(name for name, _ in sources)
        self._settings, self._retry, self._root = dict(sources), retry, root
        self._plain = plain
        self._address = replace(address_of(*sources[0]), outcome=OUTCOME)
        self._own = _own(self._address, group, root)
        self._cursors: dict[str, dict[str, Progress]] = {}
        self._passed: dict[str, tuple[Origin, ...]] = {}
        self._failure: DayshiftError | None = None
        self._lanes: Lanes | None = None
        self._poller: Poller | None = None
        self._watch: Watch | None = None

    @property
    def group(self) -> str:
        """The consumer group that it joins."""
        return str(self._address.given.get("group.id", self._own["group.id"]))

    def topics(self, source: str) -> tuple[str, ...]:
        """The topics of a source, sorted, each once."""
        given = self._settings[source].topic or ()
        return tuple(sorted({given} if isinstance(given, str) else set(given)))

    def open(self, known: Mapping[str, Known], wake: Callable[[], None]) -> None:
        """Begins behind the cursors of the sources.

        Raises:
            NotReady: DS330, no broker can be reached; DS331, a topic does not exist; DS334, Kafka refuses; DS335, a
                schema cannot be read.
            Refused: DS332, messages were deleted before they were read, or a topic was made anew.
            DefinitionError: DS333, a setting of librdkafka is wrong.
        """
        from confluent_kafka import Consumer
        from confluent_kafka.admin import AdminClient

        once = Retry(0)  # what cannot be decoded now is fetched again later
        decoders = {
            name: decoder_of(name, settings, self._root, once, self._plain.get(name))
            for name, settings in self._settings.items()
        }
        admin = Link(self._address, AdminClient, {"log_level": 0})
        every = sorted({topic for source in self.sources for topic in self.topics(source)})
        held = held_of(admin, every, self._retry)
        self._lanes = lanes = Lanes(self._begin(known, held))
        consumer = Link(self._address, Consumer, self._own)

        def failed(error: DayshiftError) -> None:
            self._failure = error
            wake()

        ids = {topic: one.id for topic, one in held.items()}
        self._watch = Watch(admin, ids, self._grown, failed)
        poller = Poller(consumer, lanes, self._settings, decoders, wake, self._lost(admin), self._watch.alarm)
        self._poller = poller
        poller.begin(every)
        self._watch.start()

    def _begin(self, known: Mapping[str, Known], held: Mapping[str, Held]) -> dict[tuple[str, str, int], int]:
        """Where each source begins in each partition; what is lost is told, or remembered for the first batch."""
        problems, offsets = [], {}
        for source in self.sources:
            before = parse(known[source].cursor if source in known else None)
            self._cursors[source] = dict(before)
            for topic in self.topics(source):
                start = start_of(topic, before.get(topic), held[topic])
                told = list(lost(source, topic, start, held[topic], "nothing is read"))
                if self._settings[source].on_lost_messages == "stop":
                    problems += told
                self._passed[source] = (*self._passed.get(source, ()), *passed_over(topic, start))
                self._cursors[source][topic] = Progress(held[topic].id, start.next)
                offsets.update({(source, topic, n): at for n, at in enumerate(start.next)})
        if problems:
            raise Refused(problems)
        return offsets

    def _lost(self, admin: Link) -> Callable[[Partition], int]:
        def judge(place: Partition) -> int:
            assert self._lanes is not None
            topic, number = place
            held = held_of(admin, [topic], self._retry)[topic]
            problems = []
            for lane in self._lanes.of(place):
                before = list(held.first)
                before[number] = lane.fetched
                start = start_of(topic, Progress(held.id, tuple(before)), held)
                if self._settings[lane.source].on_lost_messages == "stop":
                    problems += list(lost(lane.source, topic, start, held, OUTCOME))
                with self._lanes.lock:
                    self._passed[lane.source] = (*self._passed.get(lane.source, ()), *passed_over(topic, start))
            if problems:
                raise Refused(problems)
            return held.first[number]

        return judge

    def _grown(self, topic: str, count: int) -> None:
        """Partitions that nobody here has heard of; they may be given to another process."""
        assert self._lanes is not None
        with self._lanes.lock:
            known = {number for name, number in self._lanes.partitions if name == topic}
            sources = [source for source in self.sources if topic in self.topics(source)]
            for number in range(count):
                if number not in known:
                    self._lanes.grow(sources, (topic, number))

    def take(self, most: int) -> Batch | None:
        """What has come and is final in the merged order.

        Raises:
            NotReady: DS331, a topic is gone; DS334, Kafka refuses.
            Refused: DS332, messages were deleted unread; DS336, another process reads in this one's place.
        """
        assert self._lanes is not None
        assert self._poller is not None
        error = self._failure or self._poller.failure
        if error is not None:
            raise error
        with self._lanes.lock:
            arrived = self._lanes.take(most)
            if not arrived:
                return None
            passed, self._passed = self._passed, {}
            sources = {one.source for one in arrived} | set(passed)
            cursors = {source: self._cursor(source) for source in sorted(sources)}
            self._lanes.lock.notify_all()
        return Batch(tuple(arrived), cursors, _origins(arrived, passed))

    def _cursor(self, source: str) -> str:
        """The cursor of a source behind what was taken."""
        assert self._lanes is not None
        progress = self._cursors[source]
        for topic in self.topics(source):
            lanes = [lane for lane in self._lanes.all if (lane.source, lane.topic) == (source, topic)]
            progress[topic] = Progress(progress[topic].id, tuple(lane.next for lane in lanes))
        return text_of(progress)

    def keep(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Tells the consumer group, by and by, how far the rows are on the disk."""
        del outcomes
        assert self._poller is not None
        kept: dict[Partition, int] = {}
        for text in batch.cursors.values():
            for topic, progress in parse(text).items():
                for number, offset in enumerate(progress.next):
                    kept[topic, number] = min(offset, kept.get((topic, number), offset))
        self._poller.keep(kept)

    @property
    def caught_up(self) -> bool:
        """Whether every partition that is assigned to this process has been taken to its end."""
        if self._lanes is None:
            return False
        with self._lanes.lock:
            return self._lanes.caught_up

    def state(self) -> Mapping[str, Any]:
        """Lag, messages and bytes buffered by partition, and what it waits for.

        `waiting`: what keeps it from reading, as texts; `waiting_s`: for how long it has not heard of the brokers;
        `elsewhere`: partitions that another process of the group holds; `went_on_without`: how often a slow partition
        was not waited for any longer.
        """
        return told(self._address, self.group, self._lanes, self._poller, self._watch)

    def close(self) -> None:
        """Leaves the group; brokers that do not answer are waited for five seconds at most."""
        if self._watch is not None:
            self._watch.end()
        if self._poller is not None:
            self._poller.end(_CLOSE_S)


def _origins(arrived: Iterable[Arrived], passed: Mapping[str, tuple[Origin, ...]]) -> dict[str, tuple[Origin, ...]]:
    found = dict(passed)
    for one in arrived:
        found[one.source] = (*found.get(one.source, ()), Origin(one.chunk.origin, rows=one.chunk.read))
    return found


def _own(address: Address, group: str, root: Path) -> dict[str, Any]:
    """Settings of the consumer, unless the user says otherwise.

    A process that is started again after a crash has the name of the one before, so that the group does not wait for
    that one's session to end; one that runs from another folder or machine has another.
    """
    own = {**_OWN, "group.id": group}
    if address.given.get("group.protocol") != "consumer":
        own |= _OF_CLASSIC_GROUPS
    name = address.given.get("group.id", group)
    place = hashlib.sha256(f"{platform.node()}:{root.resolve()}".encode()).hexdigest()[:12]
    own["group.instance.id"] = f"{name}-{place}"
    strategy = address.given.get("partition.assignment.strategy", "cooperative-sticky")
    if strategy != "cooperative-sticky":
        raise DefinitionError(
            "DS333",
            f"'partition.assignment.strategy' of {address.whom} is not yours to set: exactly-once reading depends on it",
            facts=(f"it is '{strategy}'; live runs share partitions out by cooperative-sticky",),
            hint='remove "partition.assignment.strategy"',
        )
    return own


def kafka_taps(
    pipeline: str,
    sources: Iterable[tuple[str, SourceSettings]],
    retry: Retry,
    root: Path,
    plain: Mapping[str, PlainReader] = MappingProxyType({}),
) -> list[KafkaTap]:
    """Taps for all sources with topics, one for those that are reached in the same way: brokers and settings alike.

    Where one cluster is reached in several ways, each way has a group of its own, so that none takes partitions of another.

    Raises:
        NotReady, DefinitionError: as `KafkaTap`; DS333, two ways of reaching one cluster name the same `group.id`.
    """
    ways: dict[tuple[str, tuple[tuple[str, Any], ...]], list[tuple[str, SourceSettings]]] = {}
    for name, settings in sorted(sources, key=lambda one: one[0]):
        if settings.topic:
            address = address_of(name, settings)
            given = tuple(sorted((key, str(value)) for key, value in address.given.items()))
            ways.setdefault((address.brokers, given), []).append((name, settings))
    taps: list[KafkaTap] = []
    seen: dict[tuple[str, str], str] = {}
    for (brokers, given), members in ways.items():
        default = f"dayshift-{pipeline}"
        named = dict(given).get("group.id")
        group = named or (default if (brokers, default) not in seen else f"{default}-{members[0][0]}")
        if (brokers, group) in seen:
            raise DefinitionError(
                "DS333",
                f"sources '{seen[brokers, group]}' and '{members[0][0]}' reach Kafka in different ways with one group.id",
                facts=(f"group.id: {group}", "each would read a part of the messages only"),
                hint=f'[sources.{members[0][0]}.kafka]\n"group.id" = "{group}-{members[0][0]}"',
            )
        seen[brokers, group] = members[0][0]
        taps.append(KafkaTap(group, members, retry, root, plain))
    return taps
