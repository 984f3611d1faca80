"""Held rows: look at them, say why they are held, repair and readmit them, or drop them.

A readmitted row is a new load like any other: its value is edited, it passes the whole contract again, its key is
compared with what is known, and it is committed together with the word that it is held no longer. Killed in between, it
is still held; done twice, it is a duplicate. A row that fails again stays held, and nothing is loaded of it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.connectors import Chunk
from dayshift.definition import Source
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import Problem, Refused, UsageError, nearest, shorten
from dayshift.lake import Lake, LoadRecord
from dayshift.lake import Origin as LakeOrigin
from dayshift.lifecycle.contract import Contract
from dayshift.lifecycle.door.derive import derived
from dayshift.lifecycle.door.intake import Intake
from dayshift.lifecycle.ingest import waiting_room
from dayshift.lifecycle.settle import settle

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project

ID = "_id"
_CONTRADICTING = ("DS358", "DS359")


@dataclass(frozen=True)
class Readmission:
    """What became of the rows that were to be readmitted: `loads` made, ids by outcome, `refused` with the reason."""

    loads: tuple[int, ...] = ()
    readmitted: tuple[str, ...] = ()
    duplicates: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)


def show(lake: Lake, source: str | None = None, state: str | None = "held") -> pl.DataFrame:
    """The rows of the quarantine, the newest load last; of one source, and in one state, unless None."""
    rows = lake.quarantine()
    if source is not None:
        rows = rows.filter(pl.col("source") == source)
    if state is not None:
        rows = rows.filter(pl.col("state") == state)
    return rows.collect()


def summary(lake: Lake) -> pl.DataFrame:
    """How many rows are held, by source and code, with one reason each."""
    grouped = show(lake).group_by("source", "code", maintain_order=True)
    return grouped.agg(pl.len().alias("rows"), pl.col("reason").first().alias("for_example"))


def explain(lake: Lake, row_id: str) -> dict[str, Any]:
    """One row: where it came from, every reason, its values as they came (text of a torn record under `text`).

    Raises:
        UsageError: DS370, there is no such row.
    """
    row = _found(lake, [row_id]).to_dicts()[0]
    return {**row, "reasons": row["reason"].split("; "), "values": _values(row["raw"]) or {"text": row["raw"]}}


def export(lake: Lake, file: Path, source: str) -> int:
    """Writes the held rows of a source as JSON Lines to be edited, each with its `_id`; how many.

    Raises:
        UsageError: DS375, the file is there already, perhaps with somebody's edits.
    """
    if file.exists():
        raise UsageError(
            "DS375",
            f"'{file}' is there already and may hold edits",
            hint=f"dayshift quarantine export {file.with_stem(file.stem + '-2')} --source {source}",
        )
    rows = show(lake, source).to_dicts()
    lines = [json.dumps({ID: row["id"], **(_values(row["raw"]) or {})}, ensure_ascii=False) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


def corrected(file: Path) -> dict[str, dict[str, Any]]:
    """The edited rows of a file that `export` wrote, by id.

    Raises:
        UsageError: DS371, a line is no JSON object with an `_id`.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        values = _values(line) if line.strip() else {ID: ""}
        if values is None or ID not in values:
            raise UsageError(
                "DS371",
                f"line {number} of '{file}' is no JSON object with an '{ID}'",
                hint="dayshift quarantine list",
            )
        if values[ID]:
            found[str(values.pop(ID))] = values
    return found


def drop(lake: Lake, ids: Iterable[str], now: dt.datetime) -> int:
    """Says that held rows are not wanted; they stay on record, and so does who was dropped when. How many.

    Raises:
        UsageError: DS370, there is no such row; DS372, one is not held.
    """
    rows = _held(lake, list(ids))
    lake.settle_quarantine(rows["id"].to_list(), "dropped")
    lake.ledger.append("drop", "done", {"rows": rows["id"].to_list()}, now)
    return rows.height


def readmit(project: Project, ids: Iterable[str], now: dt.datetime) -> Readmission:
    """Puts held rows through the door again, by today's contract.

    Raises:
        UsageError: DS370, there is no such row; DS372, one is not held.
        Refused: DS374, not one of them may enter; with some that may, the others are told in the result.
    """
    return _again(project, {row_id: {} for row_id in ids}, now)


def repair(project: Project, row_id: str, changes: Mapping[str, Any], now: dt.datetime) -> Readmission:
    """Sets columns of the input of one held row, and puts it through the door again.

    Raises:
        UsageError: DS370, there is no such row; DS372, it is not held; DS373, a change names no column of it.
        Refused: DS374, it breaks the contract still.
    """
    return _again(project, {row_id: changes}, now)


def readmit_corrected(project: Project, file: Path, now: dt.datetime) -> Readmission:
    """Puts the rows of an edited file (see `export`) through the door again.

    Raises:
        UsageError: DS370 to DS373, the file or an id in it cannot be used.
        Refused: DS374, not one of them may enter.
    """
    return _again(project, corrected(file), now)


def _again(project: Project, changes: Mapping[str, Mapping[str, Any]], now: dt.datetime) -> Readmission:
    rows = _held(project.lake, list(changes)).with_columns(pl.col("code").is_in(_CONTRADICTING).alias("contradicts"))
    sources = {source.name: source for source in project.pipeline.sources}
    result = Readmission()
    with project.lake.lock():
        settle(project, now)
    for (name, contradicts), group in rows.group_by("source", "contradicts", maintain_order=True):
        if name not in sources:
            raise UsageError("DS370", f"the pipeline has no source '{name}'", facts=(f"sources: {shorten(sources)}",))
        source = sources[str(name)]
        if contradicts:  # such a row was held after its columns were derived
            source = replace(source, derive={}, where=None)
        given = project.settings.sources.get(source.name, SourceSettings(files="-")).model_copy(update={"rename": {}})
        entered = [(row["id"], _edited(row, changes[row["id"]], source)) for row in group.to_dicts()]
        result = _joined(result, _through(source, given, project.lake, now, entered))
    outcome = "refused" if result.refused and not result.readmitted else "done"
    record = {"pipeline": project.pipeline.name, "loads": result.loads, "readmitted": result.readmitted}
    project.lake.ledger.append("readmit", outcome, {**record, "refused": dict(result.refused)}, now)
    if outcome == "refused":
        raise Refused(
            Problem(
                "DS374",
                f"row {row_id} may not enter: {reason}",
                hint=f"dayshift quarantine repair {row_id} --set COLUMN=VALUE",
            )
            for row_id, reason in result.refused.items()
        )
    return result


def _through(
    source: Source,
    settings: SourceSettings,
    lake: Lake,
    now: dt.datetime,
    rows: Sequence[tuple[str, dict[str, str | None]]],
) -> Readmission:
    """Tries the rows together; those that fail are left out, and the others are tried again without them."""
    refused = _failing(source, settings, lake, rows)
    while rows := [(row_id, values) for row_id, values in rows if row_id not in refused]:
        with lake.begin_load(now) as load, waiting_room(lake) as folder:
            intake = Intake(source, settings, lake, load, folder)
            intake.take(_chunk(rows))
            counts = intake.finish()
            held = [row for frame in intake.held_rows() for row in frame.to_dicts()]
            if held:
                refused |= {rows[row["row"] - 1][0]: f"{row['code']} {row['reason']}" for row in held}
                continue
            ids = [row_id for row_id, _ in rows]
            load.settle_quarantine(ids, "readmitted")
            origin = LakeOrigin(path=f"quarantine:{','.join(ids[:3])}", size=0, sha256="", rows=len(ids))
            load.commit(
                LoadRecord(
                    source.name, read=counts.read, loaded=counts.loaded, duplicates=counts.duplicates, origins=(origin,)
                )
            )
            return Readmission((load.number,), tuple(ids), counts.duplicates, refused)
    return Readmission(refused=refused)


def _failing(
    source: Source, settings: SourceSettings, lake: Lake, rows: Sequence[tuple[str, dict[str, str | None]]]
) -> dict[str, str]:
    """The reasons of the rows that the contract, or `where`, does not let in."""
    contract = Contract(source, settings.timezone, lake.bits(source.name))
    frame, belongs = derived(_chunk(rows).frame, contract)
    refused = {
        rows[n][0]: "`where` says that the row does not belong to the source"
        for n in ([] if belongs is None else (~belongs).arg_true())
    }
    faults = contract.judge(frame).faults
    return refused | {rows[n][0]: f"{code} {reason}" for n, code, reason in faults.iter_rows()}


def _chunk(rows: Sequence[tuple[str, dict[str, str | None]]]) -> Chunk:
    names = list(dict.fromkeys(name for _, values in rows for name in values))
    frame = pl.DataFrame(
        {name: [values.get(name) for _, values in rows] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    return Chunk(frame, "quarantine", pl.int_range(1, len(rows) + 1, eager=True), sparse=True)


def _edited(row: Mapping[str, Any], changes: Mapping[str, Any], source: Source) -> dict[str, str | None]:
    values = _values(row["raw"])
    known = list(values) if values is not None else list(source.columns)
    wrong = [name for name in changes if name not in known and name not in source.columns]
    if wrong:
        near = nearest(wrong[0], known)
        raise UsageError(
            "DS373",
            f"held row {row['id']} has no column '{wrong[0]}'",
            facts=(f"columns: {shorten(known)}",),
            hint=f"dayshift quarantine repair {row['id']} --set {near}={changes[wrong[0]]}" if near else None,
        )
    return {name: _as_text(value) for name, value in {**(values or {}), **changes}.items()}


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _values(raw: str) -> dict[str, Any] | None:
    try:
        values = json.loads(raw)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _joined(one: Readmission, other: Readmission) -> Readmission:
    return Readmission(
        one.loads + other.loads,
        one.readmitted + other.readmitted,
        one.duplicates + other.duplicates,
        {**one.refused, **other.refused},
    )


def _found(lake: Lake, ids: Sequence[str]) -> pl.DataFrame:
    rows = lake.quarantine().filter(pl.col("id").is_in(list(ids))).collect()
    absent = [row_id for row_id in ids if row_id not in rows["id"]]
    if absent:
        known = show(lake)["id"].to_list()
        raise UsageError(
            "DS370",
            f"no row '{absent[0]}' was ever held",
            facts=(f"held: {shorten(known)}",),
            hint="dayshift quarantine",
        )
    return rows


def _held(lake: Lake, ids: Sequence[str]) -> pl.DataFrame:
    rows = _found(lake, ids)
    settled = rows.filter(pl.col("state") != "held")
    if settled.height:
        raise UsageError(
            "DS372",
            f"row '{settled['id'][0]}' is not held any more: it was {settled['state'][0]}",
            hint="dayshift quarantine",
        )
    return rows


__all__ = [
    "Readmission",
    "corrected",
    "drop",
    "explain",
    "export",
    "readmit",
    "readmit_corrected",
    "repair",
    "show",
    "summary",
]
