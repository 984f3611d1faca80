"""A run that is killed in the middle of a large file goes on there, live or nightly."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dayshift.connectors.files import FilesReader
from dayshift.definition.settings import SourceSettings
from tests.connectors.polling import work
from tests.connectors.polling.taps import rows
from tests.laws.tree import ROOT

ROWS, FILES = 30_000, 3
KILLS, BATCHES = 6, 40  # of 300 rows: even the quickest machine has not read everything when the kills are over


def _killed(root: Path, seconds: float) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "tests.connectors.polling.work", str(root), str(BATCHES)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"go\n"
    before = len(work.stored(root / "ledger.jsonl"))
    until = time.monotonic() + 30
    while len(work.stored(root / "ledger.jsonl")) == before and time.monotonic() < until:
        time.sleep(0.002)
    time.sleep(seconds)
    process.kill()
    process.wait()


@pytest.mark.slow
def test_killed_in_the_middle_of_large_files_no_row_is_read_twice_or_lost(tmp_path: Path) -> None:
    """`kill -9` at random instants; then a nightly reading would take exactly the rest, and a last live run does."""
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        lines = [f"{row['id']},{row['at']}\n" for row in rows(number * ROWS, ROWS)]
        (tmp_path / "in" / f"{number}.csv").write_text("id,at\n" + "".join(lines))
    instants = random.Random(3)
    for _ in range(KILLS):
        _killed(tmp_path, instants.uniform(0, 0.03))
    known = work.known(tmp_path / "ledger.jsonl")
    halfway = [name for entry in work.stored(tmp_path / "ledger.jsonl") for name in entry["ids"]]  # type: ignore[attr-defined]
    expected = [f"p{n}" for n in range(FILES * ROWS)]
    assert halfway == expected[: len(halfway)]
    assert 0 < len(halfway) < len(expected)

    reader = FilesReader("payments", SourceSettings(files="in/*.csv"), 1_000, tmp_path)
    rest = [name for chunk in reader.chunks(reader.plan(known.manifest, known.cursor)) for name in chunk.frame["id"]]
    assert halfway + rest == expected

    work.run(tmp_path)
    assert [name for entry in work.stored(tmp_path / "ledger.jsonl") for name in entry["ids"]] == expected  # type: ignore[attr-defined]
