"""The door of a live run: a micro-batch of all sources comes in, events in the log's order come out.

    judge every chunk -> order the rows of a source -> repeated keys -> order the rows of all sources -> a place for each

The same contract, the same reasons, the same duplicates as a load of files, whatever the size of a micro-batch. Nothing
stops a stream: a chunk whose columns the settings would stop a load for is held row by row instead.

The place of an event (`_position`) is when it became known, in microseconds: its stamp, but never after the clock on the wall
and always after the event before it. So the log's order is the order of taking, without ties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from dayshift.connectors.contract import Chunk
from dayshift.connectors.live import Arrived, Outcome
from dayshift.diagnostics import NotReady
from dayshift.engines.contract import LOAD, POSITION
from dayshift.lifecycle.door.held import ROW
from dayshift.lifecycle.door.passing import LiveSource, Passed

BEGINNING = -(2**63) + 1


@dataclass
class Counted:
    """What became of a source's records: `read` is the sum of the others but `bytes`."""

    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicates: int = 0
    filtered: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Taken:
    """A micro-batch behind the door: events by source in the log's order, with `_load` and `_position`; rows to be held;
    counts by source; an outcome for each `Arrived`; and the last event's position."""

    events: Mapping[str, pl.DataFrame]
    held: pl.DataFrame
    counts: Mapping[str, Counted]
    outcomes: tuple[Outcome, ...] = field(default=())

    @property
    def rows(self) -> int:
        """How many events it holds."""
        return sum(frame.height for frame in self.events.values())


class LiveDoor:
    """The doors of all sources of a pipeline; begins behind the lake's last load.

    Args:
        sources: the door of each source, by name.

    Raises:
        NotReady: DS703, a float column has no grid yet.
    """

    def __init__(self, sources: Mapping[str, LiveSource]) -> None:
        self._sources = dict(sorted(sources.items()))
        _require_grids(self._sources)
        self.position = BEGINNING

    def take(self, arrived: Sequence[Arrived], load: int, now_us: int) -> Taken:
        """Judges, orders and places the records of a micro-batch.

        Args:
            arrived: in the order of taking.
            load: which load they will belong to.
            now_us: the clock on the wall, microseconds since 1970.
        """
        counts = {name: Counted() for name in dict.fromkeys(one.source for one in arrived)}
        held: list[pl.DataFrame] = []
        tallies = [_Tally() for _ in arrived]
        passed: dict[str, Passed] = {}
        for name, source in self._sources.items():
            mine = [(number, one) for number, one in enumerate(arrived) if one.source == name]
            if mine:
                passed[name] = source.take(mine)
                held += _account(passed[name], mine, tallies, counts[name])
        events = self._place(passed, load, now_us)
        rows = pl.concat(held) if held else pl.DataFrame(schema=ROW)
        return Taken(events, rows, counts, tuple(tally.outcome() for tally in tallies))

    def _place(self, passed: Mapping[str, Passed], load: int, now_us: int) -> dict[str, pl.DataFrame]:
        """Each source's events with their places; sources are merged by stamp, equal stamps by name."""
        found = {name: one for name, one in passed.items() if one.events.height}
        if not found:
            return {}
        stamps = np.concatenate([one.stamps for one in found.values()])
        order = np.argsort(stamps, kind="stable") if len(found) > 1 else np.arange(stamps.size)
        steps = np.arange(stamps.size)
        ranked = np.minimum(stamps[order], now_us) - steps
        ranked[0] = max(int(ranked[0]), self.position + 1)
        placed = np.empty_like(stamps)
        placed[order] = np.maximum.accumulate(ranked) + steps
        self.position = int(placed[order[-1]])
        parts = np.split(placed, np.cumsum([one.stamps.size for one in found.values()])[:-1])
        return {
            name: one.events.hstack([pl.Series(POSITION, part), pl.Series(LOAD, np.full(part.size, load))])
            for (name, one), part in zip(found.items(), parts, strict=True)
        }


@dataclass
class _Tally:
    """The outcome of one `Arrived`, as it becomes known."""

    loaded: int = 0
    repeated: list[int] = field(default_factory=list)
    passed: list[int] = field(default_factory=list)
    held: list[tuple[int, str, str]] = field(default_factory=list)

    def outcome(self) -> Outcome:
        counts = (self.loaded, len(self.repeated), len(self.passed))
        return Outcome(*counts, tuple(self.held), tuple(self.repeated), tuple(self.passed))


def _account(
    passed: Passed, mine: Sequence[tuple[int, Arrived]], tallies: Sequence[_Tally], counted: Counted
) -> list[pl.DataFrame]:
    """Adds what became of a source's records to the counts; gives the rows that are to be held."""
    loaded = np.bincount(passed.whose, minlength=len(mine))
    for at, (number, one) in enumerate(mine):
        tally = tallies[number]
        tally.loaded, tally.repeated, tally.passed = int(loaded[at]), passed.duplicates[at], passed.filtered[at]
        tally.held = list(passed.held[at].select("row", "code", "reason").iter_rows()) if passed.held[at].height else []
        counted.read += one.chunk.read
        counted.bytes += one.chunk.bytes
        counted.loaded += tally.loaded
        counted.filtered += len(tally.passed)
        counted.quarantined += passed.fresh[at].height
        counted.duplicates += len(tally.repeated) + len(tally.held) - passed.fresh[at].height
    return [
        _whole(frame, one.source, one.chunk) for frame, (_, one) in zip(passed.fresh, mine, strict=True) if frame.height
    ]


def _whole(frame: pl.DataFrame, source: str, chunk: Chunk) -> pl.DataFrame:
    return frame.with_columns_seq(pl.lit(source).alias("source"), pl.lit(chunk.origin).alias("origin")).select(*ROW)


def _require_grids(sources: Mapping[str, LiveSource]) -> None:
    for name, one in sources.items():
        if one.unmeasured:
            column = one.unmeasured[0]
            raise NotReady(
                "DS703",
                f"column '{column}' of source '{name}' has no grid yet, so a live run cannot begin with it",
                facts=("the grid of a float is measured on the first load of history, or declared",),
                hint="load some history with `dayshift run`, or declare it: "
                f'"{column}": ds.Column(float, bits=20)    # multiples of 2**-20',
            )


def plain_counts(counts: Mapping[str, Counted]) -> dict[str, Any]:
    """The counts as JSON's own kinds of values."""
    return {name: dict(vars(one)) for name, one in counts.items()}
