"""One writer at a time on one machine.

The lock is an advisory `flock` on `lake.lock`, held by the operating system: it ends with the process however that
ends, so there is no stale lock to remove. The file's text (pid, host, and the command when the program is `dayshift`)
serves only the message of whoever is refused. Across machines an object store has no such lock; there the claim of each
load (load.py) makes the last one that began win and stops the other at its commit.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dayshift.diagnostics import NotReady
from dayshift.lake.faults import guarding

_held: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """The lock of one `Lake` object; it may be taken several times by its owner, and is free after as many releases."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._depth = 0

    @property
    def held(self) -> bool:
        """Whether this object holds the lock now."""
        return self._file is not None

    def take(self) -> None:
        """Hold the lock.

        Raises:
            NotReady: DS401, somebody else holds it.
        """
        if self._file is None:
            self._file = self._open()
            _held.add(self)
        self._depth += 1

    def release(self) -> None:
        """Undo one `take`; without one, nothing happens."""
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)  # a child that was forked a moment ago may still have the file open
            self.drop()

    def drop(self) -> None:
        """Let go of the file, whatever the depth, as the end of the process would."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._depth = None, 0

    def _open(self) -> int:
        with guarding("taking the lock of the lake", f"the lock '{self._path}'"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, 4096).decode("utf-8", "replace")
            os.close(file)
            raise self._refusal(holder) from error
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(_ourselves(sys.argv)).encode(), 0)
        return file

    def _refusal(self, text: str) -> NotReady:
        try:
            holder = json.loads(text)
            who, hint = _told(int(holder["pid"]), str(holder["host"]), holder.get("command"))
        except (AttributeError, ValueError, KeyError, TypeError):
            who, hint = "another process", "wait until it has ended, then run the same command again"
        return NotReady("DS401", f"{who} is writing to the lake", facts=(f"lock: {self._path}",), hint=hint)


def _ourselves(argv: Sequence[str]) -> dict[str, Any]:
    """What the file says of the holder; a program of somebody else's has no command of ours.

    >>> _ourselves(["/srv/venv/bin/dayshift", "live", "-C", "shop"])["command"]
    'live'
    >>> "command" in _ourselves(["/srv/jobs/nightly.py", "live"])
    False
    """
    mine = {"pid": os.getpid(), "host": socket.gethostname()}
    program = Path(argv[0]) if argv else Path()
    is_ours = program.name == "dayshift" or program.parts[-2:] == ("dayshift", "__main__.py")
    return {**mine, "command": argv[1]} if is_ours and len(argv) > 1 and not argv[1].startswith("-") else mine


def _told(pid: int, host: str, command: object) -> tuple[str, str]:
    """Who holds it, and what can be done.

    >>> _told(4711, "build7", "live")
    ('process 4711 on build7 (dayshift live)', 'kill -TERM 4711    # it ends in order')
    """
    what = f" (dayshift {command})" if command else ""
    end = (
        f"kill -TERM {pid}    # it ends in order"
        if command == "live"
        else f"wait for it, or look what it is: ps -p {pid}"
    )
    return f"process {pid} on {host}{what}", end


def _after_fork() -> None:
    for lock in list(_held):
        lock.drop()


os.register_at_fork(after_in_child=_after_fork)
