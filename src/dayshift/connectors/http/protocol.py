"""HTTP/1.1 as uvicorn speaks it by httptools, with the limits that it leaves to a proxy.

Whoever connects has ten seconds for a request's head and 32 KiB for it; an idle connection is kept for a minute; beyond a
thousand connections new ones are closed at once. What is no HTTP at all is answered in the shape of every other refusal.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dayshift.connectors.http.answers import Declined

HEAD_SECONDS = 10.0
HEAD_BYTES = 32 << 10
IDLE_SECONDS = 60
MOST_CONNECTIONS = 1_000
_log = logging.getLogger("dayshift.http")
_log.addHandler(logging.NullHandler())


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _log
        self._timer: asyncio.TimerHandle | None = None
        self._in_head, self._head_bytes = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio says."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio says."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As asyncio says."""
        if self.cycle is None or self.cycle.response_complete:
            self._arm()
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._refuse(Declined(431, f"the head of the request is larger than {HEAD_BYTES >> 10} KiB"))

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; one that comes behind a body in pieces is passed over."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        self._disarm()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._refuse(Declined(400, msg.rstrip("."), "send HTTP/1.1"))

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self._refuse(Declined(408, f"the head of the request did not come within {self.head_seconds:g} seconds"))

    def _refuse(self, declined: Declined) -> None:
        if self.transport.is_closing():
            return
        declined.close = True
        body = declined.answer.content
        head = b"".join(b"%b: %b\r\n" % one for one in declined.answer.head(len(body)))
        self.transport.write(STATUS_LINE[declined.status] + head + b"\r\n" + body)
        self.transport.close()


__all__ = ["HEAD_BYTES", "IDLE_SECONDS", "MOST_CONNECTIONS", "GuardedProtocol"]
