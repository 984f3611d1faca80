"""Tells a person what a live run waits for, when that begins and when it is over; not again and again meanwhile.

A wait of a few seconds is no news: a consumer group needs about three to share its partitions out, at every start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

PATIENCE_SECONDS = 6.0
"""So long a wait lasts before it is told; an error is told at once."""
_WAITING, _ERROR = "waiting", "error"


def troubles(state: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, str, float]]:
    """What stands in states of taps and outputs under "waiting" (a list of sentences) or "error", with whose it is before it and
    for how many seconds it may last untold behind it.

    >>> list(troubles({"payments": {"error": "the folder is gone"}, "out": {"waiting": ["no broker"]}}))
    [('payments', 'the folder is gone', 0.0), ('out', 'no broker', 6.0)]
    """
    for key, value in state.items():
        if key == _WAITING and isinstance(value, list):
            yield from ((name, str(one), PATIENCE_SECONDS) for one in value)
        elif key == _ERROR and value:
            yield name, str(value), 0.0
        elif isinstance(value, Mapping):
            yield from troubles(value, key)


class Voice:
    """Says each trouble once, by whose it is, and that it is over only of those that it told.

    >>> said, seconds = [], iter((0, 6, 7, 8, 20, 21))
    >>> voice = Voice(said.append, lambda: next(seconds))
    >>> for what in ("no broker", "still no broker", "still no broker", "", "for a moment", ""):
    ...     voice.hear({"out": {"waiting": [what] if what else []}})
    >>> said
    ['out waits: still no broker', 'out goes on']
    """

    def __init__(self, told: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._told, self._clock = told, clock
        self._since: dict[str, float] = {}
        self._said: set[str] = set()

    def hear(self, state: Mapping[str, Any]) -> None:
        """Compares with what was heard before."""
        at, now = self._clock(), {name: (what, patience) for name, what, patience in troubles(state)}
        self._since = {name: self._since.get(name, at) for name in now}
        for name, (what, patience) in now.items():
            if name not in self._said and at - self._since[name] >= patience:
                self._told(f"{name} waits: {what}")
                self._said.add(name)
        for name in sorted(self._said - now.keys()):
            self._told(f"{name} goes on")
        self._said &= now.keys()
