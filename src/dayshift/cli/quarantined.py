"""What the commands of the quarantine need beside the lifecycle's own verbs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dayshift.diagnostics import UsageError, nearest, shorten

if TYPE_CHECKING:
    from dayshift.lake import Lake

STATES = ("all", "dropped", "held", "readmitted")


def lake_in(folder: Path) -> Lake:
    """The lake of the project in a folder; the pipeline file need not be in order for it."""
    from dayshift.definition.loading import read_settings
    from dayshift.runtimes import wiring

    return wiring.lake_of(read_settings(folder), folder.resolve())


def known_source(lake: Lake, folder: Path, name: str | None) -> str | None:
    """The name of a source that the settings name or that once held rows; None stays None.

    Raises:
        UsageError: DS370, there is no such source.
    """
    from dayshift.definition.loading import read_settings

    if name is None or name in (named := set(read_settings(folder).sources)):
        return name
    held = lake.quarantine().select("source").unique().collect()["source"].to_list()
    if name in held:
        return name
    near = nearest(name, named)
    hint = f"--source {near}" if near else None
    facts = (f"sources: {shorten(named)}",)
    raise UsageError("DS370", f"no source is called '{name}'", facts=facts, hint=hint)


def writable(file: Path, source: str) -> Path:
    """A path that the held rows of a source can be written to.

    Raises:
        UsageError: DS101, its folder is not there; DS128, it is a folder itself.
    """
    if file.is_dir():
        raise UsageError(
            "DS128", f"'{file}' is a folder", hint=f"dayshift quarantine export {file / 'held.jsonl'} --source {source}"
        )
    if not file.parent.is_dir():
        raise UsageError("DS101", f"folder '{file.parent}' is not there", hint=f"mkdir -p {file.parent}")
    return file


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
