"""What the tests of HTTP share: a tap that is open, somebody who takes and keeps, and a plain client."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from dayshift.connectors.http.tap import HttpTap
from dayshift.connectors.live import Arrived, Batch, Outcome
from dayshift.definition.settings import LiveSettings

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
NOW_US = 1_717_243_200_000_000  # 2024-06-01 12:00 UTC


def judged(one: Arrived) -> Outcome:
    """What a door might say: torn records and those without an id are held, ids that begin with `x` are known."""
    ids = one.chunk.frame["id"] if "id" in one.chunk.frame.columns else [None] * one.chunk.frame.height
    rows = list(zip(one.chunk.rows, ids, strict=True))
    held = [(number, "DS350", reason) for number, reason, _ in one.chunk.rejects.rows()]
    held += [(number, "DS351", "id is null") for number, name in rows if name is None]
    repeated = tuple(number for number, name in rows if name is not None and name.startswith("x"))
    passed = tuple(number for number, name in rows if name == "elsewhere")
    loaded = one.chunk.read - len(held) - len(repeated) - len(passed)
    return Outcome(loaded, len(repeated), len(passed), tuple(sorted(held)), repeated, passed)


@dataclass
class Runtime:
    """Takes batches and keeps them, on a thread of its own, as long as it is not paused."""

    tap: HttpTap
    judge: Callable[[Arrived], Outcome] = judged
    batches: list[Batch] = field(default_factory=list)
    taking: threading.Event = field(default_factory=threading.Event)
    keeping: threading.Event = field(default_factory=threading.Event)
    woken: threading.Event = field(default_factory=threading.Event)
    most: int = 10_000
    _over: bool = False

    def run(self) -> None:
        """Until it is over."""
        unkept: list[Batch] = []
        while not self._over:
            self.woken.wait(0.02)
            self.woken.clear()
            while self.taking.is_set() and (batch := self.tap.take(self.most)) is not None:
                self.batches.append(batch)
                unkept.append(batch)
            while self.keeping.is_set() and unkept:
                batch = unkept.pop(0)
                self.tap.keep(batch, [self.judge(one) for one in batch.arrived])

    def end(self) -> None:
        """No more is taken or kept."""
        self._over = True


@dataclass(frozen=True)
class Reply:
    """A status, the JSON of the body, and the headers."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Service:
    """An open tap, and who takes from it."""

    tap: HttpTap
    runtime: Runtime

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.tap.address, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
            return Reply(response.status, json.loads(content) if content else None, dict(response.getheaders()))
        finally:
            connection.close()

    def connected(self) -> socket.socket:
        """A bare connection."""
        host, _, port = self.tap.address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def post(self, body: Any, source: str = "payments", headers: Mapping[str, str] = JSON) -> Reply:
        """Events; what is no bytes is written as JSON."""
        given = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", f"/events/{source}", given, headers)


@contextmanager
def served(
    sources: Sequence[str] = ("payments",),
    *,
    judge: Callable[[Arrived], Outcome] = judged,
    clock_us: Callable[[], int] = lambda: NOW_US,
    **live: Any,
) -> Iterator[Service]:
    """A tap that listens on a free port, and a runtime that takes and keeps at once."""
    tap = HttpTap(sources, {"refunds": "files"}, LiveSettings(listen="127.0.0.1:0", **live), clock_us)
    runtime = Runtime(tap, judge)
    runtime.taking.set()
    runtime.keeping.set()
    tap.open({}, runtime.woken.set)
    thread = threading.Thread(target=runtime.run)
    thread.start()
    try:
        yield Service(tap, runtime)
    finally:
        tap.close()
        runtime.end()
        thread.join()


def waited(until: Callable[[], bool], seconds: float = 30) -> None:
    """Waits until something is so."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.005)


@contextmanager
def in_background(action: Callable[[], Any]) -> Iterator[list[Any]]:
    """Does something on another thread; the list has its result, or its error, at the end."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(action())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield found
    finally:
        with suppress(RuntimeError):
            thread.join(40)
