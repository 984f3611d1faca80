"""How the tests open taps on topics and take from them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dayshift.connectors.kafka.tap import KafkaTap, kafka_taps
from dayshift.connectors.live import Batch, Known
from dayshift.connectors.retry import Retry
from dayshift.definition.settings import SourceSettings
from tests.services import Cluster

PATIENCE_S = 60.0


class Taken:
    """A tap, and what was taken of it: rows (source, id, stamp) in order, the cursors behind them."""

    def __init__(self, tap: KafkaTap, known: Mapping[str, str | None] | None = None) -> None:
        self.tap, self.woken = tap, threading.Event()
        self.rows: list[tuple[str, str | None, int]] = []
        self.rejects: list[tuple[str, int]] = []
        self.places: list[tuple[str, str, int]] = []
        self.cursors: dict[str, str] = {}
        self.batches: list[Batch] = []
        tap.open({source: Known((), cursor) for source, cursor in (known or {}).items()}, self.woken.set)

    def take(self, most: int = 10_000) -> Batch | None:
        """One batch, kept as if it were on the disk."""
        batch = self.tap.take(most)
        if batch is not None:
            self.batches.append(batch)
            self.cursors.update(batch.cursors)
            for one in batch.arrived:
                ids = one.chunk.frame["id"].to_list() if "id" in one.chunk.frame.columns else []
                assert one.stamps_us is not None
                self.rows += [(one.source, name, int(us)) for name, us in zip(ids, one.stamps_us, strict=True)]
                self.places += [(one.source, one.chunk.origin, row) for row in one.chunk.rows]
                self.rejects += [(one.source, row) for row in one.chunk.rejects["row"]]
            self.tap.keep(batch, [])
        return batch

    def until(self, done: Callable[[], bool], most: int = 10_000) -> None:
        """Takes until it is so; fails after a minute."""
        end = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end, self.tap.state()
            self.woken.clear()
            if self.take(most) is None:
                self.woken.wait(0.05)

    def rest(self, most: int = 10_000) -> list[tuple[str, str | None, int]]:
        """Takes until everything is taken; all rows so far."""
        self.until(lambda: self.tap.caught_up, most)
        return self.rows

    @property
    def ids(self) -> list[str | None]:
        """The ids of the rows so far."""
        return [name for _, name, _ in self.rows]


def tap_of(at: Cluster | str, topics: Mapping[str, Any], pipeline: str, root: Path = Path(), **more: Any) -> KafkaTap:
    """One tap for sources by name and topic."""
    address = at if isinstance(at, str) else at.address
    given = {"kafka": {"socket.timeout.ms": 10_000}, **more}
    sections = [(name, SourceSettings(topic=topic, brokers=address, **given)) for name, topic in topics.items()]
    (tap,) = kafka_taps(pipeline, sections, Retry(0), root)
    return tap


@contextmanager
def tapped(
    at: Cluster | str,
    topics: Mapping[str, Any],
    pipeline: str,
    known: Mapping[str, str | None] | None = None,
    **more: Any,
) -> Iterator[Taken]:
    """A tap that is open, and closed in the end."""
    tap = tap_of(at, topics, pipeline, **more)
    try:
        yield Taken(tap, known)
    finally:
        tap.close()
