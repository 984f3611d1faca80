"""Tasks through the cache and the workers, or in this process; one after the other they come back, in any order."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dayshift.adviser.cache import Cache, Keys
from dayshift.adviser.effort import Limit
from dayshift.adviser.pool import Workers
from dayshift.adviser.worker import Desk, Outcome, Task

_POLL_S = 0.2
Named = tuple[Any, Task]


class Runner:
    """Does tasks. `notes` says why the workers were not used; `stopped` is True once somebody wanted it to stop."""

    def __init__(
        self, desk: Desk, workers: Workers | None, kept: tuple[Cache, Keys] | None, stop: Callable[[], bool] | None
    ) -> None:
        self._desk, self._workers, self._kept, self._stop = desk, workers, kept, stop
        self._opened, self._round, self._alone = False, 0, False
        self.stopped, self.late = False, False
        self.notes: list[str] = []

    def run(self, tasks: Iterable[Named], limit: Limit | None = None) -> Iterator[tuple[Any, Outcome, bool]]:
        """(name, outcome, whether it came from the cache) of each task, until one wants to stop or `limit` is past,
        which sets `late`.

        Raises:
            NotReady: DS810, a worker was ended from outside.
            Bug: DS812.
        """
        self._round += 1
        self.late = False
        for name, task in tasks:
            key, found = self._look_up(task)
            if found is not None:
                yield name, found, True
            elif self._parallel():
                yield from self._until_idle(limit)
                if not self._over(limit):
                    self._hand_over(task, name, key)
            elif not self._over(limit):
                outcome = self._desk.do(task)
                self._keep(key, outcome)
                yield name, outcome, False
            if self._over(limit):
                break
        while self._workers is not None and self._workers.busy and not self.stopped:
            self._over(None)
            yield from self._collected()

    def alone(self) -> None:
        """Hand nothing more to workers; what they are at still counts."""
        self._alone = True

    def _over(self, limit: Limit | None) -> bool:
        self.stopped = self.stopped or (self._stop is not None and self._stop())
        self.late = self.late or (limit is not None and limit.past)
        return self.stopped or self.late

    def _parallel(self) -> bool:
        """Whether there are workers that can make the estimator; asked when there is the first task for them."""
        if self._alone:
            return False
        if self._workers is not None and not self._opened:
            self._opened = True
            if not self._workers.open(self._desk.bench):
                self.notes.append(f"fitted in one process, as workers cannot make the estimator: {self._workers.fault}")
                self._workers.close()
                self._workers = None
        return self._workers is not None

    def _until_idle(self, limit: Limit | None) -> Iterator[tuple[Any, Outcome, bool]]:
        assert self._workers is not None
        while not self._workers.idle and not self._over(limit):
            yield from self._collected()

    def _collected(self) -> Iterator[tuple[Any, Outcome, bool]]:
        assert self._workers is not None
        for (number, name, key), outcome in self._workers.collect(_POLL_S):
            self._keep(key, outcome)
            if number == self._round:  # not left over from a run that was stopped
                yield name, outcome, False

    def _hand_over(self, task: Task, name: Any, key: bytes | None) -> None:
        assert self._workers is not None
        self._workers.submit(task, (self._round, name, key))

    def _look_up(self, task: Task) -> tuple[bytes | None, Outcome | None]:
        if self._kept is None:
            return None, None
        cache, keys = self._kept
        key = keys.of(task, self._desk.table(task.features))
        return key, cache.get(key)

    def _keep(self, key: bytes | None, outcome: Outcome) -> None:
        if self._kept is not None and key is not None:
            self._kept[0].put(key, outcome)
