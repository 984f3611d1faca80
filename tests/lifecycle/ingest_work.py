"""What the killed process of test_ingest_kill does: ingests what is new in a folder, over and over, until it is killed."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from dayshift.definition import Pipeline, Source, decimal
from dayshift.definition.settings import Settings
from dayshift.lake import Lake
from dayshift.lifecycle.ingest import ingest

NAMES = ("payments", "refunds")
ROWS = 400


def source(name: str) -> Source:
    """A source with a float, whose grid has to be measured, and a decimal."""
    return Source(name, time="at", key="id", schema={"id": str, "amount": decimal(2, minimum=0), "score": float})


def text(name: str, day: int) -> str:
    """A day's file: rows, one bad, one torn, one twice, and one of the day before again."""
    lines = [f"{name}-{day}-{n},2024-05-{day + 1:02d} 10:00:00,{n}.25,{n / 7}" for n in range(ROWS)]
    lines[7] = f"{name}-{day}-7,2024-05-{day + 1:02d} 10:00:00,-1,1.0"
    lines[9] = f"{name}-{day}-9,short"
    lines += [lines[0]]
    if day:
        lines.append(f"{name}-{day - 1}-1,2024-05-{day:02d} 10:00:00,1.25,{1 / 7}")
    return "id,at,amount,score\n" + "\n".join(lines) + "\n"


def once(root: Path) -> int | None:
    """One ingest of both sources; the load's number."""
    section = {"max_quarantine": 0.5}
    given = {name: {**section, "files": f"{name}/*.csv"} for name in NAMES}
    settings = Settings.model_validate({"sources": given, "ingest": {"chunk_rows": 100}})
    both = [source(name) for name in NAMES]
    pipeline = Pipeline("p", predict=both[0], features=[both[1].by("id").over("1d").count()])
    return ingest(pipeline, settings, Lake(root / "lake"), root, dt.datetime(2024, 6, 1, tzinfo=dt.UTC)).load


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    print("go", flush=True)
    while not (folder / "stop").exists():
        once(folder)
