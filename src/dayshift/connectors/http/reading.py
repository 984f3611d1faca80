"""The texts of many records as tables, in bounded memory.

A table has a column for each name that any of its records has, so a thousand records with a thousand names each, all
different, would be a billion cells. Texts are therefore read in runs that cannot become too large, whatever their names,
and the runs are put together where their names turn out to fit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from dayshift.connectors.files.jsonl import read_objects

MOST_CELLS = 4_000_000


@dataclass(frozen=True)
class Run:
    """The texts from `start` up to `stop`: the rows of those that are objects, their places, and what is wrong with others."""

    start: int
    stop: int
    frame: pl.DataFrame
    places: pl.Series
    faults: tuple[tuple[int, str], ...]


def read(texts: Sequence[bytes], most_cells: int = MOST_CELLS) -> list[Run]:
    """All texts, in as few runs as the memory allows.

    >>> [(run.frame.columns, run.places.to_list(), len(run.faults)) for run in read([b'{"a": 1}', b"x", b'{"b": 2}'])]
    [(['a', 'b'], [0, 2], 1)]
    >>> [run.frame.columns for run in read([b'{"a": 1}', b'{"b": 2}'], most_cells=1)]
    [['a'], ['b']]
    """
    runs: list[Run] = []
    for start, stop in _bounds(texts, most_cells):
        found = read_objects(texts[start:stop])
        faults = tuple((start + at, reason) for at, reason in found.faults)
        runs.append(Run(start, stop, found.frame, found.places + start, faults))
    return list(_together(runs, most_cells))


def _bounds(texts: Sequence[bytes], most_cells: int) -> Iterator[tuple[int, int]]:
    """Runs of texts of which no table can have more cells: a name has a colon."""
    start = colons = 0
    for at, text in enumerate(texts):
        more = text.count(b":")
        if at > start and (at + 1 - start) * (colons + more) > most_cells:
            yield start, at
            start, colons = at, 0
        colons += more
    if start < len(texts):
        yield start, len(texts)


def _together(runs: Sequence[Run], most_cells: int) -> Iterator[Run]:
    group: list[Run] = []
    names: set[str] = set()
    rows = 0
    for run in runs:
        union = names | set(run.frame.columns)
        if group and (len(union) * (rows + run.frame.height) > most_cells or "" in union):
            yield _joined(group)
            group, union, rows = [], set(run.frame.columns), 0
        group.append(run)
        names, rows = union, rows + run.frame.height
    if group:
        yield _joined(group)


def _joined(runs: Sequence[Run]) -> Run:
    if len(runs) == 1:
        return runs[0]
    frame = pl.concat([run.frame for run in runs], how="diagonal")
    places = pl.concat([run.places.cast(pl.Int64) for run in runs])
    return Run(runs[0].start, runs[-1].stop, frame, places, tuple(fault for run in runs for fault in run.faults))


__all__ = ["MOST_CELLS", "Run", "read"]
