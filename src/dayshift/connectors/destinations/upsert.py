"""What both warehouses share: the rows as they are sent, and the statement that puts them in place."""

from collections.abc import Sequence

import polars as pl

from dayshift.connectors.database import column
from dayshift.diagnostics import UsageError, shorten


def prepared(frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The rows to send: of rows with equal keys the last, as if they had been written one after another.

    Raises:
        UsageError: DS320, a key is no column, or is null somewhere.
    """
    absent = [key for key in keys if key not in frame.columns]
    if absent or not keys:
        raise UsageError(
            "DS320",
            f"the key '{shorten(absent)}' is no column of the rows",
            facts=(f"columns: {shorten(frame.columns)}",),
        )
    nulls = [key for key in keys if frame[key].null_count()]
    if nulls:
        raise UsageError(
            "DS320", f"the key '{nulls[0]}' is null in {frame[nulls[0]].null_count():,} of {frame.height:,} rows"
        )
    return frame.unique(subset=list(keys), keep="last", maintain_order=True)


def insert(target: str, staged: str, columns: Sequence[str], keys: Sequence[str]) -> str:
    """The statement that inserts the staged rows and replaces those that are there.

    >>> insert("t", "s", ["id", "v"], ["id"])
    'INSERT INTO t ("id", "v") SELECT "id", "v" FROM s ON CONFLICT ("id") DO UPDATE SET "v" = excluded."v"'
    """
    names = ", ".join(column(name) for name in columns)
    others = [name for name in columns if name not in keys]
    update = ", ".join(f"{column(name)} = excluded.{column(name)}" for name in others)
    action = f"DO UPDATE SET {update}" if others else "DO NOTHING"
    where = ", ".join(column(key) for key in keys)
    return f"INSERT INTO {target} ({names}) SELECT {names} FROM {staged} ON CONFLICT ({where}) {action}"  # noqa: S608
