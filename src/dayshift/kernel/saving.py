"""A state's words as bytes: copied at once, sealed later and on any thread.

    magic · version · the plan's fingerprint · digest of what follows · its length · the words

A state may be as large as memory allows, and whoever copied it goes on answering meanwhile. Most of a copy's time is not
the copying but the system's finding the memory; so the room of one copy is kept for the next, and who seals a copy also
makes room for a state that has grown. Sealing goes through the words in pieces: hashing one lets the interpreter's lock go.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dayshift.diagnostics import Refused
from dayshift.kernel.plan import Plan

MAGIC = b"DAYSHIFT-STATE"
VERSION = 3
HINT = "rebuild the state from the log"
NOTHING = np.empty(0, np.int64)
PIECE = 1 << 20
_HEAD = struct.Struct("<14sH32s32sq")


class Rooms:
    """Memory for copies that the system has already given; one piece of it lies ready at most."""

    def __init__(self) -> None:
        self._free: list[Any] = []

    def take(self, words: int) -> Any:
        """Room for so many words at least."""
        free = self._free.pop() if self._free else NOTHING
        return free if free.size >= words else np.empty(words + words // 4, np.int64)

    def give(self, room: Any) -> None:
        """Room that nobody uses any more."""
        if not self._free:
            self._free.append(room)

    def reserve(self, words: int) -> None:
        """See to it that room for so many words, and a quarter more, lies ready."""
        if not self._free or self._free[0].size < words:
            room = np.empty(words + words // 4, np.int64)
            room.fill(0)
            self._free[:] = [room]


class Copied:
    """The used words of a state as they were; called, the parts of its bytes, which are to be joined.

    `now` gives the words that the state uses when it is asked, on any thread.
    """

    def __init__(self, plan: Plan, words: Any, rooms: Rooms, now: Callable[[], int]) -> None:
        self._plan, self._rooms, self._now = plan, rooms, now
        self._room = rooms.take(words.size)
        self._words = self._room[: words.size]
        np.copyto(self._words, words)

    def __call__(self) -> list[bytes]:
        """Head and pieces."""
        digest = hashlib.blake2b(digest_size=32)
        pieces = []
        for piece in self._pieces():
            digest.update(piece)
            pieces.append(piece)
        if self._now() > self._room.size:
            self._rooms.reserve(self._now())
        named = self._plan.fingerprint.encode()
        return [_HEAD.pack(MAGIC, VERSION, named, digest.digest(), 8 * self._words.size), *pieces]

    def _pieces(self) -> Iterator[bytes]:
        step = PIECE // 8
        for at in range(0, self._words.size, step):
            yield self._words[at : at + step].astype("<i8", copy=False).tobytes()

    def __del__(self) -> None:
        self._rooms.give(self._room)


def unseal(plan: Plan, saved: bytes | memoryview) -> Any:
    """The words of a state of this plan.

    Raises:
        Refused: DS510, the bytes are damaged or of another version; DS511, they belong to other features.
    """
    if len(saved) < _HEAD.size:
        raise Refused("DS510", f"the saved state is cut short: {len(saved)} bytes", hint=HINT)
    magic, version, fingerprint, digest, size = _HEAD.unpack_from(saved)
    body = memoryview(saved)[_HEAD.size :]
    if magic != MAGIC or version != VERSION:
        raise Refused(
            "DS510", "the saved state is of another kind or version", facts=(f"this version is {VERSION}",), hint=HINT
        )
    if len(body) != size or hashlib.blake2b(body, digest_size=32).digest() != digest:
        raise Refused("DS510", "the saved state is damaged: its digest is another", hint=HINT)
    if fingerprint.decode("ascii", "replace") != plan.fingerprint:
        raise Refused(
            "DS511",
            "the saved state belongs to other features",
            facts=(
                f"it has fingerprint {fingerprint.decode('ascii', 'replace')}",
                f"the features have {plan.fingerprint}",
            ),
            hint=HINT,
        )
    return np.frombuffer(body, "<i8").astype(np.int64, copy=False)
