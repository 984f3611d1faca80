"""How a live run stands, for whoever asks from outside: a small file beside the journal, renewed every second.

Whether the run is alive says the lake's lock, not the file: after a crash it tells how things stood last.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayshift.lake.lake import LIVE

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

NAME = "status.json"
EVERY_SECONDS = 1.0


class StatusFile:
    """Writes what `read` gives, now and then, on a thread of its own. A full disk ends no run here: the journal says it."""

    def __init__(self, root: Path, read: Callable[[], dict[str, Any]]) -> None:
        self._path, self._read = root / LIVE / NAME, read
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dayshift-status", daemon=True)

    def begin(self) -> None:
        """Writes from now on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self.write()
        self._thread.start()

    def end(self) -> None:
        """Writes a last time."""
        self._stop.set()
        self._thread.join(EVERY_SECONDS)
        self.write()

    def write(self) -> None:
        """Writes now: wholly or not at all."""
        beside = self._path.with_suffix(".tmp")
        with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: a counter that grew while it was read
            beside.write_text(json.dumps(self._read(), default=_plain), encoding="utf-8")
            beside.replace(self._path)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self.write()


def read(root: Path | None) -> dict[str, Any] | None:
    """What the last live run wrote; None when there never was one, or nobody can read it."""
    if root is None:
        return None
    try:
        found: dict[str, Any] = json.loads((root / LIVE / NAME).read_text(encoding="utf-8"))
        going = found["state"] not in ("ended", "stopped")
    except (OSError, ValueError, TypeError, KeyError):
        return None
    found["alive"] = going and _alive(found.get("pid"))
    return found


def is_alive(project: Project) -> bool:
    """Whether a live run of this lake is up."""
    found = read(project.lake.root.path)
    return found is not None and bool(found["alive"])


def _alive(pid: Any) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # ours would be of the same user
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return True  # no such place on this system: the number must do
    return b"live" in command


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)
