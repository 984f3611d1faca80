"""What is answered: a JSON object; a refusal is `{"error": ..., "hint": ...}` whatever its cause."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

JSON = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Answer:
    """A status, the JSON object of the body, and headers besides type and length. `close` ends the connection after it."""

    status: int
    body: Mapping[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    close: bool = False

    @property
    def content(self) -> bytes:
        """The body as it is sent, with a line end for those who read it on a terminal."""
        return msgspec.json.encode(self.body) + b"\n"

    def head(self, length: int) -> list[tuple[bytes, bytes]]:
        """All headers, for a body of that many bytes."""
        ending = [(b"connection", b"close")] if self.close else []
        return [JSON, (b"content-length", str(length).encode()), *self.headers, *ending]


@dataclass
class Declined(Exception):
    r"""A request that is refused; nothing of it was taken.

    >>> Declined(404, "there is no source 'paymets'", "payments?").answer.content
    b'{"error":"there is no source \'paymets\'","hint":"payments?"}\n'
    """

    status: int
    error: str
    hint: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = field(default=())
    close: bool = False

    @property
    def answer(self) -> Answer:
        """As it is sent."""
        return Answer(self.status, {"error": self.error, "hint": self.hint}, self.headers, self.close)


def full() -> Declined:
    """Too much waits to be taken."""
    said = "more events wait than can be held; nothing of this request was taken"
    return Declined(429, said, "send it again in a second", ((b"retry-after", b"1"),))


def stopping() -> Declined:
    """The run ends."""
    said = "the run is stopping; nothing of this request was taken"
    return Declined(503, said, "send it again when /readyz says 200", ((b"retry-after", b"5"),), close=True)


def held_up(said: str) -> Declined:
    """The run does not get on, as something behind it cannot be reached."""
    hint = "send it again when /readyz says 200; `dayshift status` says what the run waits for"
    return Declined(503, f"the run is held up: {said}", hint, ((b"retry-after", b"5"),))


def unknown_end() -> Declined:
    """The run ended between taking and storing."""
    said = "the run stopped before the events were on the disk"
    hint = "send it again: events that were stored all the same come out as duplicates"
    return Declined(503, said, hint, ((b"retry-after", b"5"),), close=True)


__all__ = ["Answer", "Declined", "full", "held_up", "stopping", "unknown_end"]
