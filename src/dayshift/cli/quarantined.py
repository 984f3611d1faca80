"""What the commands of the quarantine need beside the lifecycle's own verbs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dayshift.diagnostics import UsageError, nearest

if TYPE_CHECKING:
    from dayshift.lake import Lake

STATES = ("all", "dropped", "held", "readmitted")


def lake_in(folder: Path) -> Lake:
    """The lake of the project in a folder; the pipeline file need not be in order for it."""
    from dayshift.definition.loading import read_settings
    from dayshift.runtimes import wiring

    return wiring.lake_of(read_settings(folder), folder.resolve())


def state_of(text: str) -> str | None:
    """A state, or None for all.

    Raises:
        UsageError: DS124, there is no such state.
    """
    if text not in STATES:
        near = nearest(text, STATES)
        hint = f"--state {near}" if near else None
        raise UsageError("DS124", f"no row can be '{text}'", facts=(f"allowed: {', '.join(STATES)}",), hint=hint)
    return None if text == "all" else text


def assignments(changes: Sequence[str]) -> dict[str, str | None]:
    """What `--set COLUMN=VALUE` says; an empty value makes the column absent.

    >>> assignments(["amount=12.50", "note="])
    {'amount': '12.50', 'note': None}

    Raises:
        UsageError: DS126, there is no "=".
    """
    made: dict[str, str | None] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise UsageError("DS126", f"'{change}' does not say COLUMN=VALUE", hint="--set amount=12.50")
        made[name] = value or None
    return made
