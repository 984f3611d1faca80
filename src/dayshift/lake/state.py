r"""What an engine keeps between two runs, as bytes: written wholly or not at all, and never read when damaged.

    DAYSHIFT-STATE 1\n | header: JSON, one line | the bytes

The header holds the fingerprint, the load after which the state was taken, the length of the bytes and their hash. A
file that does not match its header is refused: a state half read would give smaller numbers, not fewer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from dayshift.diagnostics import NotReady
from dayshift.lake.faults import damaged, guarding
from dayshift.lake.files import new_token, sync
from dayshift.lake.place import Place, folder_name

MAGIC = b"DAYSHIFT-STATE 1\n"
KEPT = 3
_NAME = re.compile(r"(\d{12})-([0-9a-z_-]+)\.state")


class State:
    """The saved states of one pipeline; made by `Lake.state`."""

    def __init__(self, place: Place, pipeline: str) -> None:
        if place.path is None:
            raise NotReady(
                "DS414",
                f"a saved state needs a folder on this machine, and the lake lies at {place.uri}",
                facts=("without one, every run computes from all events",),
                hint="keep the lake on a local or mounted disk",
            )
        self._folder: Path = place.path
        self._pipeline = pipeline

    def save(self, fingerprint: str, load: int, blob: bytes) -> None:
        """Keep the state after a load; the newest three of each fingerprint stay.

        Raises:
            NotReady: DS404 or DS405, it could not be written; the states before are unchanged.
        """
        header = {"fingerprint": fingerprint, "load": load, "bytes": len(blob), "blake2b": _hash(blob)}
        path = self._folder / f"{load:012d}-{folder_name(fingerprint)}.state"
        temporary = self._folder / f".{path.name}.{new_token()}"
        with guarding(f"saving the state of '{self._pipeline}'", f"the state of '{self._pipeline}'"):
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.glob(".*.state.*"):
                old.unlink(missing_ok=True)
            try:
                _write(temporary, MAGIC + json.dumps(header).encode() + b"\n", blob)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
            sync(str(self._folder))
            for old in list(self._paths(fingerprint))[KEPT:]:
                old.unlink(missing_ok=True)

    def load(self, fingerprint: str, upto_load: int | None = None) -> tuple[int, bytes] | None:
        """The newest state of a fingerprint and the load after which it was taken; None when there is none.

        Args:
            fingerprint: whose state.
            upto_load: no state of a later load than this.

        Raises:
            NotReady: DS403, it is not as it was written. It is never read in part.
        """
        for path in self._paths(fingerprint):
            if upto_load is None or int(path.name[:12]) <= upto_load:
                return self._read(path, fingerprint)
        return None

    def forget(self, fingerprint: str) -> None:
        """Delete the states of a fingerprint; the next run computes from all events."""
        for path in list(self._paths(fingerprint)):
            path.unlink(missing_ok=True)

    def _paths(self, fingerprint: str) -> Iterator[Path]:
        """Newest first."""
        if self._folder.is_dir():
            wanted = folder_name(fingerprint)
            found = [path for path in self._folder.iterdir() if (m := _NAME.fullmatch(path.name)) and m[2] == wanted]
            yield from sorted(found, reverse=True)

    def _read(self, path: Path, fingerprint: str) -> tuple[int, bytes]:
        what = f"the saved state of pipeline '{self._pipeline}'"
        with guarding(f"reading {what}", what):
            content = path.read_bytes()
        try:
            if not content.startswith(MAGIC):
                raise ValueError("it does not begin as a state does")
            line, blob = content[len(MAGIC) :].split(b"\n", 1)
            header = json.loads(line)
            wanted = {
                "fingerprint": fingerprint,
                "load": int(path.name[:12]),
                "bytes": len(blob),
                "blake2b": _hash(blob),
            }
            wrong = [name for name, value in wanted.items() if header.get(name) != value]
            if wrong:
                raise ValueError(f"{', '.join(wrong)} differ from what its header says")
        except (ValueError, AttributeError) as error:
            raise damaged(
                what, f"file '{path}': {error}", "delete it: the next run computes from all events"
            ) from error
        return header["load"], blob


def _write(path: Path, *parts: bytes) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _hash(blob: bytes) -> str:
    return blake2b(blob, digest_size=16).hexdigest()
