"""Transactions of one output: rows and mark, both or neither, whatever happens to the brokers meanwhile.

librdkafka tells three kinds of failure apart, and each has one answer: what is retriable is asked again (but the noting
of the mark, see `_put_down`); what needs an abort is aborted and done again from its beginning; anything else ends the producer. Then a new one begins, which undoes
or completes what the old one had begun, and the mark tells which. A producer is turned away as fenced both when another
process has taken over and when a transaction took longer than the brokers allow; whose token stands beside the mark
tells which of the two it was.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from dayshift.connectors.kafka.client import Address, Link, sentence_of
from dayshift.connectors.kafka.hand import Hand, Left
from dayshift.connectors.kafka.marks import Keeper, Note
from dayshift.connectors.kafka.topics import partitions_of
from dayshift.connectors.live import Mark
from dayshift.connectors.retry import Retry
from dayshift.diagnostics import DayshiftError, Refused

Answer = TypeVar("Answer")
Row = tuple[bytes, bytes | None]
ASK_S, LOST_S = 1.0, 5.0
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)
ATTEMPTS_TO_OPEN = 5
PORTION_BYTES, PORTION_ROWS = 64 << 20, 200_000
_OWN: Mapping[str, Any] = {
    "log_level": 0,
    "enable.idempotence": True,
    "delivery.report.only.error": True,
    "partitioner": "murmur2_random",  # Java's: a key stands in the same partition whoever writes it
    "linger.ms": 0,
    "compression.type": "lz4",
    "retry.backoff.ms": 1,  # the brokers ask to wait until the transaction before is written down: a few milliseconds
    "retry.backoff.max.ms": 100,
    "reconnect.backoff.ms": 50,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 262_144,
}


def _is_retriable(error: Any) -> bool:
    """Whether librdkafka says that the same call may be made again."""
    return bool(error.args[0].retriable())


class Stopped(Exception):
    """Whoever sends has been told to stop."""


class Transactions:
    """Writes to one topic as one process.

    Args:
        address: of the cluster.
        topic: which exists.
        name: the transactional id: of the processes that have it, the last one may write.
        retry: how often an absent broker is asked again at first.
    """

    def __init__(self, address: Address, topic: str, name: str, retry: Retry) -> None:
        self._address, self._topic, self._name, self._retry = address, topic, name, retry
        self._keeper = Keeper(address, topic, name)
        self._token = secrets.token_hex(8)
        self._note = Note(None, self._token)
        self._link: Link | None = None
        self._undelivered: Any = None
        self._hand = Hand(name)
        self.stopped: Callable[[], bool] = lambda: False
        self.waits_since: float | None = None
        self.waits_for = ""

    def open(self) -> Mark | None:
        """Takes the output over; the mark of what was written last.

        Raises:
            NotReady: DS330, no broker can be reached; DS334, they refuse.
            Refused: DS336, others take it over all the time.
        """
        from confluent_kafka import KafkaException

        for attempt in range(ATTEMPTS_TO_OPEN):
            self._begin(lambda link, ask: link.ask(ask, self._retry))
            note = self._keeper.link.ask(self._keeper.read, self._retry)
            if note is None:
                note = self._keeper.search(self._keeper.link.address, self._retry)
            mark = None if note is None else note.mark
            self._note = Note(mark, self._token, 0 if note is None else note.number + 1)
            try:
                self._once([], self._note)
                return mark
            except KafkaException as error:
                if not error.args[0].fatal() or attempt + 1 == ATTEMPTS_TO_OPEN:
                    raise self._refused(error) from error
        raise AssertionError

    def _begin(self, ask: Callable[[Link, Callable[[float], Any]], Any]) -> None:
        from confluent_kafka import Producer

        own = {**_OWN, "transactional.id": self._name, "on_delivery": self._told}
        link = Link(self._address, Producer, own)
        ask(link, link.client.init_transactions)
        self._link = link

    def _told(self, error: Any, message: Any) -> None:
        del message
        self._undelivered = error

    def write(self, rows: Sequence[Row], mark: Mark) -> None:
        """Writes rows and mark; returns when they are committed.

        Raises:
            Stopped: `stopped()` is true, and they are not.
            Refused: DS336, another process writes in this one's place.
            NotReady: DS331, the topic is gone; DS334, Kafka refuses the rows.
        """
        from confluent_kafka import KafkaException

        note = Note(mark, self._token, self._note.number + 1)
        attempt = 0
        while True:
            try:
                self._once(rows, note)
                break
            except KafkaException as error:
                if self._recovered(error, note):
                    break
            self._pause(attempt)
            attempt += 1
        self._note, self.waits_since, self.waits_for = note, None, ""

    def _once(self, rows: Sequence[Row], note: Note) -> None:
        """One attempt."""
        assert self._link is not None
        client = self._link.client
        self._undelivered = None
        client.begin_transaction()
        if rows:
            self._produce(client, rows, note)
        self._put_down(client, note)
        self._patiently(client.commit_transaction)

    def _put_down(self, client: Any, note: Note) -> None:
        """Makes the mark a part of the transaction. A call that failed is not made again, whatever it says of itself: in
        librdkafka the second one may wait for the first one's broker for ever."""
        from confluent_kafka import KafkaError, KafkaException

        offsets, group = self._keeper.offsets(note), self._keeper.group
        try:
            self._hand(lambda: client.send_offsets_to_transaction(offsets, group, ASK_S), LOST_S, self.stopped)
        except Left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None

    def _produce(self, client: Any, rows: Sequence[Row], note: Note) -> None:
        """Hands the rows to librdkafka, at most so many at a time that its queue has room; the last one bears the mark.

        One by one: a batch needs a dictionary for every row, and takes longer.
        """
        from confluent_kafka import KafkaError, KafkaException

        *most, (value, key) = rows
        try:
            produce, topic = client.produce, self._topic
            for start, end in _portions(most):
                for one, name in most[start:end]:
                    produce(topic, one, name)
                if end < len(most):
                    self._flush(client)
            client.produce(self._topic, value, key, headers=self._keeper.headers(note))
        except BufferError as error:
            raise KafkaException(KafkaError(KafkaError._QUEUE_FULL)) from error

    def _flush(self, client: Any) -> None:
        from confluent_kafka import KafkaError, KafkaException

        while client.flush(ASK_S) and self._undelivered is None:
            self._waits(KafkaException(KafkaError(KafkaError._TIMED_OUT)))

    def _patiently(self, call: Callable[[float], Answer], again: Callable[[Any], bool] = _is_retriable) -> Answer:
        """The answer to a call that is made again while its failures say that it may."""
        from confluent_kafka import KafkaException

        assert self._link is not None
        while True:
            try:
                answer = call(ASK_S)
            except KafkaException as error:
                if not again(error):
                    raise
                self._waits(error)
            else:
                self.waits_since, self.waits_for = None, ""
                self._link.reports.well()
                return answer

    def _waits(self, error: Exception) -> None:
        """Notes that the brokers keep it waiting.

        Raises:
            Stopped: it is not to wait any longer.
            NotReady: DS334, they refuse the login.
        """
        assert self._link is not None
        self.waits_for = self._why(error)
        self.waits_since = time.monotonic() if self.waits_since is None else self.waits_since
        if self._link.reports.denied:
            raise self._link.failed(error)
        if self.stopped():
            raise Stopped

    def _why(self, error: Exception) -> str:
        """What keeps it waiting: brokers that do not answer, or a topic that is not there any more."""
        assert self._link is not None
        shown, whom, reports = self._address.shown, self._address.whom, self._link.reports
        if not reports.all_down and self._is_gone():
            return f"topic '{self._topic}' of {whom} is not in Kafka at '{shown}' any more"
        return f"Kafka at '{shown}' does not answer {whom}: {self._address.clean(reports.last or sentence_of(error))}"

    def _is_gone(self) -> bool:
        """Whether the brokers answer, and have no such topic. All topics are asked for: to name one might make it."""
        from confluent_kafka import KafkaException

        assert self._link is not None
        try:
            return self._topic not in self._link.client.list_topics(timeout=ASK_S).topics
        except KafkaException:
            return False

    def _pause(self, attempt: int) -> None:
        if self.stopped():
            raise Stopped
        time.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])

    def _recovered(self, error: Any, note: Note) -> bool:
        """Makes ready for another attempt after a failure; whether the one that failed was committed after all."""
        from confluent_kafka import KafkaException

        assert self._link is not None
        self._waits(error)
        self._check_refusal(error)
        if error.args[0].txn_requires_abort():
            try:
                self._patiently(self._link.client.abort_transaction)
                return False
            except KafkaException as another:
                error = another
        return self._anew(error, note)

    def _anew(self, error: Any, note: Note) -> bool:
        """A new producer in place of one that cannot go on; whether the old one's last transaction was committed."""
        told = self._mine(error)
        self._begin(lambda link, ask: self._patiently(ask))
        told = self._patiently(self._keeper.read, self._keeper.link.is_transient)
        if told is not None and told.by != self._token:
            raise self._fenced(error)
        return told is not None and told.mark == note.mark and told.number == note.number

    def _mine(self, error: Any) -> Note | None:
        """The note as it stands, when no other process has taken over."""
        told = self._patiently(self._keeper.read, self._keeper.link.is_transient)
        if told is not None and told.by != self._token:
            raise self._fenced(error)
        return told

    def _check_refusal(self, error: Any) -> None:
        """Raises what no repetition can repair."""
        from confluent_kafka import KafkaError, KafkaException

        assert self._link is not None
        found = [one for one in (error.args[0], self._undelivered) if one is not None]
        codes = {one.code() for one in found}
        if codes & {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}:
            partitions_of(self._address, self._topic, self._retry)  # raises DS331 when it is gone indeed
        refusals = {
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
            KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            KafkaError.MSG_SIZE_TOO_LARGE,
            KafkaError.INVALID_RECORD,
            KafkaError.POLICY_VIOLATION,
        }
        for one in found:
            if one.code() in refusals:
                raise self._link.failed(KafkaException(one))

    def _refused(self, error: Any) -> DayshiftError:
        assert self._link is not None
        return self._fenced(error) if error.args[0].fatal() else self._link.failed(error)

    def _fenced(self, error: Any) -> Refused:
        return Refused(
            "DS336",
            f"another process writes to {self._address.whom} in this one's place",
            facts=(self._address.clean(sentence_of(error)), "nothing is written twice"),
            hint="stop one of the two; a pipeline runs once",
        )

    def close(self) -> None:
        """Ends the producer; a transaction that is open is undone by the brokers."""
        self._hand.end()
        self._keeper.link.client.close()


def _portions(rows: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Stretches of rows, each of at most about 64 MiB."""
    upto, start = np.cumsum([len(value) + len(key or b"") for value, key in rows]), 0
    while start < len(rows):
        before = upto[start - 1] if start else 0
        full = int(np.searchsorted(upto, before + PORTION_BYTES)) + 1
        end = min(full, start + PORTION_ROWS, len(rows))
        yield start, end
        start = end
