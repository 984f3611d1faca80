"""How Kafka is reached: settings for librdkafka with their secrets, and what its errors mean.

A secret (`env:NAME`, or a setting whose name says so) is looked up when somebody connects, and stands in no message.
librdkafka goes on connecting for ever, on threads of its own; so whoever asks it waits for a while, looks what it has
reported in between, and tells that.
"""

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings, secret
from dayshift.diagnostics import DayshiftError, DefinitionError, NotReady, nearest

Answer = TypeVar("Answer")
WAIT_SECONDS = 10.0
_SECRET = re.compile(r"password|secret|token|ssl\.key|jaas|sasl\.oauthbearer\.config")
_COMMON = (
    "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "ssl.ca.location",
    "ssl.certificate.location", "ssl.key.location", "ssl.key.password", "ssl.keystore.location", "ssl.keystore.password",
    "ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification", "client.id", "group.id", "client.rack",
    "isolation.level", "socket.timeout.ms", "fetch.max.bytes", "fetch.min.bytes", "fetch.wait.max.ms",
    "max.partition.fetch.bytes", "message.max.bytes", "queued.max.messages.kbytes", "compression.type", "linger.ms",
    "transaction.timeout.ms", "delivery.timeout.ms", "batch.size", "session.timeout.ms", "reconnect.backoff.max.ms",
)  # fmt: skip
_OWN = {
    "log_level": 0,  # what matters is told in our words
    "enable.auto.commit": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "queued.min.messages": 1_000_000,  # fetch ahead up to queued.max.messages.kbytes, 64 MiB, while a chunk is judged
    "fetch.wait.max.ms": 10,  # at the end of a partition nothing is waited for, and the next one waits for that answer
    "fetch.queue.backoff.ms": 10,  # and go on at once when there is room again, not a second later
}

_SILENT = logging.Logger("librdkafka", logging.CRITICAL + 1)  # noqa: LOG001 -- of nobody's configuration


@dataclass(frozen=True)
class Address:
    """Where Kafka is and how it is reached; `shown` is what a message may say, `given` are settings of librdkafka,
    `outcome` is what a failure means for whoever asked; `section` of dayshift.toml is empty for a command's own; `kind` is
    what `source` names: a source or an output."""

    source: str
    section: str
    brokers: str = field(repr=False)
    shown: str
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    outcome: str = "nothing was loaded"
    kind: str = "source"

    @property
    def whom(self) -> str:
        """Whose it is, for messages: `source 'payments'`, `output 'scores'`."""
        return f"{self.kind} '{self.source}'"

    @property
    def settings_section(self) -> str:
        """The section of dayshift.toml with the settings of librdkafka."""
        return f"{self.section[:-1]}.kafka]"

    def clean(self, text: str) -> str:
        """A text of librdkafka in one line, without any secret."""
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, "***")
        return " ".join(text.split())


def address_of(source: str, settings: SourceSettings) -> Address:
    """Where the section of a source says that its topics are.

    >>> given = SourceSettings(topic="t", brokers="kafka:9092", kafka={"sasl.password": "s3cret"})
    >>> address_of("payments", given).clean("s3cret is wrong")
    '*** is wrong'

    Raises:
        NotReady: DS113, an environment variable is not set.
    """
    brokers = settings.brokers or ""
    given, secrets = with_secrets(settings.kafka)
    return Address(source, f"[sources.{source}]", secret(brokers), brokers, given, secrets)


def with_secrets(settings: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Settings of librdkafka with the values of the environment, and the values that must stand in no message.

    Raises:
        NotReady: DS113, an environment variable is not set.
    """
    given, secrets = {}, []
    for name, value in settings.items():
        given[name] = secret(value) if isinstance(value, str) else value
        if given[name] != value or _SECRET.search(name):
            secrets.append(str(given[name]))
    return given, tuple(one for one in secrets if one)


@dataclass
class Reports:
    """What librdkafka said while somebody waited: the last text, whether all brokers are down, whether it is hopeless."""

    last: str = ""
    all_down: bool = False
    denied: str = ""
    since: float | None = None
    """When the first report came since all was well, by `time.monotonic`; None when all is well."""

    def well(self) -> None:
        """A broker has answered: what was said before is over."""
        self.all_down, self.since, self.last = False, None, ""

    def __call__(self, error: Any) -> None:
        """Takes one report, as `error_cb`."""
        from confluent_kafka import KafkaError

        self.since = time.monotonic() if self.since is None else self.since
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.all_down = True
            return
        self.last = sentence_of(error)
        if error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.SASL_AUTHENTICATION_FAILED):
            self.denied = self.last


class Link:
    """One client of a Kafka cluster, and how to ask it something that may take a while."""

    def __init__(self, address: Address, make: Callable[[dict[str, Any]], Any], own: Mapping[str, Any]) -> None:
        self.address, self.reports = address, Reports()
        given = {
            "bootstrap.servers": address.brokers,
            "client.id": "dayshift",
            "reconnect.backoff.max.ms": 1_000,
            **own,
            **address.given,
            "error_cb": self.reports,
            "logger": _SILENT,  # even what it calls an emergency is told in our words
        }
        self.client = _made(address, make, given)

    @property
    def patience(self) -> float:
        """How long to wait for an answer, seconds: `socket.timeout.ms` when it is set and less than ten seconds."""
        return min(WAIT_SECONDS, float(self.address.given.get("socket.timeout.ms", 60_000)) / 1_000)

    def ask(self, question: Callable[[float], Answer], retry: Retry) -> Answer:
        """The answer to `question(seconds)`; asked again, after growing pauses, while the brokers cannot be reached.

        Raises:
            NotReady: DS330, they cannot be reached; DS334, they refuse.
        """
        from confluent_kafka import KafkaException

        try:
            return retry(lambda: self._once(question), self.is_transient)
        except KafkaException as error:
            raise self.failed(error, retry.retries + 1) from error

    def _once(self, question: Callable[[float], Answer]) -> Answer:
        """Asks for a second at a time: when every broker is down by then, waiting longer brings nothing."""
        from confluent_kafka import KafkaException

        self.reports.all_down, until = False, time.monotonic() + self.patience
        while True:
            try:
                return question(min(self.patience, 1.0))
            except KafkaException as error:
                self.client.poll(0.1)
                hopeless = self.reports.all_down or self.reports.denied or not self.is_transient(error)
                if hopeless or time.monotonic() > until:
                    raise

    def is_transient(self, error: Exception) -> bool:
        """Whether the same question may be answered a little later."""
        from confluent_kafka import KafkaError, KafkaException

        found: Any = error.args[0] if isinstance(error, KafkaException) else None
        if self.reports.denied or found is None:
            return False
        local = (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE)
        moving = (
            KafkaError._WAIT_COORD,
            KafkaError.COORDINATOR_NOT_AVAILABLE,
            KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
            KafkaError.NOT_COORDINATOR,
            KafkaError.UNSTABLE_OFFSET_COMMIT,
        )
        return found.code() in local + moving or bool(found.retriable())

    def failed(self, error: Exception, tries: int = 1) -> DayshiftError:
        """The error in our words."""
        clean = self.address.clean
        if self.is_transient(error):
            said = clean(self.reports.last or sentence_of(error))
            return NotReady(
                "DS330",
                f"Kafka at '{self.address.shown}' of {self.address.whom} cannot be reached",
                facts=(said, f"tried {tries} time{'s' * (tries > 1)}", self.address.outcome),
                hint="start the brokers or correct `brokers`, then run again",
            )
        section = self.address.section
        where = (
            f"{section} and {self.address.settings_section}" if section else "--brokers and --set, and at what stands"
        )
        return NotReady(
            "DS334",
            f"Kafka at '{self.address.shown}' refuses {self.address.whom}",
            facts=(clean(self.reports.denied or sentence_of(error)), self.address.outcome),
            hint=f"look at {where} in dayshift.toml",
        )


def sentence_of(error: Any) -> str:
    """What an error of librdkafka says, as a sentence; of any other error its text."""
    found = error.args[0] if isinstance(error, Exception) and error.args else error
    return str(found.str() or found.name()) if hasattr(found, "str") else str(error)


def consumer_of(address: Address) -> Link:
    """A consumer that reads what is assigned to it, committed transactions only, and keeps no offsets in Kafka.

    Raises:
        NotReady: DS310, confluent-kafka is not installed.
        DefinitionError: DS333, librdkafka does not know a setting or its value.
    """
    library = load_library()
    return Link(address, library.Consumer, {**_OWN, "group.id": f"dayshift-{address.source}"})


def load_library() -> Any:
    """The module `confluent_kafka`.

    Raises:
        NotReady: DS310, it is not installed.
    """
    try:
        import confluent_kafka
    except ImportError as error:
        raise NotReady(
            "DS310",
            f"Kafka needs {error.name}, which is not installed",
            hint="pip install 'dayshift[kafka]'",
        ) from None
    return confluent_kafka


def _repair(address: Address, unknown: str, near: str | None) -> str:
    return (
        f'{address.settings_section}\n"{near}" = ...' if near else f'remove "{unknown}" from {address.settings_section}'
    )


def _made(address: Address, make: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> Any:
    from confluent_kafka import KafkaException

    try:
        return make(given)
    except (KafkaException, ValueError, TypeError) as error:
        said = sentence_of(error)
        unknown = re.search(r'No such configuration property: "([^"]*)"', said)
        near = nearest(unknown[1], _COMMON) if unknown else None
        raise DefinitionError(
            "DS333",
            f"Kafka's settings of {address.whom} cannot be used: {address.clean(said)}",
            facts=("the settings are librdkafka's",),
            hint=_repair(address, unknown[1], near) if unknown and address.section else None,
        ) from None
