"""The log's order as dense positions: 0, 1, 2, ... over the events of all sources and a calendar's ticks.

The order is (`_load`, `_position`, source name, event time, key). Loads are mostly stored in that order already, so
each source is first checked in one pass and only sorted when it must be. `_load` and `_position` are packed into one
integer, the stamp; the sorted stamps of all sources are then merged in linear time (NumPy's stable sort finds runs).
A tick stands before everything that has its own stamp.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from dayshift.definition import Source
from dayshift.engines.contract import LOAD, POSITION
from dayshift.kernel.arrays import Int64


def order_columns(source: Source) -> list[str]:
    """The columns that order a source's events."""
    return list(dict.fromkeys([LOAD, POSITION, source.time, *source.key_columns]))


def sort_log(frame: pl.DataFrame, source: Source) -> pl.DataFrame:
    """The events in the log's order; the same frame when they are in order already.

    >>> payments = Source("payments", time="at", key="id")
    >>> sort_log(pl.DataFrame({"_load": [2, 1], "_position": [5, 7], "at": [5, 7], "id": ["a", "b"]}), payments)["id"].to_list()
    ['b', 'a']
    """
    columns = order_columns(source)
    return frame if in_order(frame, columns) else frame.sort(columns, maintain_order=True)


def in_order(frame: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether the rows ascend by these columns; False also where a null leaves it open."""
    tied: np.ndarray | None = None
    for name in columns:
        column = frame[name]
        if tied is None and not column.null_count() and column.min() == column.max():
            continue
        if tied is None:
            before, after = column.slice(0, max(len(column) - 1, 0)), column.slice(1)
        else:
            before, after = column.gather(tied), column.gather(tied + 1)
        if before.null_count() or after.null_count() or (after < before).any():
            return False
        equal = (after == before).to_numpy()
        tied = np.flatnonzero(equal) if tied is None else tied[equal]
        if not tied.size:
            return True
    return True


def stamps(parts: Sequence[tuple[Int64, Int64]]) -> list[Int64]:
    """One integer a row for each part's (loads, positions), ordered as the pairs are.

    >>> [part.tolist() for part in stamps([(np.array([1, 2]), np.array([7, 5])), (np.array([1]), np.array([9]))])]
    [[2, 8], [4]]
    """
    loads, places = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    cuts = np.cumsum([len(part[0]) for part in parts])[:-1]
    if not loads.size:
        return [loads for _ in parts]
    load, place = int(loads.min()), int(places.min())
    bits = (int(places.max()) - place).bit_length()
    if bits + (int(loads.max()) - load).bit_length() <= 62:
        packed = ((loads - load) << bits) + (places - place)
    else:
        packed = _ranks(loads, places)
    return np.split(packed, cuts)


def _ranks(loads: Int64, places: Int64) -> Int64:
    order = np.lexsort((places, loads))
    steps = (np.diff(loads[order]) != 0) | (np.diff(places[order]) != 0)
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.concatenate([[0], np.cumsum(steps)])
    return ranks


def merge(ordered: Sequence[Int64], first: int = 0) -> list[Int64]:
    """Dense positions from `first` for parts whose stamps ascend; among equal stamps an earlier part comes first.

    >>> [part.tolist() for part in merge([np.array([5]), np.array([1, 5])])]
    [[1], [0, 2]]
    """
    total = sum(len(part) for part in ordered)
    if len(ordered) == 1:
        return [np.arange(first, first + total)]
    order = np.argsort(np.concatenate(ordered), kind="stable")
    places = np.empty(total, np.int64)
    places[order] = np.arange(first, first + total)
    return np.split(places, np.cumsum([len(part) for part in ordered])[:-1])
