"""Requests that wait to be taken: bounded in memory, numbered record by record, in the order in which they were complete.

What is counted is bytes, with an allowance for each record: of bodies that are being received, and of records that wait.
What does not fit is declined whole, and nothing of it was taken.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from dayshift.connectors.http.answers import Answer, Declined, full, stopping

MOST_BYTES = 64 << 20
RECORD_BYTES = 64
MOST_SHOWN = 1_000


@dataclass(eq=False)
class Posted:
    """One request: the texts of its records, when it was complete (microseconds since 1970), and who waits for the answer.

    What became of its records is added up here, part by part; `loaded` and the like are None once nobody could tell.
    """

    source: str
    texts: Sequence[bytes]
    stamp_us: int
    waiter: "asyncio.Future[Answer | Declined]"
    cost: int = 0
    open: int = field(default=0, init=False)
    duplicates: int | None = field(default=0, init=False)
    filtered: int | None = field(default=0, init=False)
    quarantined: int = field(default=0, init=False)
    held: list[dict[str, Any]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.open = len(self.texts)

    def hold(self, row: int, code: str, reason: str) -> None:
        """A record is in quarantine."""
        self.quarantined += 1
        if len(self.held) < MOST_SHOWN:
            self.held.append({"row": row, "code": code, "reason": reason})

    @property
    def answer(self) -> Answer:
        """What is told when all records are on the disk."""
        read, lost = len(self.texts), (self.duplicates, self.filtered)
        told = [count for count in lost if count is not None]
        loaded = read - self.quarantined - sum(told) if len(told) == len(lost) else None
        body = {
            "read": read,
            "loaded": loaded,
            "duplicates": self.duplicates,
            "filtered": self.filtered,
            "quarantined": self.quarantined,
            "held": sorted(self.held, key=itemgetter("row")),
        }
        return Answer(200, body)


@dataclass(frozen=True)
class Part:
    """Some records of a request that are taken together: those from `start` on, `texts`; the first has the number `first`."""

    posted: Posted
    start: int
    texts: Sequence[bytes]
    first: int

    def row(self, number: int) -> int:
        """Which record of the request, from 1, has that number."""
        return self.start + number - self.first + 1


class Inbox:
    """What waits, by source. All methods may be called from any thread."""

    def __init__(self, sources: Sequence[str], most_bytes: int = MOST_BYTES) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[tuple[Posted, int]]] = {source: deque() for source in sorted(sources)}
        self._next = dict.fromkeys(self._queues, 1)
        self._newest = dict.fromkeys(self._queues, 0)
        self._most, self._bytes, self._records = most_bytes, 0, 0
        self._stopped = self._passed_by = False

    def reserve(self, size: int, instead_of: int = 0) -> None:
        """Room for so many bytes, in place of those that were reserved before.

        Raises:
            Declined: 429, there is none; 503, nothing is taken any more.
        """
        with self._lock:
            if self._stopped:
                raise stopping()
            if self._bytes + size - instead_of > self._most:
                raise full()
            self._bytes += size - instead_of

    def release(self, size: int) -> None:
        """The room is free again."""
        with self._lock:
            self._bytes -= size

    def put(self, posted: Posted) -> None:
        """Adds a request for which its cost was reserved; its stamp never lies before that of the one before.

        Raises:
            Declined: 503, nothing is taken any more.
        """
        with self._lock:
            if self._stopped:
                raise stopping()
            newest = self._newest[posted.source] = max(posted.stamp_us, self._newest[posted.source])
            posted.stamp_us = newest
            self._queues[posted.source].append((posted, 0))
            self._records += len(posted.texts)

    def take(self, most: int) -> dict[str, list[Part]]:
        """Parts of requests with `most` records in all; every source has its share."""
        taken: dict[str, list[Part]] = {}
        with self._lock:
            self._passed_by = False
            share = max(most // max(len(self._queues), 1), 1)
            for source in self._queues:
                self._take(source, share, taken)
            left = most - sum(len(part.texts) for parts in taken.values() for part in parts)
            for source in self._queues:
                left -= self._take(source, left, taken)
        return taken

    def withdraw(self, posted: Posted) -> bool:
        """Takes a request back; False when a part of it was taken, or it no longer waits."""
        with self._lock:
            queue = self._queues[posted.source]
            if (posted, 0) not in queue:
                return False
            queue.remove((posted, 0))
            self._records -= len(posted.texts)
            self._bytes -= posted.cost
            self._passed_by = True
        return True

    def stop(self) -> tuple[list[Posted], list[Posted]]:
        """From now on nothing is taken; the requests of which nothing was taken, and those of which a part was."""
        with self._lock:
            self._stopped = True
            left = [one for queue in self._queues.values() for one in queue]
            for queue in self._queues.values():
                queue.clear()
            self._records = 0
        return [posted for posted, start in left if not start], [posted for posted, start in left if start]

    @property
    def records(self) -> int:
        """How many records wait."""
        return self._records

    @property
    def passed_by(self) -> bool:
        """Whether a request was withdrawn since somebody last came to take."""
        return self._passed_by

    @property
    def bytes(self) -> int:
        """How much memory is taken by what waits or is being received."""
        return self._bytes

    def _take(self, source: str, most: int, taken: dict[str, list[Part]]) -> int:
        queue, count = self._queues[source], 0
        while queue and count < most:
            posted, start = queue.popleft()
            texts = posted.texts[start : start + most - count]
            taken.setdefault(source, []).append(Part(posted, start, texts, self._next[source]))
            self._next[source] += len(texts)
            count += len(texts)
            if start + len(texts) < len(posted.texts):
                queue.appendleft((posted, start + len(texts)))
            else:
                self._bytes -= posted.cost
        self._records -= count
        return count


__all__ = ["RECORD_BYTES", "Inbox", "Part", "Posted"]
