"""Rows that broke their contract, and what became of them.

Two tables, both only ever added to: `quarantine/rows` holds each row with its reason, `quarantine/settled` says of an
id that it was readmitted or dropped. So re-admitting a row and loading it can be one commit: that of the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from dayshift.diagnostics import UsageError

ROWS, SETTLED = "quarantine/rows", "quarantine/settled"
HELD = "held"
STATES = ("readmitted", "dropped")
SCHEMA: Mapping[str, pl.DataType] = {
    "_load": pl.Int64(),
    "source": pl.String(),
    "origin": pl.String(),
    "row": pl.Int64(),
    "code": pl.String(),
    "reason": pl.String(),
    "raw": pl.String(),
    "state": pl.String(),
    "id": pl.String(),
}
SETTLED_SCHEMA: Mapping[str, pl.DataType] = {"_load": pl.Int64(), "id": pl.String(), "state": pl.String()}


def complete(frame: pl.DataFrame, load: int, before: int) -> pl.DataFrame:
    """The rows with every column of the table; an absent id becomes "<load>-<number within the load>".

    >>> complete(pl.DataFrame({"source": ["a"], "reason": ["no key"]}), load=3, before=10)["id"].to_list()
    ['3-11']
    """
    wanted = {
        "_load": pl.lit(load, pl.Int64),
        "state": pl.lit(HELD),
        "id": pl.format("{}-{}", pl.lit(load), pl.int_range(before + 1, before + frame.height + 1)),
    }
    absent = [
        wanted.get(name, pl.lit(None, dtype)).cast(dtype).alias(name)
        for name, dtype in SCHEMA.items()
        if name not in frame.columns
    ]
    return frame.with_columns(absent).select(list(SCHEMA))


def settlement(ids: Iterable[str], state: str, load: int) -> pl.DataFrame:
    """The rows of `quarantine/settled` for some ids.

    Raises:
        UsageError: DS411, there is no such state.
    """
    if state not in STATES:
        raise UsageError("DS411", f"a held row cannot become '{state}'", facts=(f"it can be {' or '.join(STATES)}",))
    listed = list(ids)
    return pl.DataFrame(
        {"_load": [load] * len(listed), "id": listed, "state": [state] * len(listed)}, schema=dict(SETTLED_SCHEMA)
    )


def with_states(rows: pl.LazyFrame, settled: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with the state they have now: the last that was said of them, in the order of writing."""
    numbered = settled.with_row_index("_number")
    latest = numbered.group_by("id").agg(pl.col("state").sort_by("_number").last().alias("_said"))
    joined = rows.join(latest, on="id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("_said", "state").alias("state")).select(list(SCHEMA))
