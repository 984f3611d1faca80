"""A tap and a sink held in memory, which outlive the run as a topic does: for tests of everything between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from dayshift.connectors.contract import Chunk
from dayshift.connectors.live import Arrived, Batch, Known, Mark, Outcome
from dayshift.diagnostics import NotReady

Record = tuple[str, int, Mapping[str, str | None]]
"""Source, stamp (microseconds), and the row's texts."""


@dataclass
class Feed:
    """Records of several sources in their final order; each source's cursor counts its records."""

    records: list[Record]
    sizes: Callable[[], int] = lambda: 3
    limit: int | None = None
    sources: tuple[str, ...] = ()
    kept: list[int] = field(default_factory=list)
    _at: int = 0

    def __post_init__(self) -> None:
        self.sources = tuple(sorted({source for source, _, _ in self.records}))

    def open(self, known: Mapping[str, Known], wake: Callable[[], None]) -> None:
        """Begins behind the number of records that the cursors tell."""
        left = {name: int(known[name].cursor or 0) for name in self.sources}
        self._at = 0
        for source, _, _ in self.records:
            if not left[source]:
                break
            left[source] -= 1
            self._at += 1
        assert not any(left.values()), "the cursors do not stand at one place of the feed"

    def take(self, most: int) -> Batch | None:
        """The next few records."""
        end = len(self.records) if self.limit is None else min(self.limit, len(self.records))
        some = self.records[self._at : min(end, self._at + min(most, max(1, self.sizes())))]
        if not some:
            return None
        self._at += len(some)
        arrived = []
        at = 0
        while at < len(some):  # runs of one source, as a merged topic hands them over
            until = at
            while until < len(some) and some[until][0] == some[at][0]:
                until += 1
            arrived.append(_arrived(some[at:until], self._at - len(some) + at))
            at = until
        taken = self.records[: self._at]
        cursors = {name: str(sum(one[0] == name for one in taken)) for name in {one[0] for one in some}}
        return Batch(tuple(arrived), cursors)

    def keep(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Counts what is on the disk."""
        assert len(outcomes) == len(batch.arrived)
        self.kept.append(batch.read)

    @property
    def caught_up(self) -> bool:
        """Whether everything was taken."""
        return self._at >= (len(self.records) if self.limit is None else min(self.limit, len(self.records)))

    def state(self) -> Mapping[str, Any]:
        """How many records are left."""
        return {"lag": len(self.records) - self._at}

    def close(self) -> None:
        """Nothing to end."""


def _arrived(some: Sequence[Record], first: int) -> Arrived:
    rows = [dict(row) for _, _, row in some]
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame({n: [row.get(n) for row in rows] for n in names}, schema=dict.fromkeys(names, pl.String))
    numbers = pl.int_range(first, first + len(rows), eager=True).alias("row")
    stamps = np.maximum.accumulate(np.array([stamp for _, stamp, _ in some], np.int64))
    return Arrived(some[0][0], Chunk(frame, "feed", numbers, sparse=True), stamps)


@dataclass
class Shelf:
    """A sink that keeps rows and mark together, as a transaction does."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    mark: Mark | None = None
    refuses_after: int | None = None
    gone: bool = False

    def open(self) -> Mark | None:
        """The mark."""
        return self.mark

    def send(self, frame: pl.DataFrame, mark: Mark, stopped: Callable[[], bool]) -> bool:
        """Keeps rows and mark, unless it is out of reach."""
        if self.gone and frame.height:
            raise NotReady("DS331", "the shelf is gone")
        if self.refuses_after is not None and len(self.rows) >= self.refuses_after:
            return False
        assert self.mark is None or mark > self.mark
        self.rows += json.loads(frame.write_json()) if frame.height else []
        self.mark = mark
        return True

    def state(self) -> Mapping[str, Any]:
        """How many rows it has."""
        return {"sent": len(self.rows)}

    def close(self) -> None:
        """Nothing to end."""
