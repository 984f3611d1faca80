"""The ASGI application: `POST /events/SOURCE`, `GET /livez`, `GET /readyz`. It can be mounted into any server.

An answer to a POST is sent only when its rows are on the disk. A run that is held up, by an output that cannot be reached,
takes nothing: what waits for it in vain is withdrawn and declined, and what it has taken is answered once it is stored. Whatever is wrong is told in one shape, and nothing of a
request that is declined was taken.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from dayshift.connectors.http.answers import Answer, Declined, held_up, stopping
from dayshift.connectors.http.body import LARGEST, check_encoding, check_type, inflated, records, too_large
from dayshift.connectors.http.inbox import RECORD_BYTES, Inbox, Posted
from dayshift.diagnostics import nearest, shorten

BODY_SECONDS = 30.0
HELD_SECONDS = 5.0
_ELSEWHERE = 128 << 10  # a body larger than this is parsed on another thread, so that small requests do not wait for it
_LONGEST_NAME = 200
_log = logging.getLogger("dayshift.http")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class EventsApp:
    """Takes events of some sources into an inbox.

    Args:
        inbox: where they go; it knows the sources.
        sources: those that are sent by HTTP.
        others: the pipeline's other sources, and where they come from, for whoever sends to one of them.
        token: what a sender must show; None when nothing. Nobody can show an empty one.
        clock_us: microseconds since 1970, asked when a request is complete.
        arrived: called when there is something to take.
        body_seconds: how long a body may take to come.
    """

    held_seconds = HELD_SECONDS

    def __init__(
        self,
        inbox: Inbox,
        sources: Sequence[str],
        others: Mapping[str, str],
        token: str | None,
        clock_us: Callable[[], int],
        arrived: Callable[[], None],
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._inbox, self._sources, self._others = inbox, frozenset(sources), others
        self._token = None if token is None else token.encode()
        self._clock_us, self._arrived, self._body_seconds = clock_us, arrived, body_seconds
        self._receiving: set[asyncio.Task[Any]] = set()
        self._waiting: dict[Posted, float] = {}  # who has no answer yet, and since when, the oldest first
        self.stopping = False

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request, as ASGI says."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except Declined as declined:
            answer = declined.answer
        except Exception:  # noqa: BLE001 - a sender gets an answer in any case, and we get the traceback
            _log.exception("%s %s", scope["method"], scope["path"])
            answer = Answer(500, {"error": "this is a fault of Dayshift; nothing is known to be stored", "hint": None})
        body = answer.content
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.head(len(body))})
        await send({"type": "http.response.body", "body": body})

    def stop(self) -> None:
        """Declines what is being received; to be called in the loop's thread."""
        self.stopping = True
        for task in self._receiving:
            task.cancel()

    async def _answer(self, scope: Message, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        if path in ("/livez", "/readyz"):
            _check_method(method, "GET", "HEAD")
            if path == "/readyz" and self.stopping:
                raise stopping()
            if path == "/readyz" and self._held_up:
                raise held_up(f"a request has waited for more than {self.held_seconds:g} seconds")
            return Answer(200, {"status": "ok"})
        if not path.startswith("/events/"):
            raise Declined(404, f"there is no {path!r}", "POST /events/SOURCE, GET /livez, GET /readyz")
        headers = dict(scope["headers"])
        self._check_token(headers.get(b"authorization"))
        source = path.removeprefix("/events/").removesuffix("/")[:_LONGEST_NAME]
        self._check_source(source)
        _check_method(method, "POST")
        return await self._events(source, headers, receive)

    async def _events(self, source: str, headers: Mapping[bytes, bytes], receive: Receive) -> Answer:
        lines = check_type(headers.get(b"content-type"), headers.get(b"origin"))
        packed = check_encoding(headers.get(b"content-encoding"))
        if self.stopping:
            raise stopping()
        body = await self._received(receive, headers.get(b"content-length"))
        reserved = len(body)
        try:
            texts = await self._texts(body, packed=packed, lines=lines)
            cost = sum(map(len, texts)) + RECORD_BYTES * len(texts)
            self._inbox.reserve(cost, instead_of=reserved)
            reserved = cost
            posted = Posted(source, texts, self._clock_us(), asyncio.get_running_loop().create_future(), cost)
            if not texts:
                return posted.answer
            self._inbox.put(posted)
        except BaseException:
            self._inbox.release(reserved)
            raise
        self._arrived()
        return await self._told(posted, asyncio.get_running_loop().time())

    async def _told(self, posted: Posted, since: float) -> Answer:
        """What became of a request.

        Raises:
            Declined: 503, it was not taken in time and is withdrawn, or the run ends.
        """
        self._waiting[posted] = since
        try:
            done, _ = await asyncio.wait((posted.waiter,), timeout=self.held_seconds)
            if not done and self._inbox.withdraw(posted):
                raise held_up(f"nothing of this request was taken within {self.held_seconds:g} seconds")
            outcome = await posted.waiter
        finally:
            del self._waiting[posted]
        if isinstance(outcome, Declined):
            raise outcome
        return outcome

    @property
    def _held_up(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._inbox.passed_by or now - next(iter(self._waiting.values()), now) > self.held_seconds

    async def _texts(self, body: bytes, *, packed: bool, lines: bool) -> Sequence[bytes]:
        if len(body) <= _ELSEWHERE and not packed:
            return records(body, lines=lines)
        return await asyncio.to_thread(_unpacked, body, packed=packed, lines=lines)

    async def _received(self, receive: Receive, length: bytes | None) -> bytes:
        """The whole body, for which room is reserved in the inbox.

        Raises:
            Declined: 408, it does not come; 413, it is too large; 429, there is no room; 503, the run ends.
        """
        if length is not None and length.isdigit() and int(length) > LARGEST:
            raise too_large()
        parts: list[bytes] = []
        size = 0
        task = asyncio.current_task()
        assert task is not None
        self._receiving.add(task)
        try:
            async with asyncio.timeout(self._body_seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Declined(400, "the connection was closed before the body was complete", close=True)
                    part = message.get("body", b"")
                    self._inbox.reserve(len(part))
                    size += len(part)
                    if size > LARGEST:
                        raise too_large()
                    parts.append(part)
                    more = message.get("more_body", False)
        except BaseException as error:  # noqa: BLE001 - it is raised, under another name where it has one
            self._inbox.release(size)
            raise self._why(error) from None
        finally:
            self._receiving.discard(task)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _why(self, error: BaseException) -> BaseException:
        if isinstance(error, TimeoutError):
            said = f"the body did not come within {self._body_seconds:g} seconds"
            return Declined(408, f"{said}; nothing of it was taken", "send it again", close=True)
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and self.stopping and task is not None:
            task.uncancel()
            return stopping()
        return error

    def _check_token(self, given: bytes | None) -> None:
        if self._token is None:
            return
        kind, _, rest = (given or b"").partition(b" ")
        shown = rest.strip()
        if kind.lower() != b"bearer" or not shown or not hmac.compare_digest(shown, self._token):
            said = "the token is wrong" if given else "a token is asked for"
            challenge = ((b"www-authenticate", b"Bearer"),)
            raise Declined(401, said, "Authorization: Bearer TOKEN, as `token` in [live] of dayshift.toml", challenge)

    def _check_source(self, source: str) -> None:
        if source in self._sources:
            return
        if source in self._others:
            said = f"source {source!r} comes from {self._others[source]}, not by HTTP"
            raise Declined(404, said, f"[sources.{source}]\nhttp = true")
        near = nearest(source, self._sources)
        hint = f"did you mean {near!r}? " if near else ""
        raise Declined(404, f"there is no source {source!r}", f"{hint}sent by HTTP: {shorten(self._sources) or 'none'}")


def _unpacked(body: bytes, *, packed: bool, lines: bool) -> Sequence[bytes]:
    return records(inflated(body) if packed else body, lines=lines)


def _check_method(method: str, *allowed: str) -> None:
    if method not in allowed:
        names = ", ".join(allowed)
        raise Declined(405, f"{method} is not taken here", f"use {names}", ((b"allow", names.encode()),))


__all__ = ["EventsApp"]
