"""Lengths of time as people write them: "90s", "30m", "6h", "1d", "2w". A day is 24 hours; there are no months."""

import re
from functools import cache

from dayshift.diagnostics import DefinitionError

MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_PART = re.compile(r"(\d+)(us|ms|s|m|h|d|w)")
_WHOLE = re.compile(r"(?:\d+(?:us|ms|s|m|h|d|w))+")


@cache
def parse_duration(text: str) -> int:
    """The length in microseconds.

    >>> parse_duration("1d12h"), parse_duration("0s")
    (129600000000, 0)

    Raises:
        DefinitionError: DS202, the text is not a length of time.
    """
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise DefinitionError(
            "DS202",
            f"{text!r} is not a length of time",
            facts=("a length is a whole number and a unit: us, ms, s, m, h, d, w; a day is 24 hours",),
            hint='write "30m", "6h", "1d" or "1d12h"',
        )
    return sum(int(count) * MICROSECONDS[unit] for count, unit in _PART.findall(text))


def format_duration(length_us: int) -> str:
    """The shortest text that `parse_duration` reads back as this length.

    >>> format_duration(129_600_000_000), format_duration(604_800_000_000), format_duration(0)
    ('1d12h', '7d', '0s')
    """
    if length_us == 0:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count, length_us = divmod(length_us, MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
