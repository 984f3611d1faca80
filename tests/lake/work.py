"""A program that works on a lake until it is killed: `python work.py ROOT LOADS`. It prints "go" when it has begun.

Everything it writes for load n is a function of n, so that a test can say what must be there after any number of
kills. It touches every kind of write: loads of three sources with a discard, a quarantine and a settlement, features
once, predictions replaced, states, the ledger, compaction, retention and vacuum.
"""

from __future__ import annotations

import sys

import polars as pl

from dayshift.lake import Lake, LoadRecord
from tests.lake.parts import NOW, bad, events

SOURCES = ("payments", "Log ins/€", "refunds")
APP = "work"


def chunks(source: str, load: int) -> list[pl.DataFrame]:
    """What load `load` brings of a source; a column more from load 3 on."""
    start = load * 1_000 + 100 * SOURCES.index(source)
    extra = {"channel": f"c{load}"} if load >= 3 and source == "payments" else {}
    return [events(*range(start + 10 * part, start + 10 * part + 10), **extra) for part in range(3)]


def horizon(load: int) -> int:
    """Below which position nothing is kept after load `load`."""
    return (load - 6) * 1_000 + 15 if load % 5 == 0 else 0


def features(load: int) -> pl.DataFrame:
    """The features computed after load `load`."""
    return pl.DataFrame({"_load": [load] * 3, "x": [load * 10 + i for i in range(3)]})


def predictions(load: int) -> pl.DataFrame:
    """The predictions that stand after load `load` for day `load // 3`."""
    return pl.DataFrame({"day": [load // 3] * 2, "p": [load / 8, load / 16]})


def one_load(lake: Lake) -> None:
    """The next load: of each source one row is discarded, the first source has two rows held."""
    with lake.begin_load(NOW) as load:
        records = []
        for source in SOURCES:
            parts = [load.append(source, chunk) for chunk in chunks(source, load.number)]
            load.discard(source, parts[1], [4])
            held = bad(source, 1, 2) if source == SOURCES[0] else bad(source)
            load.quarantine(held)
            records.append(LoadRecord(source, 30 + held.height, 29, held.height, 1))
        if load.number > 1:
            load.settle_quarantine([f"{load.number - 1}-1"], "readmitted")
        load.commit(*records)


def catch_up(lake: Lake) -> None:
    """What follows from the loads that are committed."""
    last = lake.last_load
    table = lake.table("features", "p")
    for load in range(table.last_number(APP) + 1, last + 1):
        table.append_once(features(load), APP, load)
    scores = lake.table("predictions", "p")
    for load in range(scores.last_number(APP) + 1, last + 1):
        scores.replace(predictions(load), pl.col("day") == load // 3, APP, load)
    lake.state("p").save("fp", last, b"%d" % last * 1_000)
    if last % 3 == 0:
        lake.compact()
    if horizon(last) > 0:
        lake.retain(horizon(last), 0, NOW)


def main(root: str, loads: int) -> None:
    """Work until the lake has so many loads."""
    lake = Lake(root)
    print("go", flush=True)
    with lake.lock():
        catch_up(lake)
        while lake.last_load < loads:
            one_load(lake)
            catch_up(lake)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
