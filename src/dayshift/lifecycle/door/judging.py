"""The rows of one chunk told apart: what passes the contract, what is held with its reasons, what does not belong.

The same for a load of files and for a micro-batch: whoever takes chunks decides what becomes of the three parts.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from dayshift.connectors.contract import Chunk
from dayshift.connectors.plain_json import as_text
from dayshift.definition.settings import SourceSettings
from dayshift.lifecycle.contract import Contract
from dayshift.lifecycle.door.derive import derived
from dayshift.lifecycle.door.drift import Drift
from dayshift.lifecycle.door.duplicates import as_json
from dayshift.lifecycle.door.values import json_text

NONE = pl.Series("row", [], dtype=pl.Int64)
HELD = {"row": pl.Int64, "code": pl.String, "reason": pl.String, "raw": pl.String}


@dataclass(frozen=True)
class Sorted:
    """A chunk's rows. `good` has the source's columns in canonical types, `at` says which row of the chunk each of them is,
    `numbers` its record number; `held` are the others with code, reason and raw text; `filtered` the numbers of those that do
    not belong."""

    good: pl.DataFrame
    at: pl.Series
    numbers: pl.Series
    held: pl.DataFrame
    filtered: pl.Series = field(default_factory=lambda: NONE)


def torn(chunk: Chunk) -> pl.DataFrame:
    """The records of a chunk that could not be split into fields, as rows to be held."""
    if not chunk.rejects.height:
        return pl.DataFrame(schema=HELD)
    rejects = chunk.rejects.with_columns(pl.lit("DS350").alias("code"))
    return rejects.with_columns("the record is torn: " + pl.col("reason")).select(*HELD)


def judged(chunk: Chunk, contract: Contract, drift: Drift, settings: SourceSettings) -> Sorted:
    """The rows of a chunk by the contract.

    Raises:
        Refused: DS361 to DS363, its columns are others than declared, and the source's section says stop.
        DefinitionError: DS366, an expression cannot be computed.
    """
    if chunk.texts is not None:
        plain = _plainly(chunk, contract)
        if plain is not None:
            return plain
        chunk = as_text(chunk)
    raw, numbers = _named(chunk, contract, drift, settings), chunk.rows
    at = pl.int_range(raw.height, eager=True)
    typed = any(dtype != pl.String for dtype in raw.dtypes)
    extras = drift.check(raw, f"'{chunk.origin}'", typed=typed)
    frame, belongs = derived(raw, contract)
    filtered = NONE
    if belongs is not None and not belongs.all():
        filtered = numbers.filter(~belongs)
        raw, frame, numbers, at = (
            raw.filter(belongs),
            frame.filter(belongs),
            numbers.filter(belongs),
            at.filter(belongs),
        )
    found = contract.judge(frame)
    held = pl.DataFrame(schema=HELD)
    if found.faults.height:
        index = found.faults["index"]
        texts = pl.Series("raw", [as_json(row) for row in raw[index].iter_rows(named=True)], dtype=pl.String)
        held = found.faults.select(numbers.gather(index).alias("row"), "code", "reason", texts)
        raw, numbers, at = raw[found.kept] if extras else raw, numbers.gather(found.kept), at.gather(found.kept)
    good = found.good.with_columns(_storable(raw[name]) for name in extras)
    return Sorted(good, at, numbers, held, filtered)


def _plainly(chunk: Chunk, contract: Contract) -> Sorted | None:
    """The rows of a chunk of values in canonical types; None when the contract has something to say of one of them."""
    frame, belongs = derived(chunk.frame, contract)
    good = contract.whole(frame if belongs is None else frame.filter(belongs))
    if good is None:
        return None
    at = pl.Series("at", np.arange(frame.height))
    nothing = pl.DataFrame(schema=HELD)
    if belongs is None:
        return Sorted(good, at, chunk.rows, nothing)
    return Sorted(good, at.filter(belongs), chunk.rows.filter(belongs), nothing, chunk.rows.filter(~belongs))


def _named(chunk: Chunk, contract: Contract, drift: Drift, settings: SourceSettings) -> pl.DataFrame:
    source = contract.source
    frame = chunk.frame.rename({old: new for old, new in settings.rename.items() if old in chunk.frame.columns})
    if chunk.sparse:
        wanted = {*source.columns, *drift.read_by_user} - set(frame.columns) - set(source.derive)
        frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in sorted(wanted))
    return frame


def _storable(values: pl.Series) -> pl.Series:
    """A column that nobody declared, in a type that the lake stores."""
    if values.dtype.is_nested():
        return json_text(values)
    if isinstance(values.dtype, pl.Decimal | pl.Time | pl.Duration):
        return values.cast(pl.String)
    if isinstance(values.dtype, pl.Datetime):
        values = (
            (values.to_physical() // 1_000).cast(pl.Datetime("us", values.dtype.time_zone))
            if values.dtype.time_unit == "ns"
            else values
        )
        values = values.dt.cast_time_unit("us")
        return values.dt.convert_time_zone("UTC") if values.dtype.time_zone else values.dt.replace_time_zone("UTC")  # type: ignore[attr-defined]
    return values
