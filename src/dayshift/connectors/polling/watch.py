"""One source that is looked at: a thread of its own, so that a database that is down holds up no folder.

What may get better by itself (a folder that vanished, a database that is away) is tried again after growing pauses and
told in `state`; what cannot (an unknown format, a column that is not there) ends the thread and is raised to the taker.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from dayshift.connectors.live import Known
from dayshift.connectors.polling.buffer import Buffer, Closed
from dayshift.connectors.polling.piece import Look
from dayshift.diagnostics import NotReady
from dayshift.semantics.instants import EPOCH

LONGEST_PAUSE = 30.0
_REST = 4  # times as long as a look that found nothing took: a folder of very many files is looked at less often
_FINAL = ("DS303", "DS310")
CLOSE_SECONDS = 5.0


class Watch:
    """Looks at one source every `poll` seconds.

    Args:
        source: its name.
        origin: where it looks.
        poll: the wait between two looks, seconds.
        pause: the wait after the first failure, seconds; it doubles up to half a minute.
        limit: how many records wait at most for the taker, and one piece more.
        clock_us: the time now, microseconds since 1970, for telling since when something is away.
    """

    def __init__(
        self, source: str, origin: Look, poll: float, pause: float, limit: int, clock_us: Callable[[], int]
    ) -> None:
        self.source, self.buffer = source, Buffer(limit)
        self._origin, self._poll, self._pause, self._clock_us = origin, poll, pause, clock_us
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"look-{source}", daemon=True)
        self._wake: Callable[[], None] = lambda: None
        self._failed: BaseException | None = None
        self._trouble: tuple[str, int] | None = None
        self._quiet = False

    def open(self, known: Known, wake: Callable[[], None]) -> None:
        """Begins behind what is known; raises what `Look.begin` raises."""
        self._origin.begin(known)
        self._wake = wake
        self._thread.start()

    def check(self) -> None:
        """Raises what ended the thread."""
        if self._failed is not None:
            raise self._failed

    @property
    def caught_up(self) -> bool:
        """Whether the last look found nothing new, and nothing waits."""
        return self._quiet and self._trouble is None and self._failed is None and self.buffer.empty

    def state(self) -> Mapping[str, Any]:
        """Records that wait, and what is the matter, since when."""
        told: dict[str, Any] = {"buffered": self.buffer.records, **self._origin.state()}
        trouble = self._trouble
        if trouble is not None:
            told |= {"error": trouble[0], "since": (EPOCH + dt.timedelta(microseconds=trouble[1])).isoformat()}
        return told

    def stop(self) -> None:
        """Tells the thread to end."""
        self._stop.set()
        self.buffer.close()

    def join(self, seconds: float) -> None:
        """Waits for its end; a thread that hangs in a database's driver is left to itself."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                pause = self._look()
                failures, self._trouble = 0, None
            except Closed:
                break
            except BaseException as error:  # noqa: BLE001 - it is raised to whoever takes
                if not _may_pass(error):
                    self._failed = error
                    self._wake()
                    break
                pause = min(self._pause * 2**failures, LONGEST_PAUSE)
                failures = min(failures + 1, 16)
                self._trouble = str(error), self._trouble[1] if self._trouble else self._clock_us()
            self._stop.wait(pause)

    def _look(self) -> float:
        """Looks once; how long to wait for the next time, seconds."""
        found, began = False, time.monotonic()
        for piece in self._origin.look():
            found, self._quiet = True, False
            self.buffer.put(piece)
            self._wake()
        self._quiet = not found and self._origin.quiet
        return self._poll if found else max(self._poll, _REST * (time.monotonic() - began))


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, NotReady):
        return error.problems[0].code not in _FINAL
    return isinstance(error, OSError)


__all__ = ["CLOSE_SECONDS", "Watch"]
