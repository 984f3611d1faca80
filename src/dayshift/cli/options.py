"""What several commands ask in the same words."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from dayshift.diagnostics import UsageError

Folder = Annotated[Path, typer.Option("--folder", "-C", help="The project's folder: the one with dayshift.toml.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Now = Annotated[str | None, typer.Option("--now", metavar="TIME", help="The run's own time (UTC); else the clock's.")]
Plan = Annotated[bool, typer.Option("--plan", help="Only show what would be done; change nothing.")]
HERE = Path()


def time_of(text: str, what: str = "TIME") -> dt.datetime:
    """A day or a time as a person writes it, in UTC unless it says otherwise.

    >>> time_of("2025-01-31"), time_of("2025-01-31T05:00+01:00")
    (datetime.datetime(2025, 1, 31, 0, 0, tzinfo=datetime.timezone.utc), datetime.datetime(2025, 1, 31, 4, 0, tzinfo=datetime.timezone.utc))

    Raises:
        UsageError: DS122, it is neither.
    """
    try:
        given = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        fact = "allowed: a day (2025-01-31) or a time (2025-01-31T05:00, UTC; 2025-01-31T05:00+01:00)"
        said, hint = f"{what} is '{text}', which is neither a day nor a time", _example(what)
        raise UsageError("DS122", said, facts=(fact,), hint=hint) from None
    return given.replace(tzinfo=dt.UTC) if given.tzinfo is None else given.astimezone(dt.UTC)


def _example(what: str) -> str:
    return f"{what} 2025-01-31T05:00" if what.startswith("--") else "dayshift backfill 2025-01-01 2025-02-01"


def now_or(text: str | None) -> dt.datetime:
    """The time that was given, or the clock's."""
    return dt.datetime.now(dt.UTC) if text is None else time_of(text, "--now")
