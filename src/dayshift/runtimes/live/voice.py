"""Tells a person what a live run waits for, when that begins and when it is over; not again and again meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_WAITING, _ERROR = "waiting", "error"


def troubles(state: Mapping[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    """What stands in states of taps and outputs under "waiting" (a list of sentences) or "error", with whose it is.

    >>> list(troubles({"payments": {"error": "the folder is gone"}, "out": {"waiting": ["no broker"]}}))
    [('payments', 'the folder is gone'), ('out', 'no broker')]
    """
    for key, value in state.items():
        if key == _WAITING and isinstance(value, list):
            yield from ((name, str(one)) for one in value)
        elif key == _ERROR and value:
            yield name, str(value)
        elif isinstance(value, Mapping):
            yield from troubles(value, key)


class Voice:
    """Says each trouble once, by whose it is.

    >>> said = []
    >>> voice = Voice(said.append)
    >>> for state in ({"out": {"waiting": ["no broker"]}}, {"out": {"waiting": ["still no broker"]}}, {}):
    ...     voice.hear(state)
    >>> said
    ['out waits: no broker', 'out goes on']
    """

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._waiting: set[str] = set()

    def hear(self, state: Mapping[str, Any]) -> None:
        """Compares with what was heard before."""
        now = dict(troubles(state))
        for name, what in now.items():
            if name not in self._waiting:
                self._told(f"{name} waits: {what}")
        for name in sorted(self._waiting - now.keys()):
            self._told(f"{name} goes on")
        self._waiting = set(now)
