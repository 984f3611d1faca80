"""What live connectors are: taps, from which events come as they happen, and sinks, into which answers go.

A tap collects on threads of its own, in bounded buffers, and hands over what has come when it is asked (`take`). It keeps
no state of its own between two lives: how far its sources were taken travels with the rows (`Batch.cursors`,
`Batch.origins`), is stored with them, and comes back at the next `open`. What was taken and never stored is taken again.

A sink takes rows in the order of the log, each call once and whole. It remembers, in the same transaction, the mark up to
which it has got them, so that after a crash whoever sends knows where to go on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dayshift.connectors.contract import Chunk, Origin


@dataclass(frozen=True)
class Arrived:
    """Some records of one source from one origin, in the order in which they came.

    `stamps_us`: for each row of `chunk.frame` when it became known, microseconds since 1970, never descending; None: as the
    source's contract says (its arrival column, else event time and delay). `ordered`: rows that became known at one time
    keep the order in which they came (a topic); otherwise they stand by (event time, key), as in a load of files.
    """

    source: str
    chunk: Chunk
    stamps_us: NDArray[np.int64] | None = None
    ordered: bool = True


@dataclass(frozen=True)
class Batch:
    """What a tap hands over at once.

    `cursors`: by source, the cursor after these rows, as a nightly reader of the same source stores it. `origins`: by
    source, what is read with these rows: files that came to their end, partitions with the number of rows taken here.
    """

    arrived: tuple[Arrived, ...]
    cursors: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """How many records it holds."""
        return sum(one.chunk.read for one in self.arrived)


@dataclass(frozen=True)
class Known:
    """How far a source has been taken: the origins of all its loads, and its last cursor."""

    manifest: tuple[Origin, ...] = ()
    cursor: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of the records of one `Arrived`: `held` are (record number, code, reason) of those in quarantine.

    `repeated` and `passed` are the record numbers of the duplicates and of the filtered: a tap that many senders share
    tells each of them its own.
    """

    loaded: int
    duplicates: int = 0
    filtered: int = 0
    held: tuple[tuple[int, str, str], ...] = ()
    repeated: tuple[int, ...] = ()
    passed: tuple[int, ...] = ()


@runtime_checkable
class Tap(Protocol):
    """Where events come from, live. All methods but `keep` are called from one thread."""

    sources: tuple[str, ...]

    def open(self, known: Mapping[str, Known], wake: Callable[[], None]) -> None:
        """Begins behind what is known of each source; calls `wake` (from any thread) when there is something to take.

        Raises:
            NotReady: the origin is absent or cannot be reached, after the retries that the settings ask for.
            Refused: what is there does not continue what is known.
        """

    def take(self, most: int) -> Batch | None:
        """At most about so many records that have come, in an order that is final; None when there are none. Never blocks.

        Raises:
            DayshiftError: the tap has come to an end that it cannot get over by itself.
        """

    def keep(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """The batch is on the disk, with an outcome for each `Arrived`; called in the order of taking, from any thread."""

    @property
    def caught_up(self) -> bool:
        """Whether everything that was there when it last looked has been taken."""

    def state(self) -> Mapping[str, Any]:
        """What a person should know, as plain values: lag by origin, what it waits for and since when."""

    def close(self) -> None:
        """Ends its threads; whoever waits for an answer is told that nothing more is taken."""


@dataclass(frozen=True, order=True)
class Mark:
    """How far a sink has got the rows: all of loads before `load`, and of this one those up to `position`."""

    load: int
    position: int


@runtime_checkable
class Sink(Protocol):
    """Where answers go, live."""

    def open(self) -> Mark | None:
        """The mark of the last call of `send` that took effect, in whatever process; None when there never was one.

        From here on a process that wrote to the same sink before cannot write any more.

        Raises:
            NotReady: it cannot be reached, or refuses.
        """

    def send(self, frame: pl.DataFrame, mark: Mark, stopped: Callable[[], bool]) -> bool:
        """Writes the rows and the mark, both or neither; tries again until it succeeds or `stopped()` is true.

        Returns:
            Whether they are written.

        Raises:
            Refused: another process has taken the sink over.
            NotReady: it refuses for good.
        """

    def state(self) -> Mapping[str, Any]:
        """What a person should know, as plain values: rows sent, what it waits for and since when."""

    def close(self) -> None:
        """Ends it; what was not written is not."""


__all__ = ["Arrived", "Batch", "Known", "Mark", "Outcome", "Sink", "Tap"]
