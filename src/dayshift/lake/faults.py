"""What can go wrong in storage, as problems with a code: nobody should meet a storage library's own words first."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from dayshift.diagnostics import DayshiftError, NotReady

_FULL = re.compile(r"No space left|StorageFull|os error 28|disk quota|os error 122", re.IGNORECASE)
_DENIED = re.compile(
    r"Permission denied|PermissionDenied|Read-only file system|os error (13|30)\b|AccessDenied|Forbidden", re.IGNORECASE
)
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}
LONGEST = 300


def first_line(error: BaseException) -> str:
    r"""The first line of another library's message, shortened.

    >>> first_line(ValueError("no\nstack"))
    'no'
    """
    text = str(error).strip() or type(error).__name__
    line = text.splitlines()[0]
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."


def full(doing: str, error: BaseException) -> NotReady:
    """DS404: there is no room."""
    return NotReady(
        "DS404",
        f"there is no room left while {doing}",
        facts=(first_line(error), "nothing of it is visible: what was committed before is unchanged"),
        hint="free some space, then run the same command again",
    )


def denied(doing: str, error: BaseException) -> NotReady:
    """DS405: the storage refuses us."""
    return NotReady(
        "DS405",
        f"the storage refused {doing}",
        facts=(first_line(error), "nothing of it is visible: what was committed before is unchanged"),
        hint="ls -ld the folder of the lake, give this user the right to write there, then run the same command again",
    )


def damaged(what: str, *facts: str) -> NotReady:
    """DS403: something in the lake cannot be read as it was written."""
    return NotReady(
        "DS403",
        f"{what} cannot be read as written",
        facts=facts,
        hint="dayshift explain DS403",
    )


def conflict(what: str, *facts: str) -> NotReady:
    """DS402: another writer was faster."""
    return NotReady(
        "DS402",
        f"another writer changed {what} at the same time",
        facts=(*facts, "nothing of this attempt is visible"),
        hint="run the same command again, one writer at a time",
    )


@contextmanager
def guarding(doing: str, what: str) -> Iterator[None]:
    """Turn failures of the storage, of Parquet and of Delta into DS402 to DS405.

    Args:
        doing: what is being done, as in "writing events of 'payments'".
        what: what is concerned, as in "the table events/payments".
    """
    from deltalake.exceptions import CommitFailedError, DeltaError
    from polars.exceptions import PolarsError

    try:
        yield
    except DayshiftError:
        raise
    except CommitFailedError as error:
        raise _by_words(error, doing) or conflict(what, first_line(error)) from error
    except OSError as error:
        if error.errno in NO_SPACE:
            raise full(doing, error) from error
        if error.errno in _NO_RIGHT:
            raise denied(doing, error) from error
        raise _by_words(error, doing) or damaged(what, first_line(error)) from error
    except (DeltaError, PolarsError) as error:
        raise _by_words(error, doing) or damaged(what, first_line(error)) from error


def _by_words(error: BaseException, doing: str) -> NotReady | None:
    text = str(error)
    if _FULL.search(text):
        return full(doing, error)
    return denied(doing, error) if _DENIED.search(text) else None
