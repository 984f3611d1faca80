"""`POST /events/SOURCE` as a tap.

Requests are split into records in the server's thread; their values are read when they are taken, for all requests of a
source at once, so that a thousand small requests cost little more than one large one. The records are numbered in the
order of taking, and by their numbers what became of them finds its way back to the requests.
"""

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from dayshift.connectors.contract import REJECTS, Chunk, Origin
from dayshift.connectors.files.csv import SHOWN_RAW
from dayshift.connectors.http.answers import Answer, Declined, stopping, unknown_end
from dayshift.connectors.http.app import EventsApp
from dayshift.connectors.http.inbox import Inbox, Part, Posted
from dayshift.connectors.http.outcomes import Share, settle
from dayshift.connectors.http.protocol import GuardedProtocol
from dayshift.connectors.http.reading import Run, read
from dayshift.connectors.http.server import Server
from dayshift.connectors.live import Arrived, Batch, Known, Outcome
from dayshift.definition.settings import LiveSettings, secret
from dayshift.definition.texts import address_parts
from dayshift.diagnostics import NotReady
from dayshift.semantics.instants import EPOCH

CLOSE_SECONDS = 3.0


class HttpTap:
    """Events of some sources, sent by HTTP.

    Args:
        sources: the names of those with `http = true`.
        others: the pipeline's other sources, and where each comes from, for messages.
        live: the section `[live]`; `listen` and `token` count.
        clock_us: the time now, microseconds since 1970: when a request is complete, its rows are known.

    Raises:
        NotReady: DS310, the extra `http` is not installed; DS113, the token's environment variable is not set, or the
            token is empty.
    """

    def __init__(
        self, sources: Sequence[str], others: Mapping[str, str], live: LiveSettings, clock_us: Callable[[], int]
    ) -> None:
        self.sources = tuple(sorted(sources))
        self._clock_us = clock_us
        address = address_parts(live.listen)
        assert address is not None, "the settings have looked at it"
        self._address = address
        token = None if live.token is None else _token(live.token)
        self._inbox = Inbox(self.sources)
        self._app = EventsApp(self._inbox, self.sources, others, token, clock_us, self._arrival)
        self._wake: Callable[[], None] = lambda: None
        self._server: Server | None = None
        self._origin = ""
        self._taken: deque[tuple[Batch, list[Share]]] = deque()
        self._kept = threading.Condition()
        self._closed = False

    @property
    def address(self) -> str:
        """Host and port on which it listens, as an address of the web has them; the port is 0 until one is chosen."""
        host, port = self._address if self._server is None else self._server.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def app(self) -> EventsApp:
        """The ASGI application, to be mounted elsewhere."""
        return self._app

    def open(self, known: Mapping[str, Known], wake: Callable[[], None]) -> None:
        """Listens from now on.

        Raises:
            NotReady: DS340, the address cannot be listened on.
        """
        del known
        self._wake, self._origin = (
            wake,
            f"http/{EPOCH + dt.timedelta(microseconds=self._clock_us()):%Y-%m-%dT%H:%M:%S.%fZ}",
        )
        self._server = Server(self._app, *self._address, GuardedProtocol)
        self._server.start()

    def take(self, most: int) -> Batch | None:
        """The records of requests that are complete, source by source, in the order in which they were."""
        taken = self._inbox.take(most)
        arrived: list[Arrived] = []
        shares: list[Share] = []
        for source, parts in taken.items():
            texts = [text for part in parts for text in part.texts]
            stamps = np.repeat(
                np.array([part.posted.stamp_us for part in parts], dtype=np.int64), [len(part.texts) for part in parts]
            )
            for run in read(texts):
                arrived.append(self._arrived(source, texts, run, parts[0].first, stamps))
                shares.append(Share(parts, parts[0].first + run.start, parts[0].first + run.stop))
        if not arrived:
            return None
        batch = Batch(tuple(arrived), {}, {name: self._read(parts) for name, parts in taken.items()})
        with self._kept:
            self._taken.append((batch, shares))
        return batch

    def keep(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Answers the requests of which all records are on the disk now."""
        with self._kept:
            if not self._taken:  # it was closed meanwhile, and whoever waited was told to send again
                return
            expected, shares = self._taken.popleft()
            assert expected is batch, "batches are kept in the order of taking"
            done = [
                posted for share, outcome in zip(shares, outcomes, strict=True) for posted in settle(share, outcome)
            ]
            self._kept.notify_all()
        self._tell([(posted, posted.answer) for posted in done])

    @property
    def caught_up(self) -> bool:
        """Whether no request waits to be taken."""
        return not self._inbox.records

    def state(self) -> Mapping[str, Any]:
        """Where it listens, how many records wait to be taken and how many requests for the disk, and the memory for them."""
        listens = None if self._server is None else self.address
        return {
            "listens": listens,
            "buffered": self._inbox.records,
            "unkept": sum(batch.read for batch, _ in list(self._taken)),
            "bytes": self._inbox.bytes,
        }

    def close(self) -> None:
        """Takes no more; waits up to three seconds for what was taken to be kept; whoever is left is told to send again."""
        if self._server is None or self._closed:
            return
        self._closed = True
        self._server.call(self._app.stop)
        untouched, begun = self._inbox.stop()
        self._tell([(posted, stopping()) for posted in untouched])
        until = time.monotonic() + CLOSE_SECONDS
        with self._kept:
            while self._taken and (left := until - time.monotonic()) > 0:
                self._kept.wait(left)
            lost = {part.posted for _, shares in self._taken for share in shares for part in share.parts}
            self._taken.clear()
        self._tell([(posted, unknown_end()) for posted in (*lost, *begun)])
        self._server.close()

    def _arrival(self) -> None:
        self._wake()

    def _tell(self, answers: Sequence[tuple[Posted, Answer | Declined]]) -> None:
        if answers and self._server is not None:
            self._server.call(_tell, answers)

    def _read(self, parts: Sequence[Part]) -> tuple[Origin, ...]:
        return (Origin(self._origin, rows=sum(len(part.texts) for part in parts)),)

    def _arrived(self, source: str, texts: Sequence[bytes], run: Run, first: int, stamps: Any) -> Arrived:
        rejects = [
            (first + at, reason, texts[at][:SHOWN_RAW].decode(errors="backslashreplace")) for at, reason in run.faults
        ]
        chunk = Chunk(
            run.frame,
            self._origin,
            (run.places.cast(pl.Int64) + first).alias("row"),
            pl.DataFrame(rejects, schema=REJECTS, orient="row"),
            sum(map(len, texts[run.start : run.stop])),
            sparse=True,
        )
        return Arrived(source, chunk, stamps[run.places.to_numpy()], ordered=True)


def _token(setting: str) -> str:
    """The token that senders must show.

    Raises:
        NotReady: DS113, it is empty: whoever sends nothing would show it.
    """
    token = secret(setting).strip()
    if token:
        return token
    name = setting.removeprefix("env:")
    said = f"environment variable '{name}' is empty" if setting.startswith("env:") else "the token is empty"
    hint = f"export {name}=..." if setting.startswith("env:") else '[live]\ntoken = "env:EVENTS_TOKEN"'
    raise NotReady("DS113", said, facts=("asked for by `token` in [live]",), hint=hint)


def _tell(answers: Sequence[tuple[Posted, Answer | Declined]]) -> None:
    """Wakes those who wait, in the loop's thread."""
    for posted, answer in answers:
        if not posted.waiter.done():
            posted.waiter.set_result(answer)


__all__ = ["HttpTap"]
