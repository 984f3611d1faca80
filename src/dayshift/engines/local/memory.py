"""Giving freed memory back to the system, which C libraries like to keep for next time."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
LARGE = 4 << 20


def give_back() -> None:
    """Hand back what is free; nothing happens where the C library knows no way (other than glibc)."""
    trim = _of_c("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def keep_no_large() -> None:
    """From now on pieces of 4 MiB and more go back when they are freed, in place of leaving holes between others.

    glibc begins so too, but raises the limit to the largest piece that was ever freed (mallopt(3), M_MMAP_THRESHOLD).
    """
    choose = _of_c("mallopt")
    if choose is not None:
        choose(_M_MMAP_THRESHOLD, LARGE)
        choose(_M_TRIM_THRESHOLD, 4 * LARGE)


@cache
def _of_c(name: str) -> Any:
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
