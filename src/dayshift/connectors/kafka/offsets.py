"""How far each partition of each topic was read: the cursor of a source of topics, stored by the load's own commit.

    {"payments": {"id": "7zQ…", "next": [120, 99]}}

`next` is, by partition, the offset that is read next; `id` is the topic's own, which a topic made anew under the same
name does not have. Topics that the source no longer names stay in the cursor: named again, they are read on.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dayshift.connectors.contract import Origin


@dataclass(frozen=True)
class Progress:
    """How far one topic was read; `id` is empty where the brokers are too old to tell it."""

    id: str
    next: tuple[int, ...]


Cursor = Mapping[str, Progress]


def parse(text: str | None) -> dict[str, Progress]:
    """The cursor of that text; nothing was read when it is another kind of origin's, such as a table's.

    >>> parse('{"payments": {"id": "a", "next": [120]}}')
    {'payments': Progress(id='a', next=(120,))}
    >>> parse("2024-05-01 10:00:00")
    {}
    """
    if text is None or not text.startswith("{"):
        return {}
    return {topic: Progress(one["id"], tuple(one["next"])) for topic, one in json.loads(text).items()}


def text_of(cursor: Cursor) -> str:
    """The cursor as text; equal cursors are equal texts.

    >>> text_of({"payments": Progress("a", (120,))})
    '{"payments": {"id": "a", "next": [120]}}'
    """
    return json.dumps({topic: {"id": one.id, "next": list(one.next)} for topic, one in sorted(cursor.items())})


@dataclass(frozen=True)
class Held:
    """What a topic holds now: its id, and by partition the first offset and the one behind the last."""

    id: str
    first: tuple[int, ...]
    end: tuple[int, ...]


@dataclass(frozen=True)
class Loss:
    """Messages of a partition that nobody can read any more: offsets `first` to `last`."""

    topic: str
    partition: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many offsets they took."""
        return self.last - self.first + 1

    @property
    def shown(self) -> str:
        """The partition and the offsets, for messages and for the record."""
        return f"{self.topic}/{self.partition}: offsets {self.first} to {self.last} were deleted unread"


@dataclass(frozen=True)
class Start:
    """Where a topic is read from now, what was lost before, and whether it is another topic than the one read so far."""

    next: tuple[int, ...]
    losses: tuple[Loss, ...] = ()
    anew: bool = False


def start_of(topic: str, before: Progress | None, held: Held) -> Start:
    """Where to read on. A topic that was never read begins at its first message, a partition added since at offset 0.

    >>> start_of("t", Progress("a", (5,)), Held("a", (8, 0), (9, 2)))
    Start(next=(8, 0), losses=(Loss(topic='t', partition=0, first=5, last=7),), anew=False)
    >>> start_of("t", Progress("a", (5,)), Held("b", (0,), (9,))).anew
    True
    """
    if before is None:
        return Start(held.first)
    other = bool(before.id and held.id and before.id != held.id)
    if other or len(before.next) > len(held.end) or any(a > b for a, b in zip(before.next, held.end, strict=False)):
        return Start(held.first, anew=True)
    wanted = before.next + (0,) * (len(held.end) - len(before.next))
    losses = tuple(
        Loss(topic, partition, asked, first - 1)
        for partition, (asked, first) in enumerate(zip(wanted, held.first, strict=True))
        if asked < first
    )
    return Start(tuple(map(max, wanted, held.first)), losses)


@dataclass(frozen=True)
class Stretch:
    """Offsets of one partition: from `start` up to, not including, `end`."""

    topic: str
    partition: int
    start: int
    end: int

    @property
    def origin(self) -> Origin:
        """The partition as an origin of rows."""
        return Origin(f"{self.topic}/{self.partition}")


def stretches(start: Cursor, end: Cursor) -> Iterator[Stretch]:
    """What lies between two cursors, partition by partition."""
    for topic, ends in sorted(end.items()):
        for partition, (first, last) in enumerate(zip(start[topic].next, ends.next, strict=True)):
            if first < last:
                yield Stretch(topic, partition, first, last)
