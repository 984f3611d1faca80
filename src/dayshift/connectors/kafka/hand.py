"""Calls that may never come back, made on a thread that can be left behind.

librdkafka's `send_offsets_to_transaction` takes a time limit and does not keep it: when the broker that coordinates the
group goes away at the wrong moment, the call waits for that very connection for ever. It is made on a thread of its own;
when it has not returned in time, thread and producer are given up together, and others take their place.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

Answer = TypeVar("Answer")
_LOOK_S = 0.1
_Calls = queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]


class Left(Exception):
    """The call has not returned, and is not waited for any longer."""


class Hand:
    """Makes calls, one at a time, and does not wait for them for ever.

    >>> hand = Hand("example")
    >>> hand(lambda: 6 * 7, 1.0, lambda: False)
    42
    >>> hand.end()
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: _Calls | None = None

    def __call__(self, call: Callable[[], Answer], seconds: float, given_up: Callable[[], bool]) -> Answer:
        """What the call returns or raises.

        Raises:
            Left: it has not returned after so many seconds, or when whoever asks has given up.
        """
        if self._calls is None:
            self._calls = queue.SimpleQueue()
            threading.Thread(target=_work, args=(self._calls,), name=self._name, daemon=True).start()
        future: Future[Answer] = Future()
        self._calls.put((call, future))
        until = time.monotonic() + seconds
        while True:
            try:
                return future.result(_LOOK_S)
            except NotYet:
                if future.done():
                    raise
            if time.monotonic() > until or given_up():
                self.end()
                raise Left

    def end(self) -> None:
        """Ends the thread when its last call returns."""
        if self._calls is not None:
            self._calls.put(None)
        self._calls = None


def _work(calls: _Calls) -> None:
    while (work := calls.get()) is not None:
        call, future = work
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 -- it is raised where the result is asked for
            future.set_exception(error)
        del work, call, future
