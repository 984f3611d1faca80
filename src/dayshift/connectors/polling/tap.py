"""Folders and tables as one tap."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dayshift.connectors.contract import Origin
from dayshift.connectors.live import Arrived, Batch, Known, Outcome
from dayshift.connectors.opening import open_source
from dayshift.connectors.polling.folder import Folder
from dayshift.connectors.polling.piece import Look, Piece
from dayshift.connectors.polling.table import Table
from dayshift.connectors.polling.watch import CLOSE_SECONDS, Watch
from dayshift.connectors.retry import retry_of
from dayshift.definition.duration import parse_duration
from dayshift.definition.settings import Settings
from dayshift.definition.source import Source

_CHUNK_ROWS = 50_000


class PollingTap:
    """What comes new into the files, tables and queries of some sources.

    Args:
        sources: those of which the section in `settings` names `files`, `table` or `query`.
        settings: the whole dayshift.toml; `live.poll`, `ingest.chunk_rows`, `ingest.retries` and `ingest.backoff` count.
        root: the folder that paths start from.
        clock_us: the time now, microseconds since 1970; for what is told, and against cursors of the future.

    A batch holds the sources in the order of their names, each with its share of the records that are asked for, and
    what is left of it for whoever has more.

    Raises:
        DefinitionError, NotReady: as `open_source`.
    """

    def __init__(self, sources: Sequence[Source], settings: Settings, root: Path, clock_us: Callable[[], int]) -> None:
        rows = min(settings.ingest.chunk_rows, _CHUNK_ROWS)
        poll, pause = (parse_duration(one) / 1e6 for one in (settings.live.poll, settings.ingest.backoff))
        self.sources = tuple(sorted(source.name for source in sources))
        named = {source.name: source for source in sources}
        self._watches = [
            Watch(name, _look(named[name], settings, rows, root, clock_us), poll, pause, 2 * rows, clock_us)
            for name in self.sources
        ]

    def open(self, known: Mapping[str, Known], wake: Callable[[], None]) -> None:
        """Begins behind what is known; every source is looked at by a thread of its own.

        Raises:
            NotReady: DS301, a folder is absent; DS310 to DS315, a database cannot be reached or refuses.
            DefinitionError: DS316, a cursor cannot be used.
        """
        try:
            for watch in self._watches:
                watch.open(known.get(watch.source, Known()), wake)
        except BaseException:
            self.close()
            raise

    def take(self, most: int) -> Batch | None:
        """What has come, at most about `most` records.

        Raises:
            DayshiftError: DS303, DS307, DS310, DS316, DS342: a source that cannot be read as it is.
        """
        taken: list[tuple[str, Piece]] = []
        share = max(most // max(len(self._watches), 1), 1)
        for watch in self._watches:
            watch.check()
        for watch in self._watches:
            taken += ((watch.source, piece) for piece in watch.buffer.take(share))
        left = most - sum(piece.read for _, piece in taken)
        for watch in self._watches:
            if left > 0:
                more = list(watch.buffer.take(left))
                left -= sum(piece.read for piece in more)
                taken += ((watch.source, piece) for piece in more)
        return _batch(taken) if taken else None

    def keep(self, batch: Batch, outcomes: Sequence[Outcome]) -> None:
        """Nothing: cursors and origins are stored with the rows, and nobody waits."""

    @property
    def caught_up(self) -> bool:
        """Whether the last look at every source found nothing new, and nothing waits."""
        return all(watch.caught_up for watch in self._watches)

    def state(self) -> Mapping[str, Any]:
        """By source: records that wait, how far a table is read, what is being written, what is the matter and since when."""
        return {watch.source: watch.state() for watch in self._watches}

    def close(self) -> None:
        """Ends the threads; one that hangs in a database's driver is not waited for longer than five seconds."""
        for watch in self._watches:
            watch.stop()
        until = time.monotonic() + CLOSE_SECONDS
        for watch in self._watches:
            watch.join(max(until - time.monotonic(), 0))


def _look(source: Source, settings: Settings, rows: int, root: Path, clock_us: Callable[[], int]) -> Look:
    given = settings.sources[source.name]
    if given.files:
        return Folder(source.name, given, rows, root, parse_duration(settings.ingest.backoff) / 1e6)
    once = settings.ingest.model_copy(update={"chunk_rows": rows, "retries": 0})
    return Table(source.name, given, open_source(source, given, once, root), retry_of(settings.ingest), clock_us)


def _batch(taken: Sequence[tuple[str, Piece]]) -> Batch:
    """The pieces, those of one source side by side, with the last cursor and all origins of each."""
    arrived: list[Arrived] = []
    cursors: dict[str, str] = {}
    origins: dict[str, tuple[Origin, ...]] = {}
    for source, piece in sorted(taken, key=lambda one: one[0]):
        if piece.chunk is not None:
            arrived.append(Arrived(source, piece.chunk, stamps_us=None, ordered=False))
        if piece.after is not None:
            cursors[source] = piece.after
        if piece.origins:
            origins[source] = origins.get(source, ()) + piece.origins
    return Batch(tuple(arrived), cursors, origins)


__all__ = ["PollingTap"]
