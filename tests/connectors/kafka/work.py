"""What the killed process of test_kill does: ingests what is new in a topic, over and over, until it is killed."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

from dayshift.definition import Pipeline, Source, decimal
from dayshift.definition.settings import Settings
from dayshift.lake import Lake
from dayshift.lifecycle.ingest import ingest

PAYMENTS = Source("payments", time="at", key="id", schema={"id": str, "amount": decimal(2), "score": float})


def once(root: Path, brokers: str, topic: str) -> int | None:
    """One ingest of the topic; the load's number."""
    section = {"topic": topic, "brokers": brokers, "max_quarantine": 0.5}
    settings = Settings.model_validate({"sources": {"payments": section}, "ingest": {"chunk_rows": 50}})
    now = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    return ingest(Pipeline("p", predict=PAYMENTS), settings, Lake(root / "lake"), root, now).load


if __name__ == "__main__":
    print("go", flush=True)
    while True:
        once(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
