"""A file's bytes, decompressed on the way, hashed as they are stored.

The hash is taken of the very bytes that the rows came of, in the same pass: a file that changes while it is read is
noticed, not loaded under a wrong name.
"""

import gzip
import hashlib
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from dayshift.connectors.contract import Origin
from dayshift.diagnostics import NotReady

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_BLOCK = 1 << 20
_TICK_NS = 2_000_000_000  # the coarsest clock of a file system, FAT's


class HashedFile(io.RawIOBase):
    """A file opened for reading that counts and hashes what is read of it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._hash = hashlib.sha256()
        self._path = path
        self._before = self._stamp()
        self.count = 0

    def _stamp(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_size, stamp_of(found)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, as `io.RawIOBase` says."""
        got = self._file.readinto(buffer) or 0
        if got:
            self._hash.update(memoryview(buffer)[:got])
            self.count += got
        return got

    def finish(self, name: str, rows: int) -> Origin:
        """The file as it was read to its end.

        Raises:
            NotReady: DS305, somebody wrote to it meanwhile.
        """
        while self.read(_BLOCK):
            pass
        if self._stamp() != self._before or self.count != self._before[0]:
            raise changed(
                name, (f"it had {self._before[0]:,} bytes, now it has {self._stamp()[0]:,}", "nothing of it was loaded")
            )
        return Origin(name, self.count, self._hash.hexdigest(), rows, settled(self._before[1]))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()
        super().close()


def changed(name: str, facts: tuple[str, ...]) -> NotReady:
    """What is said of a file to which somebody writes."""
    return NotReady(
        "DS305",
        f"file '{name}' changed while it was read",
        facts=facts,
        hint="write files under another name and rename them when they are complete, then run again",
    )


def stamp_of(found: os.stat_result) -> int:
    """When a file or its name, times and rights were last changed, nanoseconds; whoever writes cannot set it back."""
    return max(found.st_mtime_ns, found.st_ctime_ns)


def settled(stamp: int) -> int:
    """The stamp, if it lies so far back that a later change must have another one; else 0. No answer depends on it."""
    return stamp if time.time_ns() - stamp > _TICK_NS else 0  # noqa: TID251


def sha256_of(path: Path) -> str:
    """The hash of a file's content as stored, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compression_of(path: Path) -> str | None:
    """The compression, "gzip" or "zstd", by the file's first bytes; None when plain: a name proves nothing."""
    with path.open("rb") as file:
        head = file.read(4)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], HashedFile]]:
    """The decompressed bytes, and the file under them.

    Raises:
        NotReady: DS303, zstd is not installed; DS304, the compressed bytes are damaged.
    """
    with HashedFile(path) as raw:
        kind = compression_of(path)
        plain: IO[bytes] = io.BufferedReader(raw, _BLOCK)
        if kind == "gzip":
            plain = cast(IO[bytes], gzip.GzipFile(fileobj=plain, mode="rb"))
        elif kind == "zstd":
            plain = _zstd(plain, path)
        try:
            yield plain, raw
        except (EOFError, gzip.BadGzipFile) as error:
            raise _damaged(path, kind, error) from error
        except OSError as error:
            if kind is None or error.errno is not None:
                raise
            raise _damaged(path, kind, error) from error
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise _damaged(path, kind, error) from error
            raise


def _zstd(file: IO[bytes], path: Path) -> IO[bytes]:
    try:
        import pyarrow as pa
    except ImportError:
        raise NotReady(
            "DS303",
            f"file '{path.name}' is compressed with zstd, which needs pyarrow",
            hint="pip install 'dayshift[zstd]'",
        ) from None
    stream: IO[bytes] = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    return stream


def _damaged(path: Path, kind: str | None, error: Exception) -> NotReady:
    return NotReady(
        "DS304",
        f"file '{path.name}' is damaged: its {kind} bytes cannot be decompressed",
        facts=(str(error) or type(error).__name__, "nothing of it was loaded"),
        hint=f"{'gzip' if kind == 'gzip' else 'zstd'} -t {path}",
    )
