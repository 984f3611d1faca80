"""The thread that looks at the topics themselves: whether they are still there, still the same, and how large.

A topic that was deleted and made anew has the old name and other messages; only its id tells. The consumer would go on
in it, so whoever reads is stopped within seconds of it. A topic counts as gone when two looks in a row do not find it.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dayshift.connectors.kafka.client import Link, Reports
from dayshift.connectors.kafka.topics import absent, look
from dayshift.diagnostics import DayshiftError, Refused

EVERY_S, SOON_S = 5.0, 0.5


class Watch(threading.Thread):
    """Looks at topics until it is stopped.

    Args:
        link: an `AdminClient`.
        ids: what the topics' ids must be; an empty text is not compared.
        grown: called with what a topic has: its name and the number of its partitions.
        failed: called with what ends the reading.
    """

    def __init__(
        self,
        link: Link,
        ids: Mapping[str, str],
        grown: Callable[[str, int], None],
        failed: Callable[[DayshiftError], None],
    ) -> None:
        super().__init__(name="dayshift-kafka-topics", daemon=True)
        self._link, self._ids, self._grown, self._failed = link, dict(ids), grown, failed
        self._now = threading.Event()
        self._ended = False
        self._missing: set[str] = set()
        self.silent_since: float | None = None
        """When the brokers began not to answer, by `time.monotonic`; None when they answer."""

    @property
    def reports(self) -> Reports:
        """What librdkafka says."""
        return self._link.reports

    def alarm(self) -> None:
        """Looks at once."""
        self._now.set()

    def end(self) -> None:
        """Stops; what it waits for is not waited for."""
        self._ended = True
        self._now.set()

    def run(self) -> None:
        """Until it is stopped, or a topic is gone."""
        while not self._ended:
            self._now.wait(SOON_S if self._missing or self.silent_since is not None else EVERY_S)
            self._now.clear()
            if not self._ended and not self._look():
                return

    def _look(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            found = look(self._link, list(self._ids), 2.0)
        except KafkaException as error:
            self.silent_since = time.monotonic() if self.silent_since is None else self.silent_since
            self._link.reports(error.args[0])
            return True
        if self.silent_since is not None:
            self.silent_since = None
            self._link.reports.well()
        return self._judge(found)

    def _judge(self, found: Mapping[str, tuple[str, int]]) -> bool:
        missing = set(self._ids) - set(found)
        gone = sorted(missing & self._missing)
        self._missing = missing
        for topic, (number, count) in found.items():
            if number and self._ids[topic] and number != self._ids[topic]:
                self._failed(_anew(self._link, topic))
                return False
            self._grown(topic, count)
        if gone:
            self._failed(self._absent(gone[0], list(found)))
        return not gone

    def _absent(self, topic: str, known: Sequence[str]) -> DayshiftError:
        from confluent_kafka import KafkaException

        names: Any = known
        try:
            names = self._link.client.list_topics(timeout=2.0).topics
        except KafkaException as error:
            self._link.reports(error.args[0])
        return absent(self._link.address, topic, names)


def _anew(link: Link, topic: str) -> Refused:
    return Refused(
        "DS332",
        f"topic '{topic}' was made anew while {link.address.whom} read it",
        facts=("its offsets mean other messages now", link.address.outcome),
        hint="start again: it says what is lost, and how to go on",
    )
