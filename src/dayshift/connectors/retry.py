"""Once more, after a while: for what a network or a busy database does to anybody."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dayshift.definition.duration import parse_duration
from dayshift.definition.settings import IngestSettings

Result = TypeVar("Result")


@dataclass(frozen=True)
class Retry:
    """How often, and after which pauses: `backoff_us`, then twice that, and so on. `sleep` takes seconds.

    >>> pauses = []
    >>> answers = iter([ConnectionError("down"), ConnectionError("down"), "up"])
    >>> def ask():
    ...     answer = next(answers)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return answer
    >>> Retry(3, 1_000_000, pauses.append)(ask, lambda error: isinstance(error, ConnectionError))
    'up'
    >>> pauses
    [1.0, 2.0]
    """

    retries: int = 3
    backoff_us: int = 1_000_000
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, action: Callable[[], Result], transient: Callable[[Exception], bool]) -> Result:
        """The action's result; its last exception when it is not transient, or when all retries are used."""
        for attempt in range(self.retries):
            try:
                return action()
            except Exception as error:
                if not transient(error):
                    raise
            self.sleep(self.backoff_us * 2**attempt / 1_000_000)
        return action()


def retry_of(ingest: IngestSettings, sleep: Callable[[float], None] = time.sleep) -> Retry:
    """How often and after which pauses, by the section `[ingest]`."""
    return Retry(ingest.retries, parse_duration(ingest.backoff), sleep)
