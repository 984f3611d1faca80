"""What happens to a micro-batch once it is answered: first it is on the disk, then others are told.

journal (one fdatasync)  ->  taps: whoever waits for it may go on  ->  outputs: one transaction each
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dayshift.connectors.live import Batch, Mark, Outcome, Sink, Tap
from dayshift.engines.contract import LOAD, POSITION
from dayshift.lake.journal import Entry, Journal
from dayshift.lifecycle.settle import FEATURES, HELD, PREDICTIONS

CONTENT: Mapping[str, str] = {"predictions": PREDICTIONS, "features": FEATURES, "quarantine": HELD}
"""What an output may be asked to hold, and the table of an entry with it."""


@dataclass(frozen=True)
class Answered:
    """A micro-batch with its answers: what the journal keeps of it, and who waits for that."""

    load: int
    entry: Entry
    kept: tuple[tuple[Tap, Batch, tuple[Outcome, ...]], ...] = ()


@dataclass(frozen=True)
class Roll:
    """The load ends here; `save` gives the state behind it when one is to be saved."""

    load: int
    save: Callable[[], bytes] | None = None


@dataclass
class Output:
    """One `[live.outputs.NAME]`: a sink, what goes into it, and the mark up to which it has acknowledged its rows."""

    name: str
    content: str
    sink: Sink
    ended: bool = False
    rows: int = 0
    mark: Mark | None = None

    def send(self, frame: pl.DataFrame, mark: Mark, stopped: Callable[[], bool]) -> None:
        """Sends rows; once they are not taken it has `ended`: what follows must not overtake them, the next run sends both."""
        self.ended = not self.sink.send(frame, mark, stopped)
        if not self.ended:
            self.rows, self.mark = self.rows + frame.height, mark


@dataclass
class Spent:
    """Seconds spent by this part, for the status."""

    journal: float = 0.0
    outputs: float = 0.0
    journal_bytes: int = 0


class Outputs:
    """Does the works of the output thread.

    Args:
        journal: where micro-batches are kept until they are a load.
        outputs: who gets rows.
        ended: takes the entries of a load that has ended, with its number and how to get the state.
        stopped: whether to stop waiting for what cannot be reached.
    """

    def __init__(
        self,
        journal: Journal,
        outputs: Sequence[Output],
        ended: Callable[[int, list[Entry], Callable[[], bytes] | None], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._journal, self._outputs, self._ended, self._stopped = journal, outputs, ended, stopped
        self._entries: list[Entry] = []
        self._held = (0, 0)
        self.spent = Spent()

    def __call__(self, works: Sequence[Answered | Roll]) -> None:
        """Does these works in order; micro-batches that wait together share a flush and a transaction."""
        together: list[Answered] = []
        for work in works:
            if isinstance(work, Answered):
                together.append(work)
                continue
            self._tell(together)
            together = []
            self._ended(work.load, self._entries, work.save)
            self._entries = []
        self._tell(together)

    def _tell(self, works: Sequence[Answered]) -> None:
        if not works:
            return
        begun = time.perf_counter()
        self.spent.journal_bytes += self._journal.append_all(works[0].load, [work.entry for work in works])
        self._entries += [work.entry for work in works]
        self.spent.journal += time.perf_counter() - begun
        for work in works:
            for tap, batch, outcomes in work.kept:
                tap.keep(batch, outcomes)
        begun = time.perf_counter()
        for output in self._outputs:
            self._send(output, works)
        self.spent.outputs += time.perf_counter() - begun

    def _send(self, output: Output, works: Sequence[Answered]) -> None:
        name = CONTENT[output.content]
        frames = [work.entry.frames[name] for work in works if name in work.entry.frames]
        if not frames or output.ended:
            return
        frame = pl.concat(frames, how="diagonal_relaxed")
        load = works[0].load
        frame = self._numbered(frame, load) if name == HELD else frame
        output.send(frame, Mark(load, int(frame[POSITION][-1])), self._stopped)

    def _numbered(self, held: pl.DataFrame, load: int) -> pl.DataFrame:
        """Held rows with a place in their load: they have no other."""
        before = self._held[1] if self._held[0] == load else 0
        self._held = load, before + held.height
        return held.with_columns(
            pl.lit(load, pl.Int64).alias(LOAD),
            pl.int_range(before + 1, before + held.height + 1, dtype=pl.Int64).alias(POSITION),
        )

    def state(self) -> dict[str, Any]:
        """Each output's state, as plain values."""
        return {
            one.name: {"content": one.content, "rows": one.rows, "lacks_rows": one.ended, **one.sink.state()}
            for one in self._outputs
        }
