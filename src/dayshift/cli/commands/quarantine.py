"""`dayshift quarantine`: the rows that broke their contract."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, now_or
from dayshift.cli.tables import emit, facts, table

Ids = Annotated[list[str], typer.Argument(help="Ids of rows, as `list` prints them.")]
Source = Annotated[str | None, typer.Option("--source", help="Only rows of this source.")]


def group(options: dict[str, Any]) -> typer.Typer:
    """The commands of the quarantine."""
    app = typer.Typer(help="Show, repair, re-admit or drop rows that broke their contract.", **options)
    for name, function in (("list", rows), ("show", show), ("repair", repair), ("readmit", readmit), ("drop", drop)):
        app.command(name)(function)
    return app


def rows(
    source: Source = None,
    state: Annotated[str, typer.Option(help="held, readmitted, dropped or all.")] = "held",
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """List rows in quarantine, each with its reason and where it came from."""
    from dayshift.cli import quarantined

    found = quarantined.rows(quarantined.lake_in(folder), source, state)
    shown = found.head(limit)
    columns = ("id", "source", "code", "reason", "origin", "row")
    tables: list[Any] = [table("", columns, shown.select(columns).iter_rows())]
    tables += [f"{shown.height} of {found.height:,} rows; --limit shows more"] if found.height > limit else []
    tables = tables if found.height else [f"no row is {state}" if state != "all" else "no row was ever quarantined"]
    emit(shown.to_dicts(), tables, as_json=as_json)


def show(ids: Ids, folder: Folder = HERE, as_json: Json = False) -> None:
    """Show rows in full: the raw text, the reason, the code's meaning."""
    from dayshift.cli import quarantined

    found = quarantined.by_id(quarantined.lake_in(folder), ids).to_dicts()
    emit(found, [facts("", {**row, "explain": f"dayshift explain {row['code']}"}) for row in found], as_json=as_json)


def repair(
    row: Annotated[str, typer.Argument(metavar="ID", help="The id of one row.")],
    change: Annotated[
        list[str], typer.Option("--set", metavar="COLUMN=VALUE", help="A new value; may be given often.")
    ],
    folder: Folder = HERE,
    now: Now = None,
    as_json: Json = False,
) -> None:
    """Change values of a row and re-admit it; it is judged by the contract again."""
    from dayshift.cli import quarantined

    report = quarantined.repair(folder, row, change, now_or(now))
    emit(report, [facts("Repair", report)], as_json=as_json)


def readmit(ids: Ids, folder: Folder = HERE, now: Now = None, as_json: Json = False) -> None:
    """Judge rows again, by today's contract, and load those that keep it."""
    from dayshift.cli import quarantined

    report = quarantined.readmit(folder, ids, now_or(now))
    emit(report, [facts("Re-admission", report)], as_json=as_json)


def drop(ids: Ids, folder: Folder = HERE, as_json: Json = False) -> None:
    """Say that rows are settled without being loaded; they stay on record."""
    from dayshift.cli import quarantined

    lake = quarantined.lake_in(folder)
    quarantined.by_id(lake, ids)
    lake.settle_quarantine(ids, "dropped")
    emit({"dropped": ids}, [f"dropped {len(ids)} {'row' if len(ids) == 1 else 'rows'}"], as_json=as_json)
