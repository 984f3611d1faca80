"""A line on a terminal that says how far a run is; silence everywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str, int, float], None]


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Progress | None]:
    """Gives what a runtime calls with a step, its rows so far and its seconds so far; None when nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as line:

        def told(step: str, rows: int, seconds: float) -> None:
            line.update(f"{step}  {rows:,} rows  {seconds:,.1f} s")

        yield told
