"""Old events leave, on purpose and on record.

An event older than the given time is deleted for good once its versions are vacuumed. Which time is safe the caller
says: every window that may still be asked must lie above it. The table remembers in its own log, in the very commit
that deletes, from when on it is complete (`Lake.complete_from_us`), so that nobody takes a shortened history for a
whole one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from dayshift.lake.delta import Commit, Delta
from dayshift.lake.faults import guarding
from dayshift.lake.files import DataFile, Writer, file_name, new_token
from dayshift.lake.scan import scan_files

HORIZON = "dayshift.complete_from_us"


@dataclass(frozen=True)
class Retained:
    """What retention did: rows deleted per source, and how many files the vacuum deleted."""

    older_than_us: int | None
    rows: Mapping[str, int]
    files: int


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
            table.commit(schema, Commit(adds, removes, {HORIZON: mark}))
    finally:
        writer.close()
    return gone
