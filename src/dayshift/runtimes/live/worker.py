"""A thread that does works one after the other, in order, as many at a time as wait for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Work = TypeVar("Work")
_NAP_SECONDS = 0.2


class Worker(Generic[Work]):
    """Runs `do` with all works that wait, in their order; at most `most` wait.

    The first error ends it: what waits is not done any more, and whoever speaks to it gets the error.
    """

    def __init__(self, name: str, do: Callable[[Sequence[Work]], None], most: int) -> None:
        self._do, self._most = do, most
        self._works: deque[Work] = deque()
        self._changed = threading.Condition()
        self._busy = self._ending = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"dayshift-{name}", daemon=True)
        self._thread.start()

    def put(self, work: Work) -> None:
        """Hands over a work; waits while too many wait already.

        Raises:
            BaseException: the error that ended it.
        """
        with self._changed:
            while self._error is None and len(self._works) >= self._most:
                self._changed.wait(_NAP_SECONDS)
            self.check()
            self._works.append(work)
            self._changed.notify_all()

    def check(self) -> None:
        """Raises the error that ended it, if one did."""
        if self._error is not None:
            raise self._error

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being done."""
        return not self._works and not self._busy

    def finish(self, seconds: float) -> bool:
        """Lets it do what waits, then ends it; False when that is not over in time. Raises nothing."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive() and self._error is None

    def abandon(self, seconds: float) -> bool:
        """Drops what waits, and waits for what is being done; False when that is not over in time."""
        with self._changed:
            self._works.clear()
            self._ending = True
            self._changed.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._works and not self._ending:
                    self._changed.wait()
                if not self._works:
                    return
                works = list(self._works)
                self._works.clear()
                self._busy = True
                self._changed.notify_all()
            try:
                self._do(works)
            except BaseException as error:  # noqa: BLE001 - it is raised again on the thread that speaks to this one
                self._error = error
            with self._changed:
                self._busy = False
                self._changed.notify_all()
            if self._error is not None:
                return
