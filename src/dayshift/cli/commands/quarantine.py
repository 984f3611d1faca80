"""`dayshift quarantine`: the rows that broke their contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or
from dayshift.cli.tables import Table, emit, facts, table
from dayshift.diagnostics import UsageError

Ids = Annotated[list[str], typer.Argument(help="Ids of rows, as `list` prints them.")]
Source = Annotated[str | None, typer.Option("--source", help="Only rows of this source.")]
State = Annotated[str, typer.Option(help="held, readmitted, dropped or all.")]
File = Annotated[
    Path | None, typer.Option("--file", exists=True, dir_okay=False, help="Rows that `export` wrote, edited.")
]


def group(options: dict[str, Any]) -> typer.Typer:
    """The commands of the quarantine; without one, a summary."""
    app = typer.Typer(help="Show, repair, re-admit or drop rows that broke their contract.", **options)
    app.command("list", short_help="List rows, each with its reason.")(rows)
    app.command("show", short_help="Show one row in full.")(show)
    app.command("repair", short_help="Change values of a row and re-admit it.")(repair)
    app.command("readmit", short_help="Judge rows again and load those that pass.")(readmit)
    app.command("drop", short_help="Settle rows without loading them.")(drop)
    app.command("export", short_help="Write held rows to a file, to be edited.")(export)
    app.callback(invoke_without_command=True)(overview)
    return app


def overview(context: typer.Context, folder: Folder = HERE, as_json: Json = False) -> None:
    """Show, repair, re-admit or drop rows that broke their contract; without a command, count them by reason."""
    if context.invoked_subcommand is not None:
        return
    from dayshift.cli.quarantined import lake_in
    from dayshift.lifecycle import quarantine

    found = quarantine.summary(lake_in(folder))
    tables: list[Table | str] = [table("", ("source", "code", "rows", "for example"), found.iter_rows())]
    emit(found.to_dicts(), tables if found.height else ["no row is held"], as_json=as_json)


def rows(
    source: Source = None,
    state: State = "held",
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """List rows in quarantine, each with its reason and where it came from."""
    from dayshift.cli.quarantined import known_source, lake_in, state_of
    from dayshift.lifecycle import quarantine

    lake = lake_in(folder)
    found = quarantine.show(lake, known_source(lake, folder, source), state_of(state))
    shown = found.tail(limit)
    columns = ("id", "source", "code", "reason", "origin", "row")
    tables: list[Table | str] = [table("", columns, shown.select(columns).iter_rows())]
    tables += [f"the last {shown.height} of {found.height:,} rows; --limit shows more"] if found.height > limit else []
    emit(shown.to_dicts(), tables if found.height else ["no such row is here"], as_json=as_json)


def show(
    row: Annotated[str, typer.Argument(metavar="ID", help="The id of one row.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show one row in full: where it came from, every reason, its values as they came."""
    from dayshift.cli.quarantined import lake_in
    from dayshift.lifecycle import quarantine

    found = quarantine.explain(lake_in(folder), row)
    known = {name: found[name] for name in ("id", "source", "origin", "row", "state", "code")}
    reasons = {f"reason {number}": reason for number, reason in enumerate(found["reasons"], start=1)}
    values = table("Values as they came", ("column", "value"), found["values"].items())
    emit(found, [facts("", {**known, **reasons}), values, f"next: dayshift explain {found['code']}"], as_json=as_json)


def repair(
    row: Annotated[str, typer.Argument(metavar="ID", help="The id of one row.")],
    change: Annotated[
        list[str], typer.Option("--set", metavar="COLUMN=VALUE", help="A new value; may be given often.")
    ],
    folder: Folder = HERE,
    now: Now = None,
    plan: Plan = False,
    as_json: Json = False,
) -> None:
    """Change values of a row and put it through the whole contract again."""
    from dayshift.cli.quarantined import assignments
    from dayshift.lifecycle import quarantine
    from dayshift.runtimes.project import open_project

    changes, time = assignments(change), now_or(now)
    if plan:
        _planned([row], folder, f"set {', '.join(change)} in and readmit", as_json=as_json)
        return
    _tell(quarantine.repair(open_project(folder), row, changes, time), as_json=as_json)


def readmit(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of rows, as `list` prints them.")] = None,
    file: File = None,
    folder: Folder = HERE,
    now: Now = None,
    plan: Plan = False,
    as_json: Json = False,
) -> int:
    """Judge rows again, by today's contract, and load those that keep it; exit code 1 when some do not."""
    from dayshift.lifecycle import quarantine
    from dayshift.runtimes.project import open_project

    if bool(ids) == (file is not None):
        raise UsageError("DS125", "either ids or a file says which rows to readmit", hint="dayshift quarantine list")
    time = now_or(now)
    if plan:
        named = list(ids or []) if file is None else list(quarantine.corrected(file))
        _planned(named, folder, "judge again and readmit", as_json=as_json)
        return 0
    project = open_project(folder)
    if file is not None:
        done = quarantine.readmit_corrected(project, file, time)
    else:
        done = quarantine.readmit(project, ids or [], time)
    return _tell(done, as_json=as_json)


def drop(ids: Ids, folder: Folder = HERE, now: Now = None, plan: Plan = False, as_json: Json = False) -> None:
    """Say that rows are settled without being loaded; they stay on record."""
    from dayshift.cli.quarantined import lake_in
    from dayshift.lifecycle import quarantine

    if plan:
        _planned(ids, folder, "drop", as_json=as_json)
        return
    count = quarantine.drop(lake_in(folder), ids, now_or(now))
    emit({"dropped": ids}, [f"dropped {count} {'row' if count == 1 else 'rows'}"], as_json=as_json)


def export(
    file: Annotated[Path, typer.Argument(help="The file to write, as JSON Lines.")],
    source: Annotated[str, typer.Option("--source", help="The source whose rows are written.")],
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Write the held rows of a source to a file, to be edited and given to `readmit --file`."""
    from dayshift.cli.quarantined import known_source, lake_in, writable
    from dayshift.lifecycle import quarantine

    lake = lake_in(folder)
    known_source(lake, folder, source)
    count = quarantine.export(lake, writable(file, source), source)
    said = [f"wrote {count} {'row' if count == 1 else 'rows'}"]
    said += [f"next: edit it, then dayshift quarantine readmit --file {file}"] if count else []
    emit({"file": str(file), "rows": count}, ["\n".join(said)], as_json=as_json)


def _planned(ids: list[str], folder: Path, verb: str, *, as_json: bool) -> None:
    """The rows that a verb would settle; an unknown one is refused as the verb itself would."""
    from dayshift.cli.quarantined import lake_in
    from dayshift.lifecycle import quarantine

    lake = lake_in(folder)
    told = [quarantine.explain(lake, one) for one in ids]
    columns = ("id", "source", "state", "code", "origin", "row")
    shown = [[one[name] for name in columns] for one in told]
    rows_ = [dict(zip(columns, one, strict=True)) for one in shown]
    emit(rows_, [table(f"Would {verb}", columns, shown), "nothing was changed"], as_json=as_json)


def _tell(done: Any, *, as_json: bool) -> int:
    from dayshift.cli.reports import plain_values

    loads = ", ".join(map(str, done.loads))
    said: list[Table | str] = [f"readmitted {len(done.readmitted)} in load {loads}; {done.duplicates} known already"]
    if done.refused:
        said.append(table("Refused", ("id", "reason"), done.refused.items()))
    emit(plain_values(done), [*said, "next: dayshift run"], as_json=as_json)
    return 1 if done.refused else 0
