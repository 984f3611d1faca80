"""What a stream's windows remember between two loads, as bytes.

    magic · version · digest of what follows · length of the header · header (JSON) · parts, one after the other

The parts are the kernel's state, each dictionary (numbers in the kernel's state mean its rows), and for a calendar the
entities that it has shown. The digest is checked before anything is read, so damaged bytes are refused whatever they hold.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from dayshift.diagnostics import Refused
from dayshift.engines.local.numbering import Dictionary

MAGIC = b"DAYSHIFT-LOCAL"
VERSION = 1
_HEAD = struct.Struct("<14sH32sq")
_HINT = "nothing is lost: delete the state, and it is made again from the log"


@dataclass(frozen=True)
class Saved:
    """A state after `load`, of the features with this fingerprint.

    `next_place` is the first free place in the log's order; `clock_us` how far a calendar has asked; `shown` the entities
    that it has seen; `kernel` the parts of the kernel's bytes.
    """

    fingerprint: str
    load: int
    next_place: int
    clock_us: int | None
    dictionaries: dict[tuple[str, ...], Dictionary]
    shown: pl.DataFrame | None
    kernel: Sequence[bytes | memoryview]

    def seal(self) -> bytes:
        """The state as bytes.

        >>> saved = Saved("f", 3, 7, None, {}, None, [b"kernel"])
        >>> unseal(saved.seal(), "f").load
        3
        """
        parts = [each.save() for each in self.dictionaries.values()]
        parts += [] if self.shown is None else [_ipc(self.shown)]
        header = {
            "fingerprint": self.fingerprint,
            "load": self.load,
            "next_place": self.next_place,
            "clock_us": self.clock_us,
            "dictionaries": list(self.dictionaries),
            "shown": self.shown is not None,
            "sizes": [sum(map(len, self.kernel)), *map(len, parts)],
        }
        text = json.dumps(header).encode()
        body = [text, *self.kernel, *parts]
        return b"".join([_HEAD.pack(MAGIC, VERSION, _digest(body), len(text)), *body])


def unseal(state: bytes, fingerprint: str) -> Saved:
    """The state that was sealed.

    Raises:
        Refused: DS523, the bytes are damaged, of another version, or belong to other features.
    """
    if len(state) < _HEAD.size:
        raise _refusal(f"the saved state is cut short: {len(state)} bytes")
    magic, version, digest, size = _HEAD.unpack_from(state)
    body = memoryview(state)[_HEAD.size :]
    if magic != MAGIC or version != VERSION:
        raise _refusal("the saved state is of another kind or version")
    if _digest([body]) != digest:
        raise _refusal("the saved state is damaged: its digest is another")
    header = json.loads(bytes(body[:size]))
    if header["fingerprint"] != fingerprint:
        raise _refusal(
            "the saved state belongs to other features",
            f"it has fingerprint {header['fingerprint']}",
            f"the pipeline's features have {fingerprint}",
        )
    parts = _parts(body[size:], header["sizes"])
    names = [tuple(name) for name in header["dictionaries"]]
    dictionaries = {name: Dictionary.restore(part) for name, part in zip(names, parts[1 : 1 + len(names)], strict=True)}
    shown = pl.read_ipc(io.BytesIO(parts[-1])) if header["shown"] else None
    return Saved(fingerprint, header["load"], header["next_place"], header["clock_us"], dictionaries, shown, parts[:1])


def after(saved: Saved, first: int) -> None:
    """Refuse a state that already holds the first of the loads asked for.

    Raises:
        Refused: DS523.
    """
    if saved.load >= first:
        raise _refusal(f"the saved state is after load {saved.load}, and load {first} was asked for")


def _digest(body: Sequence[bytes | memoryview]) -> bytes:
    found = hashlib.blake2b(digest_size=32)
    for part in body:
        found.update(part)
    return found.digest()


def _parts(body: memoryview, sizes: list[int]) -> list[memoryview]:
    found, at = [], 0
    for size in sizes:
        found.append(body[at : at + size])
        at += size
    return found


def _ipc(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer, compression="zstd")
    return buffer.getvalue()


def _refusal(message: str, *facts: str) -> Refused:
    return Refused("DS523", message, facts=facts, hint=_HINT)
