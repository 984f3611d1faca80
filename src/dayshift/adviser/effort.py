"""How long an advice has taken, on a clock that other programs cannot turn.

A limit in wall seconds would make a busy machine fit fewer models and so give another advice. What is counted is work: the
CPU seconds of this process, and those of the workers divided by how many there are. On an idle machine that is about the
time that passes. Patience has an end: whoever waits four times the limit gets what there is.
"""

import time
from dataclasses import dataclass

PATIENCE = 4.0


class Effort:
    """Work since it was made, in seconds of an otherwise idle machine.

    >>> effort = Effort()
    >>> effort.worked(3.0, processes=2)
    >>> 1.5 <= effort.spent < 2.0
    True
    """

    def __init__(self) -> None:
        self._cpu, self._wall, self._theirs = time.process_time(), time.perf_counter(), 0.0

    def worked(self, cpu_s: float, processes: int) -> None:
        """Count what one of so many worker processes has done."""
        self._theirs += cpu_s / processes

    @property
    def spent(self) -> float:
        """Seconds of work."""
        return time.process_time() - self._cpu + self._theirs

    @property
    def waited(self) -> float:
        """Seconds that have passed."""
        return time.perf_counter() - self._wall

    def until(self, seconds: float) -> "Limit":
        """The moment at which so many more seconds of work are done."""
        return Limit(self, self.spent + seconds, self.waited + PATIENCE * seconds)


@dataclass(frozen=True)
class Limit:
    """A moment on this clock."""

    effort: Effort
    spent: float
    waited: float

    @property
    def past(self) -> bool:
        """Whether it is over."""
        return self.effort.spent > self.spent or self.effort.waited > self.waited
