"""What the commands of the quarantine ask the lake for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayshift.diagnostics import UsageError, shorten

if TYPE_CHECKING:
    import polars as pl

    from dayshift.lake import Lake

STATES = ("all", "dropped", "held", "readmitted")


def lake_in(folder: Path) -> Lake:
    """The lake of the project in a folder; the pipeline file need not be in order for it."""
    from dayshift.definition.loading import read_settings
    from dayshift.runtimes import wiring

    return wiring.lake_of(read_settings(folder), folder.resolve())


def rows(lake: Lake, source: str | None, state: str) -> pl.DataFrame:
    """The rows of a source (all of them when None) in a state, the newest load first.

    Raises:
        UsageError: DS124, there is no such state.
    """
    import polars as pl

    if state not in STATES:
        raise UsageError("DS124", f"no row can be '{state}'", facts=(f"allowed: {', '.join(STATES)}",))
    found = lake.quarantine()
    found = found if state == "all" else found.filter(pl.col("state") == state)
    found = found if source is None else found.filter(pl.col("source") == source)
    return found.collect().sort("_load", "source", "origin", "row", descending=[True, False, False, False])


def by_id(lake: Lake, ids: Sequence[str]) -> pl.DataFrame:
    """The rows with these ids, in their order.

    Raises:
        UsageError: DS125, an id is unknown.
    """
    import polars as pl

    wanted = list(dict.fromkeys(ids))
    found = lake.quarantine().filter(pl.col("id").is_in(wanted)).collect()
    unknown = [one for one in wanted if one not in set(found["id"])]
    if unknown:
        held = rows(lake, None, "held")["id"].to_list()
        fact = f"rows that are held: {shorten(held)}"
        hint = "dayshift quarantine list --state all"
        raise UsageError("DS125", f"no row in quarantine has the id '{unknown[0]}'", facts=(fact,), hint=hint)
    return pl.DataFrame({"id": wanted}).join(found, on="id", how="left", maintain_order="left")


def assignments(changes: Sequence[str]) -> dict[str, str]:
    """What `--set COLUMN=VALUE` says.

    >>> assignments(["amount=12.50"])
    {'amount': '12.50'}

    Raises:
        UsageError: DS126, there is no "=".
    """
    made = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise UsageError("DS126", f"'{change}' does not say COLUMN=VALUE", hint="--set amount=12.50")
        made[name] = value
    return made


def repair(folder: Path, row: str, changes: Sequence[str], now: dt.datetime) -> dict[str, Any]:
    """Changes values of a held row and has it judged again; what became of it."""
    from dayshift.cli.reports import plain_values
    from dayshift.lifecycle import quarantine
    from dayshift.runtimes.project import open_project

    values = assignments(changes)
    project = open_project(folder)
    by_id(project.lake, [row])
    return plain_values(quarantine.repair(project, row, values, now))


def readmit(folder: Path, ids: Sequence[str], now: dt.datetime) -> dict[str, Any]:
    """Has held rows judged again, by today's contract; what became of them."""
    from dayshift.cli.reports import plain_values
    from dayshift.lifecycle import quarantine
    from dayshift.runtimes.project import open_project

    project = open_project(folder)
    by_id(project.lake, ids)
    return plain_values(quarantine.readmit(project, ids, now))
