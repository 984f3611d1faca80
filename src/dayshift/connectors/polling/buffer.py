"""Pieces on their way from the thread that looks to the one that takes: bounded, so that a slow taker makes the other wait."""

import threading
from collections import deque
from collections.abc import Iterator

from dayshift.connectors.polling.piece import Piece


class Closed(Exception):
    """Nobody takes any more."""


class Buffer:
    """Holds `limit` records, and at most one piece more.

    >>> buffer = Buffer(10)
    >>> buffer.put(Piece(None))
    >>> buffer.empty, len(list(buffer.take(5))), buffer.empty
    (False, 1, True)
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: deque[Piece] = deque()
        self._records = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, piece: Piece) -> None:
        """Adds a piece; waits while it is full.

        Raises:
            Closed: it was closed.
        """
        with self._changed:
            while self._records >= self._limit and not self._closed:
                self._changed.wait()
            if self._closed:
                raise Closed
            self._pieces.append(piece)
            self._records += piece.read

    def take(self, most: int) -> Iterator[Piece]:
        """Pieces with about `most` records, in their order; those of empty files come along."""
        while True:
            with self._changed:
                if not self._pieces or (most <= 0 and self._pieces[0].read):
                    return
                piece = self._pieces.popleft()
            piece, rest = piece.cut(max(most, 1))
            with self._changed:
                if rest is not None:
                    self._pieces.appendleft(rest)
                self._records -= piece.read
                self._changed.notify_all()
            most -= piece.read
            yield piece

    def close(self) -> None:
        """Whoever waits to put is sent away."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def empty(self) -> bool:
        """Whether nothing waits in it."""
        return not self._pieces

    @property
    def records(self) -> int:
        """How many records wait in it."""
        return self._records


__all__ = ["Buffer", "Closed"]
