"""Old events leave, on purpose and on record.

An event older than the given time is deleted for good once its versions are vacuumed. Which time is safe the caller
says: every window that may still be asked must lie above it. The table remembers in its own log, in the very commit
that deletes, from when on it is complete (`Lake.complete_from_us`) and how many events were deleted. So nobody takes
a shortened history for a whole one, and a reader can count: visible + deleted = loaded, or the table is damaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import damaged, guarding
from dayshift.lake.files import DataFile, Writer, file_name, new_token
from dayshift.lake.scan import scan_files

HORIZON, DELETED = "dayshift.complete_from_us", "dayshift.deleted_rows"


@dataclass(frozen=True)
class Retained:
    """What retention did: rows deleted per source, and how many files the vacuum deleted."""

    older_than_us: int | None
    rows: Mapping[str, int]
    files: int


def check_whole(table: Delta, files: Sequence[DataFile], loaded: int) -> None:
    """The visible files hold all rows that were loaded and not deleted; only the logs are read for it.

    Args:
        table: the table of a source's events, or of held rows.
        files: its files that committed loads wrote.
        loaded: how many rows table `loads` says it got.

    Raises:
        NotReady: DS403, events are missing: a log is not what it was.
    """
    if any(file.rows < 0 for file in files):  # another tool wrote a file without counting
        return
    rows, deleted = sum(file.rows for file in files), table.number(DELETED) or 0
    if rows + deleted != loaded:
        raise damaged(
            f"table '{table.name}'",
            f"{loaded} rows were written and {deleted} deleted on purpose; its log knows {rows}",
        )


def delete_older(table: Delta, files: Sequence[DataFile], schema: Mapping[str, pl.DataType], older_than_us: int) -> int:
    """Delete the events with `_position` below a time, in one commit; returns how many.

    Args:
        table: the table of a source's events, at its last version.
        files: its visible files.
        schema: its visible columns.
        older_than_us: microseconds UTC.

    Raises:
        NotReady: DS402 to DS405; nothing has changed then.
    """
    writer, token = Writer(), new_token()
    adds: list[DataFile] = []
    removes: list[DataFile] = []
    what = f"table '{table.name}'"
    try:
        for file in files:
            scan = scan_files(table.place, [file], schema, what)
            with guarding(f"reading {what}", what):
                lowest = scan.select(pl.col("_position").min()).collect().item()
                if lowest is None or lowest >= older_than_us:
                    continue
                kept = scan.filter(pl.col("_position") >= older_than_us).collect()
            removes.append(file)
            if kept.height:
                adds.append(writer.write(table.place, file_name(file.order, file.index, token), kept))
        gone = sum(file.rows for file in removes) - sum(file.rows for file in adds)
        if gone:
            writer.wait()
            mark = max(older_than_us, table.number(HORIZON) or older_than_us)
            deleted = gone + (table.number(DELETED) or 0)
            table.commit(schema, Commit(adds, removes, {HORIZON: mark, DELETED: deleted}))
    finally:
        writer.close()
    return gone
