"""A state's words as bytes: copied at once, sealed later and on any thread.

    magic · version · the plan's fingerprint · digest of what follows · its length · the words

A state may be as large as memory allows, and whoever copied it goes on answering meanwhile. So the copy goes into room
that the last one left, which the system has long given, and sealing goes through the words in pieces: hashing a piece lets
the interpreter's lock go.
"""

import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from dayshift.diagnostics import Refused
from dayshift.kernel.plan import Plan

MAGIC = b"DAYSHIFT-STATE"
VERSION = 3
HINT = "rebuild the state from the log"
PIECE = 1 << 20
_HEAD = struct.Struct("<14sH32s32sq")


class Copied:
    """The used words of a state as they were; called, the parts of its bytes, which are to be joined."""

    def __init__(self, plan: Plan, words: Any, spare: list[Any]) -> None:
        room = spare.pop() if spare else words[:0]
        self._room = room if room.size >= words.size else np.empty(words.size + words.size // 8, np.int64)
        self._words, self._plan, self._spare = self._room[: words.size], plan, spare
        np.copyto(self._words, words)

    def __call__(self) -> list[bytes]:
        """Head and pieces."""
        digest = hashlib.blake2b(digest_size=32)
        pieces = []
        for piece in self._pieces():
            digest.update(piece)
            pieces.append(piece)
        named = self._plan.fingerprint.encode()
        return [_HEAD.pack(MAGIC, VERSION, named, digest.digest(), 8 * self._words.size), *pieces]

    def _pieces(self) -> Iterator[bytes]:
        step = PIECE // 8
        for at in range(0, self._words.size, step):
            yield self._words[at : at + step].astype("<i8", copy=False).tobytes()

    def __del__(self) -> None:
        if not self._spare:
            self._spare.append(self._room)


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
