"""Messages out: an idempotent producer, so that a retry never doubles a message nor changes their order in a partition."""

from collections.abc import Mapping
from typing import Any

from dayshift.connectors.kafka.client import Address, Link, load_library
from dayshift.diagnostics import NotReady

_OWN: Mapping[str, Any] = {
    "log_level": 0,
    "enable.idempotence": True,
    "delivery.report.only.error": True,
    "compression.type": "lz4",
    "linger.ms": 5,
    "queue.buffering.max.kbytes": 65_536,
}
WAIT_SECONDS = 0.1


class Sender:
    """Sends messages to topics of one cluster; at most 64 MiB wait here for the brokers.

    Raises:
        NotReady: DS310, confluent-kafka is not installed.
        DefinitionError: DS333, librdkafka does not know a setting.
    """

    def __init__(self, address: Address) -> None:
        library = load_library()
        self._link = Link(address, library.Producer, {**_OWN, "on_delivery": self._told})
        self._failures = 0
        self._reason = ""
        self.sent = self.bytes = 0

    def send(self, topic: str, key: bytes | None, value: bytes, stamp_us: int) -> None:
        """Hands a message over, with its timestamp, microseconds since 1970; waits while too many wait already.

        Kafka has milliseconds, and none before 1970: what is older bears the first.

        Raises:
            NotReady: DS764, the brokers have not taken messages for minutes, or refuse them.
        """
        stamp_ms = max(1, stamp_us // 1_000)
        while True:
            try:
                self._link.client.produce(topic, value, key, timestamp=stamp_ms)
                break
            except BufferError:
                self.wait(WAIT_SECONDS)
        self.sent += 1
        self.bytes += len(value) + len(key or b"")
        if not self.sent % 1_000:
            self.wait(0)

    def wait(self, seconds: float) -> None:
        """Waits, and hears meanwhile what became of the messages.

        Raises:
            NotReady: DS764, as `send`.
        """
        self._link.client.poll(seconds)
        if self._failures or self._link.reports.denied:
            raise self._failed()

    def finish(self, seconds: float) -> None:
        """Returns when every message is in its topic, on as many brokers as the topic asks for.

        Raises:
            NotReady: DS764, some are not after so many seconds.
        """
        waiting = self._link.client.flush(seconds)
        if waiting or self._failures:
            self._failures += waiting
            self._link.client.purge()
            raise self._failed()

    def _told(self, error: Any, message: Any) -> None:
        del message
        self._failures += 1
        self._reason = error.str()

    def _failed(self) -> NotReady:
        reports, address = self._link.reports, self._link.address
        said = address.clean(reports.denied or self._reason or reports.last)
        return NotReady(
            "DS764",
            f"Kafka at '{address.shown}' does not take the messages",
            facts=(said, f"{self.sent - max(self._failures, len(self._link.client)):,} of {self.sent:,} were taken"),
            hint="repair the brokers, then send the rest with --from",
        )
