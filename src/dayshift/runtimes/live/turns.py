"""Whose turn it is in the process of a live run: which thread goes on, which may wait, and when garbage is collected."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

TURN_SECONDS = 0.0005
COLLECTIONS = 100_000, 20, 100
"""Objects that are new, and how many such collections make one of the next generation (`gc.set_threshold`)."""
YIELDING = 10
"""The niceness of threads and processes that may wait: about a tenth of what another gets while both have something to do."""
POOL = "POLARS_MAX_THREADS"
SPARE_THREADS = 4
_POOLS = (b"polars", b"async-executor", b"tokio")
_TASKS = Path("/proc/self/task")


def spare_threads() -> None:
    """Gives Polars some more threads than there are processors, unless somebody said how many, or Polars is there already.

    All threads of the run share one pool. A load is encoded by as many of it as there are, some milliseconds at a time, and the small steps
    of a micro-batch would wait for one of them to be free.
    """
    if "polars" not in sys.modules:
        os.environ.setdefault(POOL, str((os.cpu_count() or 1) + SPARE_THREADS))


def yielding(process: int) -> None:
    """Makes a process that was just begun yield to others; its threads begin with its priority."""
    with suppress(OSError):  # it has ended
        os.setpriority(os.PRIO_PROCESS, process, YIELDING)


@contextmanager
def quick_turns() -> Iterator[None]:
    """The interpreter goes from thread to thread ten times as often as it does by itself.

    The loop gives it up for every step that Polars does, a dozen in a micro-batch, and would wait up to five milliseconds each
    time for a thread that encodes or decodes rows.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Python looks for unreachable cycles a hundred times more rarely, and not among what was there before.

    A micro-batch makes thousands of messages and rows, all of them gone soon and none in a cycle. Every seven hundred of them make it
    look through the latest, and now and then through everything that is imported, while no other thread can run: more than a
    microsecond for every message that is fetched.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class Priorities:
    """Makes the threads that write to the lake yield to those that answer, and gives them back what they had.

    A load is written by Polars' and Delta's own threads, one a core. Where the cores are few they would take half of each from the
    loop for as long as that takes. Linux gives every thread a priority of its own; other systems have none to give.
    """

    def __init__(self) -> None:
        self._before: dict[int, int] = {}

    def lower(self) -> None:
        """Makes the pools' threads yield, as far as they do not yet.

        Not the thread that calls: one that yields while it holds the interpreter would hold up all others.
        """
        if sys.platform != "linux":
            return
        for thread in set(_pools()) - self._before.keys():
            with suppress(OSError):  # it has ended
                self._before[thread] = os.getpriority(os.PRIO_PROCESS, thread)
                os.setpriority(os.PRIO_PROCESS, thread, max(YIELDING, self._before[thread]))

    def restore(self) -> None:
        """Gives back, where the system allows it: a process may always lower priorities, and not always raise them."""
        for thread, niceness in self._before.items():
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
        self._before = {}


def _pools() -> Iterator[int]:
    tasks: list[Path] = []
    with suppress(OSError):
        tasks = list(_TASKS.iterdir())
    for task in tasks:
        with suppress(OSError):
            if (task / "comm").read_bytes().startswith(_POOLS):
                yield int(task.name)
