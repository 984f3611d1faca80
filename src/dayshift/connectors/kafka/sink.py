"""A topic of Kafka as an output of a live run: each row exactly once, for whoever reads committed messages.

Each call of `send` is one transaction, or a few where the rows are many. When it is stopped while brokers do not
answer, what it was about to write is written or not, and the mark tells which.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from dayshift.connectors.kafka.client import Address, load_library, with_secrets
from dayshift.connectors.kafka.encode import keys_of, values_of
from dayshift.connectors.kafka.topics import partitions_of
from dayshift.connectors.kafka.transactions import Stopped, Transactions
from dayshift.connectors.live import Mark
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import OutputSettings, secret

PIECE_ROWS = 50_000
_LOAD, _POSITION = "_load", "_position"


class KafkaSink:
    """Writes rows to a topic in transactions, and keeps in each how far it has got.

    Args:
        pipeline: its name; with the output's it makes the transactional id, `dayshift-<pipeline>-<name>`.
        name: the output's.
        settings: its section of dayshift.toml.
        keys: the columns that make a message's key.
        retry: how often an absent broker is asked again when it opens, and after which pauses.

    Raises:
        NotReady: DS113, an environment variable is not set; DS310, confluent-kafka is not installed.
    """

    def __init__(self, pipeline: str, name: str, settings: OutputSettings, keys: Sequence[str], retry: Retry) -> None:
        load_library()
        self._topic, self._keys, self._retry = settings.topic, tuple(keys), retry
        self._id = f"dayshift-{pipeline}-{name}"
        self._address = _address(name, settings)
        self._transactions: Transactions | None = None
        self._rows = self._sent = 0
        self._left = False

    def open(self) -> Mark | None:
        """The mark of the last rows that were written; from now on no other process writes.

        Raises:
            NotReady: DS330, no broker can be reached; DS331, the topic does not exist; DS334, Kafka refuses.
            Refused: DS336, another process takes the output over all the time.
            DefinitionError: DS333, a setting of librdkafka is wrong.
        """
        partitions_of(self._address, self._topic, self._retry)
        self._transactions = Transactions(self._address, self._topic, self._id, self._retry)
        return self._transactions.open()

    def send(self, frame: pl.DataFrame, mark: Mark, stopped: Callable[[], bool]) -> bool:
        """Writes the rows and the mark. Very many rows take several transactions, each with a mark of its own.

        Raises:
            Refused: DS336, another process writes in this one's place.
            NotReady: DS331, the topic is gone; DS334, Kafka refuses.
        """
        assert self._transactions is not None
        if self._left:
            return False
        self._transactions.stopped = stopped
        try:
            for piece, upto in _pieces(frame, mark):
                rows = list(zip(values_of(piece), keys_of(piece, self._keys), strict=True))
                self._transactions.write(rows, upto)
                self._rows += piece.height
                self._sent += 1
        except Stopped:
            self._left = True  # what was begun may be written or not; the mark tells
        return not self._left

    def state(self) -> Mapping[str, Any]:
        """Where it writes, how much it has written, and what it waits for and for how long."""
        found: dict[str, Any] = {"brokers": self._address.shown, "topic": self._topic, "waiting": []}
        found |= {"transactions": self._sent, "rows": self._rows}
        since = None if self._transactions is None else self._transactions.waits_since
        if since is not None and self._transactions is not None:
            found["waiting"] = [self._transactions.waits_for]
            found["waiting_s"] = round(time.monotonic() - since, 3)
        return found

    def close(self) -> None:
        """Ends it; what a transaction has begun and not committed is undone."""
        if self._transactions is not None:
            self._transactions.close()


def _address(name: str, settings: OutputSettings) -> Address:
    """Where the section of an output says that its topic is."""
    given, secrets = with_secrets(settings.kafka)
    section = f"[live.outputs.{name}]"
    brokers = secret(settings.brokers)
    return Address(name, section, brokers, settings.brokers, given, secrets, "the rows stay in the journal", "output")


def _pieces(frame: pl.DataFrame, mark: Mark) -> Iterator[tuple[pl.DataFrame, Mark]]:
    """The frame in pieces of about `PIECE_ROWS`, each with the mark of its last row; whole when its rows have no places.

    >>> frame = pl.DataFrame({"_load": [1, 1], "_position": [5, 6]})
    >>> [(one.height, upto) for one, upto in _pieces(frame, Mark(1, 9))]
    [(2, Mark(load=1, position=9))]
    """
    if frame.height <= PIECE_ROWS or not {_LOAD, _POSITION} <= set(frame.columns):
        yield frame, mark
        return
    loads, positions = frame[_LOAD].to_numpy(), frame[_POSITION].to_numpy()
    changes = np.flatnonzero((np.diff(loads) != 0) | (np.diff(positions) != 0)) + 1
    start = 0
    while start < frame.height:
        at = np.searchsorted(changes, start + PIECE_ROWS)
        end = int(changes[at]) if at < len(changes) else frame.height
        last = end == frame.height
        yield frame[start:end], mark if last else Mark(int(loads[end - 1]), int(positions[end - 1]))
        start = end
