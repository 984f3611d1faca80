"""History as a stream: the events of some sources in the log's order, at a multiple of the speed at which they came.

The clock of a replay is the log's `_position`: when an event was known; each message bears it as its timestamp. It never runs backwards, so events of a later
load that are older than what was sent already follow at once. What cannot keep up is not dropped: the replay falls
behind, and says by how much.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from dayshift.engines.contract import LOAD, POSITION, Log
from dayshift.engines.local.cuts import Cut, read, split
from dayshift.engines.local.order import sort_log
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.definition import Source

AT_ONCE = 50_000
_LAST_WORDS_SECONDS = 30.0
_NAP_SECONDS = 0.1


class Taker(Protocol):
    """Takes messages."""

    def send(self, topic: str, key: bytes | None, value: bytes, stamp_us: int) -> None:
        """Takes one, which was known at this time of the log's clock."""

    def wait(self, seconds: float) -> None:
        """Lets time pass."""

    def finish(self, seconds: float) -> None:
        """Returns when all that it took are where they should be."""


@dataclass(frozen=True)
class Selection:
    """Which events are replayed: source to topic; a stretch of the log's clock, microseconds, `until` not included;
    the column that becomes the messages' key (None: the events' own key)."""

    topics: Mapping[Source, str]
    since_us: int | None = None
    until_us: int | None = None
    key: str | None = None

    @property
    def wanted(self) -> pl.Expr:
        """Which rows of the log."""
        since = pl.lit(True) if self.since_us is None else pl.col(POSITION) >= self.since_us
        return since if self.until_us is None else since & (pl.col(POSITION) < self.until_us)


@dataclass(frozen=True)
class Sent:
    """What a replay sent: messages by source, how long it took, and the clock's first and last time.

    `behind_s`: by how many seconds the slowest message was late against the speed that was asked for.
    """

    messages: dict[str, int]
    seconds: float
    first: dt.datetime | None
    last: dt.datetime | None
    behind_s: float
    interrupted: bool


def span(log: Log, selection: Selection) -> tuple[dict[str, int], int | None, int | None]:
    """How many events are selected, by source, and the first and last time of the clock, microseconds."""
    counts, ends = {}, []
    for source in selection.topics:
        rows = read(log, source, ()).filter(selection.wanted)
        asked = rows.select(pl.len(), pl.col(POSITION).min().alias("a"), pl.col(POSITION).max().alias("b"))
        counts[source.name], *found = asked.collect(engine="streaming").row(0)
        ends += [one for one in found if one is not None]
    return counts, min(ends, default=None), max(ends, default=None)


def messages(log: Log, selection: Selection) -> Iterator[tuple[int, str, bytes | None, bytes]]:
    """Clock, source, key and value of each selected event, in the log's order; memory is bounded."""
    sources = sorted(selection.topics, key=lambda source: source.name)
    for cut in split(log, sources, Cut(), AT_ONCE, selection.wanted):
        frames = []
        for source in sources:
            rows = read(log, source, source.columns).filter(cut.inside(source) & selection.wanted)
            frames.append(_as_messages(sort_log(rows.collect(), source), source, selection.key))
        # Each frame is in order, and they stand in the order of the sources' names: a stable sort is the log's order.
        merged = pl.concat(frames).sort(LOAD, POSITION, maintain_order=True).drop(LOAD)
        for clock, name, key, value in merged.iter_rows():
            yield clock, name, None if key is None else key.encode(), value.encode()


def _as_messages(frame: pl.DataFrame, source: Source, key: str | None) -> pl.DataFrame:
    plain = frame.select(_plain(name, frame.schema[name]) for name in source.columns)
    lines = plain.write_ndjson().removesuffix("\n").split("\n") if plain.height else []
    keys = [key] if key is not None else list(source.key_columns)
    shown = plain.select(keys).write_ndjson().removesuffix("\n").split("\n") if len(keys) > 1 and plain.height else None
    texts = plain[keys[0]].cast(pl.String) if shown is None else pl.Series(shown, dtype=pl.String)
    return frame.select(LOAD, POSITION).with_columns(
        pl.lit(source.name).alias("source"),
        texts.alias("key"),
        pl.Series("value", lines, dtype=pl.String),
    )


def _plain(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as JSON can hold it without loss: times as ISO 8601 text with microseconds."""
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    return pl.col(name)


def replay(
    log: Log,
    selection: Selection,
    taker: Taker,
    speed: float | None = None,
    told: Callable[[int, float], None] | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Sent:
    """Sends the selected events; Ctrl-C stops between two messages, and what was taken until then arrives.

    Args:
        log: where the events are.
        selection: which events, and where to.
        taker: takes them.
        speed: how many seconds of the log's clock pass in one second; None: as fast as they are taken.
        told: called now and then with the number of messages and the seconds so far.
        clock: seconds that only grow.

    Raises:
        NotReady: DS764, the messages are not taken.
    """
    topics = {source.name: topic for source, topic in selection.topics.items()}
    counts, pace, interrupted = dict.fromkeys(topics, 0), _Pace(speed, clock, taker), False
    begun = clock()
    try:
        for at, name, key, value in messages(log, selection):
            pace.reach(at)
            taker.send(topics[name], key, value, at)
            counts[name] += 1
            if told is not None and not sum(counts.values()) % 5_000:
                told(sum(counts.values()), clock() - begun)
    except KeyboardInterrupt:
        interrupted = True
    taker.finish(_LAST_WORDS_SECONDS)
    return Sent(counts, clock() - begun, _time(pace.first), _time(pace.top), round(pace.behind, 3), interrupted)


class _Pace:
    """Waits until the log's clock, at its speed, has come to an event."""

    def __init__(self, speed: float | None, clock: Callable[[], float], taker: Taker) -> None:
        self._speed, self._clock, self._taker = speed, clock, taker
        self._begun = 0.0
        self.first: int | None = None
        self.top: int | None = None
        self.behind = 0.0

    def reach(self, at: int) -> None:
        """Returns when the event at this time of the log is due."""
        if self.first is None or self.top is None:
            self.first = self.top = at
            self._begun = self._clock()
        self.top = max(self.top, at)
        if self._speed is None:
            return
        due = self._begun + (self.top - self.first) / 1_000_000 / self._speed
        left = due - self._clock()
        while left > 0:
            self._taker.wait(min(left, _NAP_SECONDS))
            left = due - self._clock()
        self.behind = max(self.behind, -left)


def _time(us: int | None) -> dt.datetime | None:
    return None if us is None else EPOCH + dt.timedelta(microseconds=us)
