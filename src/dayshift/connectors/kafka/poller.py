"""The thread that fetches: it asks librdkafka for messages, decodes them and adds them to the lanes.

Which partitions are this process's is decided by Kafka's consumer group; from where each is read, by the lanes alone:
the group's offsets are written, for Kafka's own tools, and never read. Whenever a partition comes, what was buffered of
it is forgotten and it is read from behind what was taken.

Memory is bounded. While lanes are full and none is starved, nothing is asked for, and librdkafka's own buffer (32 MiB)
fills up and stops fetching. A full lane is paused only where another one needs what stands behind it in that buffer:
pausing throws away what librdkafka has fetched of the partition.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from dayshift.connectors.kafka.client import Link, Reports
from dayshift.connectors.kafka.decode import Decoder, chunk_of
from dayshift.connectors.kafka.lanes import Block, Lanes, Partition
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import DayshiftError, NotReady, Refused

AT_ONCE = 10_000
FEW, GATHER_S = 1_000, 0.01
LANE_ROWS, ALL_ROWS = 100_000, 1_000_000
LANE_BYTES, ALL_BYTES = 32 << 20, 256 << 20
_LEAST_ROWS, _LEAST_BYTES = 1_000, 1 << 20
WAIT_S, STALL_S, MEASURE_S, COMMIT_S, AGAIN_S = 0.1, 1.0, 0.5, 3.0, 1.0


class Poller(threading.Thread):
    """Fetches until it is stopped.

    Args:
        link: the consumer, not subscribed yet.
        lanes: what is fetched goes there.
        settings: each source's section.
        decoders: each source's decoder.
        wake: called when there may be something to take.
        lost: called with a partition of which messages were deleted unread; the offset to go on from, unless it raises.
        alarm: called when the topics must be looked at.
    """

    def __init__(
        self,
        link: Link,
        lanes: Lanes,
        settings: Mapping[str, SourceSettings],
        decoders: Mapping[str, Decoder],
        wake: Callable[[], None],
        lost: Callable[[Partition], int],
        alarm: Callable[[], None],
    ) -> None:
        super().__init__(name="dayshift-kafka", daemon=True)
        self._link, self._lanes, self._settings, self._decoders = link, lanes, settings, decoders
        self._wake, self._lost, self._alarm = wake, lost, alarm
        self._ended = threading.Event()
        self._touched: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._stuck: dict[Partition, float] = {}
        self._kept: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._commit_at = self._measure_at = 0.0
        self._stalled: float | None = None
        self.failure: BaseException | None = None
        self.notes: dict[str, str] = {}

    def begin(self, topics: Sequence[str]) -> None:
        """Joins the group and starts."""
        calls = {"on_assign": self._assigned, "on_revoke": self._revoked, "on_lost": self._revoked}
        self._link.client.subscribe(list(topics), **calls)
        self.start()

    def end(self, seconds: float) -> None:
        """Leaves the group; a broker that does not answer is not waited for any longer than that."""
        self._ended.set()
        with self._lanes.lock:
            self._lanes.lock.notify_all()
        if self.is_alive():
            self.join(seconds)

    def keep(self, offsets: Mapping[Partition, int]) -> None:
        """What is on the disk up to these offsets is told to Kafka by and by."""
        with self._lanes.lock:
            self._kept.update(offsets)

    @property
    def reports(self) -> Reports:
        """What librdkafka says."""
        return self._link.reports

    def run(self) -> None:
        """Until it is stopped, or cannot go on."""
        try:
            while not self._ended.is_set():
                self._turn(time.monotonic())
        except BaseException as error:  # noqa: BLE001 -- whoever takes gets it
            self.failure = error
            self._wake()
        finally:
            self._commit()
            self._link.client.close()

    def _turn(self, now: float) -> None:
        if self._link.reports.denied:
            raise self._link.failed(_denied())
        if now >= self._measure_at:
            self._measure()
            self._measure_at = now + MEASURE_S
        if now >= self._commit_at:
            self._commit()
            self._commit_at = now + COMMIT_S
        self._again(now)
        if self._must_wait(now):
            return
        self._gather()
        messages = self._fetch()
        added = self._add(messages)
        with self._lanes.lock:
            late = len(messages) < AT_ONCE and self._lanes.dry(time.monotonic())
        if added or late:
            self._wake()

    def _gather(self) -> None:
        """While a few messages wait to be taken more may come: reading some together costs hardly more than reading one."""
        with self._lanes.lock:
            if 0 < self._lanes.rows < FEW:
                self._lanes.lock.wait(GATHER_S)

    def _fetch(self) -> list[Any]:
        """What has come, without those of partitions that came or went meanwhile: these are read again."""
        client = self._link.client
        self._touched = set()
        first = client.poll(WAIT_S)
        if first is None:
            return []
        messages = [first, *client.consume(AT_ONCE - 1, 0)]
        if not self._touched:
            return messages
        old = {(one.topic(), one.partition()) for one in messages} & self._touched
        self._restart(old)
        return [one for one in messages if (one.topic(), one.partition()) not in old]

    def _add(self, messages: Sequence[Any]) -> bool:
        """Decodes and buffers; whether anything is new."""
        good = [one for one in messages if one.error() is None]
        if good:
            self._link.reports.well()
        for place, run in _runs(good):
            self._add_run(place, run)
        for one in messages if len(good) < len(messages) else ():
            if one.error() is not None:
                self._judge(one)
        return bool(messages)

    def _add_run(self, place: Partition, run: list[Any]) -> None:
        """Messages of one partition, for each of its lanes. Where they cannot be read now, they are fetched again."""
        if place in self._stuck:
            return
        offsets = np.array([one.offset() for one in run], np.int64)
        stamps = np.array([one.timestamp()[1] for one in run], np.int64) * 1_000
        end = self._end_of(place)
        for lane in self._lanes.of(place):
            start = int(np.searchsorted(offsets, lane.fetched))
            if start == len(run) or not lane.assigned:
                continue
            origin, decode = f"{place[0]}/{place[1]}", self._decoders[lane.source]
            try:
                given = run[start:] if start else run
                chunk = chunk_of(origin, given, self._settings[lane.source], decode, offsets[start:])
            except NotReady as error:
                self._stick(place, error)
                return
            self.notes.pop(origin, None)
            with self._lanes.lock:
                lane.add(Block(chunk, offsets[start:], lane.rising(stamps[start:])))
                lane.end = end
                lane.at_end = end is not None and end <= lane.fetched  # else an event says it, a little later

    def _end_of(self, place: Partition) -> int | None:
        """The offset behind the last message, as the last answer of the brokers has it."""
        from confluent_kafka import TopicPartition

        marks = self._link.client.get_watermark_offsets(TopicPartition(*place), cached=True)
        return marks[1] if marks is not None and marks[1] >= 0 else None

    def _measure(self) -> None:
        """How far behind each lane is, for whoever asks: librdkafka is asked on this thread alone."""
        with self._lanes.lock:
            mine = {(lane.topic, lane.partition) for lane in self._lanes.mine}
        ends = {place: self._end_of(place) for place in mine}
        with self._lanes.lock:
            for lane in self._lanes.mine:
                lane.end = ends.get((lane.topic, lane.partition), lane.end)

    def _judge(self, message: Any) -> None:
        """What an event says that is no message."""
        from confluent_kafka import KafkaError, KafkaException

        error, place = message.error(), (message.topic(), message.partition())
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            self._link.reports.well()
            self._at_end(place, message.offset())
        elif code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            self._pass_over(place)
        elif code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION):
            self._alarm()
        elif error.fatal() or code in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID):
            raise _fatal(self._link, error)
        elif code in _refusals():
            raise self._link.failed(KafkaException(error))
        else:
            self._link.reports(error)  # librdkafka goes on trying; whoever asks is told

    def _at_end(self, place: Partition, offset: int) -> None:
        with self._lanes.lock:
            for lane in self._lanes.of(place):
                if lane.assigned and lane.fetched <= offset:
                    lane.at_end, lane.heard = True, True
                    lane.fetched = offset  # behind the marks of transactions, which are no messages
                    lane.next = lane.next if lane.rows else offset

    def _pass_over(self, place: Partition) -> None:
        """Messages were deleted unread: where that is allowed, reading goes on behind them."""
        first = self._lost(place)
        with self._lanes.lock:
            for lane in self._lanes.of(place):
                lane.fetched = first
                lane.next = lane.next if lane.rows else first
        self._restart([place])

    def _stick(self, place: Partition, error: NotReady) -> None:
        """A schema cannot be had now: the partition waits, its messages are fetched again later."""
        self.notes[f"{place[0]}/{place[1]}"] = error.problems[0].message
        self._stuck[place] = time.monotonic() + AGAIN_S

    def _again(self, now: float) -> None:
        due = [place for place, at in self._stuck.items() if at <= now]
        for place in due:
            del self._stuck[place]
        self._restart(due)

    def _must_wait(self, now: float) -> bool:
        """Waits a moment when there is room for nothing more; pauses and resumes partitions otherwise."""
        with self._lanes.lock:
            full = self._full()
            starved = any(lane.starved and not lane.excused for lane in self._lanes.mine)
            if full - self._paused and not starved:
                self._stalled = now if self._stalled is None else self._stalled
                if now - self._stalled < STALL_S:
                    self._wake()
                    self._lanes.lock.wait(WAIT_S)
                    return True
            self._stalled = None
        self._pause(full | set(self._stuck))
        return False

    def _full(self) -> set[Partition]:
        """The partitions without room: those that are paused stay so until they are half empty."""
        mine = self._lanes.mine
        rows = max(_LEAST_ROWS, min(LANE_ROWS, ALL_ROWS // max(1, len(mine))))
        size = max(_LEAST_BYTES, min(LANE_BYTES, ALL_BYTES // max(1, len(mine))))
        found = set()
        for lane in mine:
            place = lane.topic, lane.partition
            part = 2 if place in self._paused else 1
            if lane.rows * part >= rows or lane.bytes * part >= size:
                found.add(place)
        return found

    def _pause(self, full: set[Partition]) -> None:
        more, less = full - self._paused, self._paused - full
        if more:
            self._link.client.pause(_named(more))
        if less:
            self._link.client.resume(_named(less))
        self._paused = full

    def _assigned(self, client: Any, partitions: Sequence[Any]) -> None:
        """On this thread, out of `poll`: partitions have come."""
        from confluent_kafka import TopicPartition

        places = {(one.topic, one.partition) for one in partitions}
        client.incremental_assign([TopicPartition(*place, self._start(place)) for place in sorted(places)])
        self._touched |= places
        self._wake()

    def _start(self, place: Partition) -> int:
        """From where a partition is read, all of its lanes being empty now."""
        with self._lanes.lock:
            if not self._lanes.of(place):
                sources = {lane.source for lane in self._lanes.all if lane.topic == place[0]}
                self._lanes.grow(sources, place)
            lanes = self._lanes.of(place)
            for lane in lanes:
                lane.begin()
                lane.assigned = True
            return min(lane.next for lane in lanes)

    def _revoked(self, client: Any, partitions: Sequence[Any]) -> None:
        """On this thread, out of `poll`: partitions have gone, to another process or until they are given back."""
        places = {(one.topic, one.partition) for one in partitions}
        with self._lanes.lock:
            for lane in self._lanes.all:
                if (lane.topic, lane.partition) in places:
                    lane.begin()
                    lane.assigned = False
        self._touched |= places
        if self._paused & places:  # else they would be paused still when they come back
            client.resume(_named(self._paused & places))
        self._paused -= places
        for place in places:
            self._stuck.pop(place, None)
        client.incremental_unassign(list(partitions))

    def _restart(self, places: Iterable[Partition]) -> None:
        """Fetches partitions anew from behind what is buffered."""
        from confluent_kafka import TopicPartition

        with self._lanes.lock:
            mine = {(lane.topic, lane.partition) for lane in self._lanes.mine} & set(places)
            starts = {place: min(lane.fetched for lane in self._lanes.of(place)) for place in mine}
        if starts:
            if self._paused & mine:  # librdkafka keeps a pause through an assignment
                self._link.client.resume(_named(self._paused & mine))
            self._paused -= mine
            self._link.client.incremental_unassign(_named(mine))
            self._link.client.incremental_assign([TopicPartition(*place, at) for place, at in starts.items()])

    def _commit(self) -> None:
        """Tells the group how far the rows are on the disk; nobody depends on it."""
        from confluent_kafka import KafkaException, TopicPartition

        with self._lanes.lock:
            mine = {(lane.topic, lane.partition) for lane in self._lanes.mine}
            new = {k: at for k, at in self._kept.items() if k in mine and self._committed.get(k) != at}
        if not new:
            return
        try:
            self._link.client.commit(offsets=[TopicPartition(*k, at) for k, at in new.items()], asynchronous=True)
            self._committed.update(new)
        except KafkaException as error:
            self._link.reports(error.args[0])


def _runs(messages: Sequence[Any]) -> Iterator[tuple[Partition, list[Any]]]:
    """Messages of one partition that stand side by side, together."""
    at = 0
    for place, group in groupby([(one.topic(), one.partition()) for one in messages]):
        end = at + sum(1 for _ in group)
        yield place, list(messages[at:end])
        at = end


def _named(places: Iterable[Partition]) -> list[Any]:
    from confluent_kafka import TopicPartition

    return [TopicPartition(*place) for place in sorted(places)]


def _denied() -> Exception:
    from confluent_kafka import KafkaError, KafkaException

    return KafkaException(KafkaError(KafkaError._AUTHENTICATION))


def _refusals() -> frozenset[int]:
    """Errors of a consumer that no repetition repairs."""
    from confluent_kafka import KafkaError

    return frozenset(
        {
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            KafkaError.SASL_AUTHENTICATION_FAILED,
            KafkaError._AUTHENTICATION,
            KafkaError.INVALID_GROUP_ID,
            KafkaError.INCONSISTENT_GROUP_PROTOCOL,
            KafkaError.UNSUPPORTED_VERSION,
            KafkaError._UNSUPPORTED_FEATURE,
        }
    )


def _fatal(link: Link, error: Any) -> DayshiftError:
    """What cannot be got over: another process that has this one's name in the group, or what librdkafka calls fatal."""
    from confluent_kafka import KafkaError, KafkaException

    if error.code() == KafkaError.FENCED_INSTANCE_ID or "fenced" in error.str():
        return Refused(
            "DS336",
            f"another process reads the topics of {link.address.whom} in this one's place",
            facts=(link.address.clean(error.str()), "what it has not kept is the other's to read"),
            hint="stop one of the two; a pipeline runs once",
        )
    return link.failed(KafkaException(error))
