"""What a look finds, in pieces that can be cut: a chunk, and how far its source is read behind any of its records."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from dayshift.connectors.contract import Chunk, Origin
from dayshift.connectors.live import Known


def _nowhere(number: int) -> str | None:
    del number
    return None


@dataclass(frozen=True)
class Piece:
    """Some records of one origin; none where a file is empty.

    `within` gives the cursor behind the record of a number, for whoever takes only a part of it; `after` is the cursor
    behind the whole piece; None leaves the cursor where it was. `origins` are what is read with its last record.
    """

    chunk: Chunk | None
    after: str | None = None
    origins: tuple[Origin, ...] = ()
    within: Callable[[int], str | None] = _nowhere

    @property
    def read(self) -> int:
        """How many records it holds."""
        return self.chunk.read if self.chunk is not None else 0

    def cut(self, most: int) -> "tuple[Piece, Piece | None]":
        """Its first records, at most about so many, and the others; None when there are none."""
        chunk = self.chunk
        if chunk is None or chunk.read <= most:
            return self, None
        last = int(chunk.rows[most - 1] if chunk.frame.height >= most else chunk.rejects["row"].sort()[most - 1])
        first = replace(chunk, **_records(chunk, last, before=True))
        rest = replace(chunk, **_records(chunk, last, before=False), bytes=0)
        if not rest.read:
            return self, None
        return Piece(first, self.within(last), (), self.within), replace(self, chunk=rest)


def _records(chunk: Chunk, last: int, *, before: bool) -> dict[str, Any]:
    rows = int(chunk.rows.search_sorted(last, side="right"))
    torn = chunk.rejects["row"] <= last
    if before:
        return {"frame": chunk.frame.head(rows), "rows": chunk.rows.head(rows), "rejects": chunk.rejects.filter(torn)}
    frame, numbers = chunk.frame.slice(rows), chunk.rows.slice(rows)
    return {"frame": frame, "rows": numbers, "rejects": chunk.rejects.filter(~torn)}


class Look(Protocol):
    """What is new at one source, look by look. All methods are called from one thread, `state` from any."""

    def begin(self, known: Known) -> None:
        """Begins behind what is known.

        Raises:
            DayshiftError: the origin is absent, cannot be reached, or can never be read.
        """

    def look(self) -> Iterator[Piece]:
        """The pieces that are new now; a failure in the middle loses nothing, the next look finds the rest."""

    def state(self) -> Mapping[str, Any]:
        """What it waits for, besides what a failure says."""

    @property
    def quiet(self) -> bool:
        """Whether the last look left nothing for a later one."""


__all__ = ["Look", "Piece"]
