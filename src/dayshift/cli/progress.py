"""A line on a terminal that says how far a run is; silence everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dayshift.lifecycle.ingest import Progress


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress | None]:
    """Gives what a run calls with a step or a source, its rows and its seconds so far; None when nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:

        def told(what: str, rows: int, seconds: float) -> None:
            line.update(f"{what}  {rows:,} rows  {seconds:,.1f} s" if rows else what)

        yield told
