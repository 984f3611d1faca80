"""What was fetched and not yet taken, and the order in which it is handed over.

A lane is one partition as one source reads it. Its messages are never reordered; a message counts as known at the
largest timestamp seen in its lane so far. Lanes are merged by that time, like the tasks of Kafka Streams: a message is
handed over once nothing earlier can come any more, that is, when every lane that holds the others up has something
buffered that stands behind it. A lane holds the others up while it is empty and may have more to come; one that has
come to its partition's end does not, and one that is merely slow only for so long. Equal times stand by source, then
topic, then partition.

Nothing here speaks to Kafka or reads a clock: the poller adds, the tap takes, both under one lock (`Lanes.lock`).
"""

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.connectors.contract import Chunk, Texts
from dayshift.connectors.live import Arrived
from dayshift.connectors.plain_json import as_text

Stamps = NDArray[np.int64]
Partition = tuple[str, int]
LATE_S, FIRST_S = 0.5, 3.0
"""How long a slow lane holds the others up, seconds; and one of which nothing was heard yet."""
_BEFORE_ALL = -(1 << 62)


@dataclass(frozen=True)
class Block:
    """Consecutive messages of one partition, decoded: `offsets` and `stamps_us` are of all of them, rejects included."""

    chunk: Chunk
    offsets: Stamps
    stamps_us: Stamps

    def part(self, start: int, end: int) -> "Block":
        """The messages from the one to, not including, the other; counted from 0."""
        if (start, end) == (0, len(self.offsets)):
            return self
        offsets, whole = self.offsets[start:end], self.chunk
        low, high = np.searchsorted(whole.rows.to_numpy(), [offsets[0], offsets[-1] + 1])
        torn = whole.rejects
        if torn.height:
            torn = torn.filter(pl.col("row").is_between(int(offsets[0]), int(offsets[-1])))
        size = whole.bytes * end // len(self.offsets) - whole.bytes * start // len(self.offsets)
        rows = whole.rows.slice(low, high - low)
        texts = None if whole.texts is None else whole.texts.part(int(low), int(high - low))
        chunk = Chunk(whole.frame.slice(low, high - low), whole.origin, rows, torn, size, whole.sparse, texts)
        return Block(chunk, offsets, self.stamps_us[start:end])


def joined(parts: Sequence[Block]) -> Block:
    """Blocks that follow one another as one."""
    if len(parts) == 1:
        return parts[0]
    chunks = [part.chunk for part in parts]
    if any(chunk.texts is None for chunk in chunks):
        chunks = [as_text(chunk) for chunk in chunks]
    filled = [chunk.frame for chunk in chunks if chunk.frame.height]
    torn = [chunk.rejects for chunk in chunks if chunk.rejects.height]
    chunk = Chunk(
        pl.concat(filled, how="diagonal" if chunks[0].texts is None else "vertical") if filled else chunks[0].frame,
        chunks[0].origin,
        pl.concat([chunk.rows for chunk in chunks]),
        pl.concat(torn) if torn else chunks[0].rejects,
        sum(chunk.bytes for chunk in chunks),
        chunks[0].sparse,
        _joined_texts([chunk.texts for chunk in chunks if chunk.texts is not None]),
    )
    offsets = np.concatenate([part.offsets for part in parts])
    return Block(chunk, offsets, np.concatenate([part.stamps_us for part in parts]))


def _joined_texts(parts: Sequence[Texts]) -> Texts | None:
    if not parts:
        return None
    return Texts([text for part in parts for text in part.objects], parts[0].beside)


@dataclass
class Lane:
    """One partition as one source reads it.

    `next`: the offset behind what was taken; `fetched`: behind what is buffered. `taken_us` and `stamp_us`: the largest
    timestamp of either. `end`: behind the last message there is, as far as is known. `at_end`: nothing more was there when the brokers were last heard. `dry_s`: since when nothing
    has come although there may be more, by the poller's clock. `heard`: whether anything came since it was assigned.
    """

    source: str
    topic: str
    partition: int
    next: int
    taken_us: int = _BEFORE_ALL
    fetched: int = 0
    stamp_us: int = _BEFORE_ALL
    at_end: bool = False
    assigned: bool = False
    end: int | None = None
    heard: bool = False
    excused: bool = False
    dry_s: float | None = None
    rows: int = 0
    bytes: int = 0
    blocks: deque[Block] = field(default_factory=deque)

    @property
    def key(self) -> tuple[str, str, int]:
        """Its rank among lanes."""
        return self.source, self.topic, self.partition

    @property
    def starved(self) -> bool:
        """Whether it is empty and may have more to come."""
        return self.assigned and not self.at_end and not self.rows

    @property
    def lag(self) -> int | None:
        """How many offsets are not taken yet; None when that is not known."""
        if self.at_end:
            return self.fetched - self.next
        return None if self.end is None or not self.assigned else max(0, self.end - self.next)

    def begin(self) -> None:
        """Forgets what is buffered: it is read again from what was taken."""
        self.blocks.clear()
        self.rows = self.bytes = 0
        self.fetched, self.stamp_us = self.next, self.taken_us
        self.at_end = self.heard = self.excused = False
        self.dry_s = None

    def add(self, block: Block) -> None:
        """Buffers what comes next."""
        self.blocks.append(block)
        self.rows += len(block.offsets)
        self.bytes += block.chunk.bytes
        self.fetched = int(block.offsets[-1]) + 1
        self.stamp_us = int(block.stamps_us[-1])
        self.at_end, self.heard, self.excused, self.dry_s = False, True, False, None

    def rising(self, stamps_us: Stamps) -> Stamps:
        """Timestamps that come next, as they count: never below one before."""
        return np.maximum(np.maximum.accumulate(stamps_us), self.stamp_us)

    def final(self, limit: "Limit | None", most: int) -> Stamps:
        """The stamps of the first messages that are final, at most so many."""
        found: list[Stamps] = []
        for block in self.blocks:
            stamps = block.stamps_us[:most]
            if limit is not None:
                side = "right" if self.key <= limit.rank else "left"
                stamps = stamps[: np.searchsorted(stamps, limit.stamp_us, side)]  # type: ignore[call-overload]
            found.append(stamps)
            most -= len(stamps)
            if len(stamps) < len(block.offsets) or not most:
                break
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def take(self, count: int) -> Arrived:
        """The first so many messages, which are the lane's no more."""
        parts = []
        while count:
            block = self.blocks.popleft()
            size = len(block.offsets)
            if size > count:
                self.blocks.appendleft(block.part(count, size))
                block = block.part(0, count)
            parts.append(block)
            count -= len(block.offsets)
        whole = joined(parts)
        self.rows -= len(whole.offsets)
        self.bytes -= whole.chunk.bytes
        self.next = int(whole.offsets[-1]) + 1 if self.rows else self.fetched
        self.taken_us = int(whole.stamps_us[-1])
        places = np.searchsorted(whole.offsets, whole.chunk.rows.to_numpy())
        return Arrived(self.source, whole.chunk, whole.stamps_us[places])


@dataclass(frozen=True, order=True)
class Limit:
    """Up to where the merged order is final: this stamp, and at this stamp up to the lane of this rank."""

    stamp_us: int
    rank: tuple[str, str, int]


class Lanes:
    """All lanes of a tap; whoever calls holds `lock`.

    Args:
        cursors: by source, topic and partition, the offset that is read next.
    """

    def __init__(self, cursors: Mapping[tuple[str, str, int], int]) -> None:
        self.lock = threading.Condition()
        self.all = [Lane(*key, offset, fetched=offset) for key, offset in sorted(cursors.items())]
        self.went_on_without = 0

    def of(self, partition: Partition) -> list[Lane]:
        """The lanes of a partition, one a source."""
        return [lane for lane in self.all if (lane.topic, lane.partition) == partition]

    def grow(self, sources: Iterable[str], partition: Partition) -> None:
        """A partition that was not there before is read from its first message."""
        self.all = sorted([*self.all, *(Lane(source, *partition, 0) for source in sources)], key=lambda lane: lane.key)

    @property
    def partitions(self) -> set[Partition]:
        """Those that are known, whoever reads them now."""
        return {(lane.topic, lane.partition) for lane in self.all}

    @property
    def mine(self) -> list[Lane]:
        """Those that are assigned to this tap."""
        return [lane for lane in self.all if lane.assigned]

    @property
    def rows(self) -> int:
        """How many messages are buffered."""
        return sum(lane.rows for lane in self.all)

    @property
    def caught_up(self) -> bool:
        """Whether every partition that is assigned has been taken to its end."""
        mine = self.mine
        return bool(mine) and all(lane.at_end and not lane.rows for lane in mine)

    def dry(self, now_s: float) -> bool:
        """The poller found nothing more: lanes that wait are late from now on. Whether one has been so for too long."""
        late = False
        for lane in self.mine:
            if lane.starved:
                lane.dry_s = now_s if lane.dry_s is None else lane.dry_s
                if not lane.excused and now_s - lane.dry_s >= (LATE_S if lane.heard else FIRST_S):
                    lane.excused = late = True
                    self.went_on_without += bool(self.rows)
        return late

    def limit(self) -> Limit | None:
        """Up to where the order is final; None: all that is buffered."""
        holding = [Limit(lane.stamp_us, lane.key) for lane in self.mine if not lane.at_end and not lane.excused]
        return min(holding, default=None)

    def take(self, most: int) -> list[Arrived]:
        """At most so many messages, those that are next in the merged order, one `Arrived` a lane."""
        limit, ready = self.limit(), [lane for lane in self.all if lane.rows]
        stamps = [lane.final(limit, most) for lane in ready]
        counts = [len(one) for one in stamps]
        if sum(counts) > most:
            lane_of = np.repeat(np.arange(len(ready)), counts)
            first = np.argsort(np.concatenate(stamps), kind="stable")[:most]  # ties: as the lanes stand
            counts = np.bincount(lane_of[first], minlength=len(ready)).tolist()
        return [lane.take(count) for lane, count in zip(ready, counts, strict=True) if count]
