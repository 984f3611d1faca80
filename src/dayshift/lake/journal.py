r"""The journal: what a live run has taken and answered, on the disk before anybody is told of it.

A load of the lake is a commit of several tables, too dear for every micro-batch. So a micro-batch becomes one record of an
append-only file, made durable by one `fdatasync`; every few seconds the records of a file become a load, and the file goes.

    lake/live/<load>.journal      the micro-batches that load <load> will hold
    DAYSHIFT-JOURNAL 1\n  | record | record | ...
    record:  length of the body (u64) · CRC-32 of the body (u32) · CRC-32 of these twelve bytes (u32) · body
    body:    length of the header (u32) · header (JSON: what was counted, and the frames' names and sizes) · Arrow streams

A record that is cut short at the end of a file was never acknowledged: it is passed over. But nobody can tell it from one that the
disk has lost since; so a file with such an end is put aside, never deleted. Anything else that does not match its checksum is
damage, and refused.
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from dayshift.lake.faults import damaged, guarding
from dayshift.lake.files import sync

MAGIC = b"DAYSHIFT-JOURNAL 1\n"
SUFFIX = ".journal"
_NAME = re.compile(r"(\d{12})\.journal")
_HEAD = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
TORN = ".torn"
_LENGTH = struct.Struct("<I")
KEPT_BYTES = 32 << 20


@dataclass(frozen=True)
class Entry:
    """One micro-batch: tables by name, and what else is to be known of it, as JSON's own kinds of values."""

    frames: Mapping[str, pl.DataFrame]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The body of a record.

        >>> entry = Entry({"events/a": pl.DataFrame({"x": [1, None]})}, {"clock_us": 5})
        >>> Entry.from_bytes(entry.to_bytes()).frames["events/a"]["x"].to_list()
        [1, None]
        """
        buffer = io.BytesIO()
        return self.pack(buffer) + buffer.getvalue()

    def pack(self, buffer: io.BytesIO) -> bytes:
        """Writes the frames into a buffer, from its beginning to where it stands then; gives what a body has before them."""
        buffer.seek(0)
        ends = [0]
        for frame in self.frames.values():
            _pack(frame, buffer)
            ends.append(buffer.tell())
        sizes = [end - start for start, end in pairwise(ends)]
        text = json.dumps({"about": self.about, "frames": list(self.frames), "sizes": sizes}).encode()
        return _LENGTH.pack(len(text)) + text

    @staticmethod
    def from_bytes(body: bytes) -> Entry:
        """The entry of such a body."""
        (size,) = _LENGTH.unpack_from(body)
        at = _LENGTH.size + size
        header = json.loads(body[_LENGTH.size : at])
        frames = {}
        for name, length in zip(header["frames"], header["sizes"], strict=True):
            frames[name] = pl.read_ipc_stream(io.BytesIO(body[at : at + length]))
            at += length
        return Entry(frames, header["about"])


class Journal:
    """The journal in a folder; only the holder of the lake's lock writes to it.

    >>> import tempfile
    >>> journal = Journal(Path(tempfile.mkdtemp()) / "live")
    >>> _ = journal.append(7, Entry({"events/a": pl.DataFrame({"x": [1]})}))
    >>> journal.loads, [entry.frames["events/a"]["x"].to_list() for entry in journal.read(7)]
    ([7], [[1]])
    >>> journal.forget(7)
    >>> journal.loads
    []
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: tuple[int, int] | None = None
        self._buffer = io.BytesIO()

    @property
    def loads(self) -> list[int]:
        """The loads of which there are records, ascending."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted(int(match[1]) for path in found if (match := _NAME.fullmatch(path.name)))

    def append(self, load: int, entry: Entry) -> int:
        """Adds a record and makes it durable; its size in bytes. Errors as `append_all`."""
        return self.append_all(load, [entry])

    def append_all(self, load: int, entries: Sequence[Entry]) -> int:
        """Adds records and makes them durable, all of them by one flush; their size in bytes.

        Raises:
            NotReady: DS404 or DS405, there is no room or no right to write. None of them is then there.
        """
        with guarding("writing the journal of the live run", "the journal of the live run"):
            file = self._file(load)
            end = os.lseek(file, 0, os.SEEK_END)
            try:
                for entry in entries:
                    self._put(file, entry)
                os.fdatasync(file)
            except BaseException:
                self._buffer = io.BytesIO()  # the error may still look at the old one
                os.ftruncate(file, end)
                raise
            return os.lseek(file, 0, os.SEEK_END) - end

    def _put(self, file: int, entry: Entry) -> None:
        """Writes a record. Its frames go into memory that was used before: fresh memory takes longer than they do."""
        first = entry.pack(self._buffer)
        size = self._buffer.tell()
        with self._buffer.getbuffer() as whole, whole[:size] as frames:
            head = _HEAD.pack(len(first) + size, zlib.crc32(frames, zlib.crc32(first)))
            _write(file, head + _CHECK.pack(zlib.crc32(head)), first, frames)
        if size > KEPT_BYTES:
            self._buffer = io.BytesIO()

    def read(self, load: int) -> Iterator[Entry]:
        """The records of a load, in the order of writing.

        Raises:
            NotReady: DS403, the file is damaged.
        """
        path = self._path(load)
        with guarding("reading the journal of the live run", f"file '{path}'"):
            for body in _bodies(path):
                yield Entry.from_bytes(body)

    def put_aside(self, load: int) -> int:
        """Renames the file of a load whose end is not whole, so that it can be looked at; how many bytes are not."""
        path = self._path(load)
        with guarding("reading the journal of the live run", f"file '{path}'"):
            torn = path.stat().st_size - _whole(path)
            if torn:
                path.replace(path.with_name(path.name + TORN))
        return torn

    def forget(self, upto_load: int) -> None:
        """Deletes the records of all loads up to this one."""
        for load in self.loads:
            if load <= upto_load:
                if self._open is not None and self._open[0] == load:
                    self.close()
                self._path(load).unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the open file."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _file(self, load: int) -> int:
        if self._open is not None and self._open[0] == load:
            return self._open[1]
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(load)
        whole = _whole(path) if path.exists() else 0
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(file, whole)
            if not whole:
                _write(file, MAGIC)
            sync(str(self._folder))
        except BaseException:
            os.close(file)
            raise
        self._open = load, file
        return file

    def _path(self, load: int) -> Path:
        return self._folder / f"{load:012d}{SUFFIX}"


def _whole(path: Path) -> int:
    """How many bytes of a file are whole records; 0 when not even its first line is there."""
    size = sum(_HEAD.size + _CHECK.size + len(body) for body in _bodies(path))
    return size + len(MAGIC) if path.stat().st_size >= len(MAGIC) else 0


def _bodies(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(len(MAGIC))
        if start != MAGIC:
            if MAGIC.startswith(start):
                return  # it was cut short when it was made
            raise damaged(f"file '{path}'", "it does not begin as a journal does")
        while file.tell() < size:
            at = file.tell()
            head, check = file.read(_HEAD.size), file.read(_CHECK.size)
            if len(check) < _CHECK.size:
                return
            length, checksum = _HEAD.unpack(head)
            if _CHECK.unpack(check)[0] != zlib.crc32(head):
                file.seek(at)
                if any(file.read()):
                    raise damaged(f"file '{path}'", f"the record at byte {at} does not say how long it is")
                return  # room that the disk had given and not filled
            body = file.read(length)
            if len(body) < length:
                return
            if zlib.crc32(body) == checksum:
                yield body
            elif file.tell() == size:
                return  # the last record, whose blocks the disk had not all written
            else:
                raise damaged(f"file '{path}'", f"the record at byte {at} does not match its checksum")


def _write(file: int, *parts: bytes | memoryview) -> None:
    """Writes parts one behind the other, however little the system takes at a time."""
    rest = [memoryview(part) for part in parts if len(part)]
    while rest:
        taken = os.writev(file, rest)
        while rest and taken >= len(rest[0]):
            taken -= len(rest.pop(0))
        if taken:
            rest[0] = rest[0][taken:]


def _pack(frame: pl.DataFrame, buffer: io.BytesIO) -> None:
    # A frame is locked while it is written, and writing into Python's memory needs the interpreter: a thread that holds the
    # interpreter and reads the same frame would wait for ever. A clone has a lock of its own, and the same memory.
    frame.clone().write_ipc_stream(buffer, compression="uncompressed")
