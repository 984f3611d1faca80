"""A watched folder: files are taken when they are complete, one after the other, in the order of their names.

A file is complete when two looks, one `poll` apart, see the same size and time of change. So a file that is written
beside its place and renamed is taken at the second look; one that is being written is left alone until it lies still.
The rows of a file that needs more than one chunk are handed over with a cursor (`files/half.py`), so that a run that was
killed goes on in its middle; its last rows come with its origin, once its hash is known and nobody has written to it.

A file that cannot be read (damaged, forbidden) is tried again after growing pauses, or as soon as it changes, and holds
up no other. One that vanished half read holds up nothing either, for it may never come back; it is told as waited for.
"""

import glob
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dayshift.connectors.contract import Chunk
from dayshift.connectors.files.half import Half
from dayshift.connectors.files.known import KnownFiles
from dayshift.connectors.files.reader import FilesReader
from dayshift.connectors.files.stream import settled, sha256_of, stamp_of
from dayshift.connectors.live import Known
from dayshift.connectors.polling.piece import Piece
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import NotReady

_LONGEST_PAUSE = 60.0
_SHOWN = 8
Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds."""


@dataclass(frozen=True)
class _Trouble:
    """A file that could not be read when it had this stamp; it is tried again at `until`, seconds of the monotonic clock."""

    stamp: Stamp
    error: str
    pause: float
    until: float


class Folder:
    """What is new in the files of one source.

    Args:
        source: its name.
        settings: its section of dayshift.toml.
        chunk_rows: how many rows are read at once.
        root: the folder that paths start from.
        pause: the wait in seconds after the first failure of a file; it doubles up to a minute.
    """

    def __init__(self, source: str, settings: SourceSettings, chunk_rows: int, root: Path, pause: float = 1.0) -> None:
        self._source, self._settings, self._root, self._pause = source, settings, root, pause
        self._reader = FilesReader(source, settings, chunk_rows, root)
        self._known = KnownFiles()
        self._half: Half | None = None
        self._before: dict[Path, Stamp] = {}
        self._done: dict[Path, Stamp] = {}
        self._troubles: dict[Path, _Trouble] = {}
        self._moving: Sequence[Path] = ()
        self._begun: dict[str, Half] = {}
        self._gone: Sequence[Half] = ()

    def begin(self, known: Known) -> None:
        """Begins behind the files that are known.

        Raises:
            NotReady: DS301, the folder is absent.
        """
        self._known, self._half = KnownFiles(known.manifest), Half.parse(known.cursor)
        self._begun = {} if self._half is None else {self._half.file: self._half}
        self._check_folders()

    def look(self) -> Iterator[Piece]:
        """The rows of the files that have become complete.

        Raises:
            NotReady: DS301, the folder has vanished; DS303, zstd is not installed.
            DefinitionError: DS307, the format of a file is not known.
        """
        self._check_folders()
        now = {path: stamp for path in self._reader.listing() if (stamp := _stamp(path)) is not None}
        fresh = [path for path, stamp in now.items() if self._done.get(path) != stamp]
        calm = [path for path in fresh if self._before.get(path) == now[path]]
        self._moving = [path for path in fresh if self._before.get(path) != now[path]]
        self._before = now
        for gone in (set(self._done) | set(self._troubles)) - set(now):
            self._done.pop(gone, None)
            self._troubles.pop(gone, None)
        self._gone = self._vanished(now, {now[path][0] for path in fresh})
        for path in sorted(calm, key=self._turn):
            if not self._waits(path, now[path]):
                yield from self._tried(path, now[path])

    @property
    def quiet(self) -> bool:
        """Whether no file is being written, and none waits to be tried again; one that is gone is not waited for here."""
        return not self._moving and not self._troubles

    def state(self) -> Mapping[str, Any]:
        """The files that are still changing, those that could not be read, and those that vanished half read."""
        moving, troubles, gone = list(self._moving), dict(self._troubles), self._gone
        told: dict[str, Any] = {}
        if moving:
            told["being_written"] = [self._reader.name(path) for path in moving[:_SHOWN]]
        if troubles:
            shown = list(troubles.items())[:_SHOWN]
            told["unreadable"] = {self._reader.name(path): trouble.error for path, trouble in shown}
        if gone:
            told["waiting"] = [
                f"'{half.file}' was read up to record {half.rows:,} and is gone: put it back, or the rest never comes"
                for half in gone[:_SHOWN]
            ]
        return told

    def _vanished(self, now: Mapping[Path, Stamp], fresh: Collection[int]) -> Sequence[Half]:
        """The files that were begun, are not there and were not ended under another name; `fresh` are sizes of new ones."""
        self._begun = {name: half for name, half in self._begun.items() if half.sha256 not in self._known.hashes}
        if not self._begun:
            return ()
        names = {self._reader.name(path) for path in now}
        return [half for name, half in self._begun.items() if name not in names and half.size not in fresh]

    def _turn(self, path: Path) -> tuple[bool, bool, str]:
        """A file that was begun is read to its end before any other, for there is one cursor."""
        half = self._half
        if half is None:
            return False, False, str(path)
        return self._reader.name(path) != half.file, self._before[path][0] != half.size, str(path)

    def _waits(self, path: Path, stamp: Stamp) -> bool:
        trouble = self._troubles.get(path)
        return trouble is not None and trouble.stamp == stamp and time.monotonic() < trouble.until

    def _tried(self, path: Path, stamp: Stamp) -> Iterator[Piece]:
        try:
            yield from self._one(path, stamp)
        except (NotReady, OSError) as error:
            if isinstance(error, NotReady) and error.problems[0].code == "DS303":
                raise
            before = self._troubles.get(path)
            pause = min(before.pause * 2, _LONGEST_PAUSE) if before and before.stamp == stamp else self._pause
            self._troubles[path] = _Trouble(stamp, str(error), pause, time.monotonic() + pause)
        else:
            self._troubles.pop(path, None)

    def _one(self, path: Path, stamp: Stamp) -> Iterator[Piece]:
        plan = self._reader.plan_of([path], self._known, self._half)
        if plan.origins:
            yield from self._pieces(path, plan.origins[0].sha256, self._reader.chunks(plan))
        if settled(stamp[1]):
            self._done[path] = stamp

    def _pieces(self, path: Path, digest: str, chunks: Iterator[Chunk]) -> Iterator[Piece]:
        name, held = self._reader.name(path), None
        for chunk in chunks:
            if held is not None:
                digest = digest or sha256_of(path)
                yield self._part(held, Half(name, path.stat().st_size, digest, 0, self._reader.how(name)))
            held = chunk
        origin = self._reader.bookmark().origins[0]
        self._known.add(origin)
        self._begun.pop(name, None)
        begun = Half(name, origin.size, origin.sha256, 0, self._reader.how(name))
        yield Piece(held, None, (origin,), lambda number: replace(begun, rows=number).text)

    def _part(self, chunk: Chunk, begun: Half) -> Piece:
        """A piece behind which more of its file follows; a reading that fails there is taken up again behind it."""
        last = max([0, *chunk.rows.tail(1), *chunk.rejects["row"].tail(1)])
        self._half = self._begun[begun.file] = replace(begun, rows=last)
        return Piece(chunk, self._half.text, (), lambda number: replace(begun, rows=number).text)

    def _check_folders(self) -> None:
        given = self._settings.files or []
        for pattern in [given] if isinstance(given, str) else given:
            folder = _fixed(self._root, pattern)
            if not folder.is_dir():
                raise NotReady(
                    "DS301",
                    f"source '{self._source}': the folder of '{pattern}' is not there",
                    facts=(f"looked for {folder}",),
                    hint=f"mkdir -p {folder}",
                )


def _stamp(path: Path) -> Stamp | None:
    """Size and time of change; None when the file is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, stamp_of(found)


def _fixed(root: Path, pattern: str) -> Path:
    """The folder that a pattern starts from."""
    parts = Path(pattern).parent.parts
    wild = next((at for at, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return root.joinpath(*parts[:wild])


__all__ = ["Folder"]
