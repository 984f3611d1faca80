"""The real clock of the scheduler: tells the time, waits, and can be told to stop by a signal."""

import datetime as dt
import signal
import threading
from types import FrameType


class RealClock:
    """Waits until a time or until SIGTERM or SIGINT arrives."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def stop_on_signals(self) -> None:
        """From now on, SIGTERM and SIGINT end the waiting; what runs is finished first. A second SIGINT interrupts it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of signals
        self._stopped.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def now(self) -> dt.datetime:
        """The time: aware, UTC."""
        return dt.datetime.now(dt.UTC)

    def wait_until(self, time: dt.datetime) -> bool:
        """Waits; False when it was told to stop. Sleeps at most a minute at a time, as clocks may be set."""
        while not self._stopped.is_set():
            left = (time - self.now()).total_seconds()
            if left <= 0:
                return True
            self._stopped.wait(min(left, 60))
        return False
