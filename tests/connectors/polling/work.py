"""What the killed process of test_kill does: takes from a watched folder and stores what it took, line by line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from dayshift.connectors.contract import Origin
from dayshift.connectors.live import Known
from tests.connectors.polling.taps import tap


def stored(path: Path) -> list[dict[str, object]]:
    """What is stored: a line that a killed process left half written is not."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def known(path: Path) -> Known:
    """How far the source is read, by what is stored."""
    entries = stored(path)
    origins = tuple(Origin(**origin) for entry in entries for origin in entry["origins"])  # type: ignore[attr-defined]
    cursors = [entry["cursor"] for entry in entries if entry["cursor"]]
    return Known(origins, cursors[-1] if cursors else None)  # type: ignore[arg-type]


def run(root: Path, most_batches: int | None = None) -> None:
    """Takes and stores until nothing is left, or so many batches, and then waits for its end."""
    ledger = root / "ledger.jsonl"
    if ledger.exists():
        whole = "".join(json.dumps(entry) + "\n" for entry in stored(ledger))
        (root / "ledger.tmp").write_text(whole)
        (root / "ledger.tmp").rename(ledger)
    one = tap(root, 1_000, files="in/*.csv")
    one.open({"payments": known(ledger)}, lambda: None)
    print("go", flush=True)
    with ledger.open("a") as file:
        while most_batches is not None or not one.caught_up:
            batch = one.take(300) if most_batches != 0 else None
            if batch is None:
                time.sleep(0.001)
                continue
            entry = {
                "ids": [name for arrived in batch.arrived for name in arrived.chunk.frame["id"]],
                "cursor": batch.cursors.get("payments"),
                "origins": [vars(origin) for origin in batch.origins.get("payments", ())],
            }
            file.write(json.dumps(entry) + "\n")
            file.flush()
            most_batches = None if most_batches is None else most_batches - 1
    one.close()


if __name__ == "__main__":
    run(Path(sys.argv[1]), int(sys.argv[2]))
