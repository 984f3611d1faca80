"""One thing that is wrong, in the grammar of our messages."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from dayshift.diagnostics.place import Place

SHOWN = 8


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, with which facts, and how it is repaired.

    `message` alone is enough to understand the problem; `facts` say what came and what is allowed;
    `hint` holds a command or an edit that can be pasted. `code` has a page (`dayshift explain CODE`).

    >>> str(Problem("DS201", "feature 'spend_7d' reads 'amont', which source 'payments' does not have"))
    "DS201: feature 'spend_7d' reads 'amont', which source 'payments' does not have"
    """

    code: str
    message: str
    place: Place | None = None
    facts: tuple[str, ...] = ()
    hint: str | None = None
    severity: str = "error"

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def shorten(names: Iterable[object], most: int = SHOWN) -> str:
    """The names sorted, at most `most` of them, and how many more there are.

    >>> shorten("dacb", most=2)
    'a, b and 2 more'
    >>> shorten([])
    'none'
    """
    ordered = sorted(str(name) for name in names)
    if len(ordered) <= most:
        return ", ".join(ordered) or "none"
    return f"{', '.join(ordered[:most])} and {len(ordered) - most} more"


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name that the user most likely meant, or None when nothing is near.

    >>> nearest("amont", ["amount", "card"])
    'amount'
    >>> nearest("zzz", ["amount"])
    """
    found = difflib.get_close_matches(name, sorted(allowed), n=1, cutoff=0.6)
    return found[0] if found else None
