"""One chunk ahead: the next is read while this one is judged and written. Never more than one waits, so memory stays flat."""

import threading
from collections.abc import Iterator
from queue import Queue
from typing import TypeVar, cast

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items, in order; whatever the iterator raises is raised here.

    >>> list(ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """
    queue: Queue[tuple[Item | None, BaseException | None, bool]] = Queue(maxsize=1)
    stopped = threading.Event()

    def run() -> None:
        try:
            for item in items:
                queue.put((item, None, False))
                if stopped.is_set():
                    return
            queue.put((None, None, True))
        except BaseException as error:  # noqa: BLE001 -- it is raised again in the thread that asks
            queue.put((None, error, True))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=run, name="dayshift-read", daemon=True)
    thread.start()
    try:
        while True:
            item, error, ended = queue.get()
            if error is not None:
                raise error
            if ended:
                return
            yield cast(Item, item)
    finally:
        stopped.set()
        while thread.is_alive():
            while not queue.empty():
                queue.get_nowait()
            thread.join(0.01)
