"""What the tests of polling share: a tap on one source, and a clock that stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dayshift.connectors.polling import PollingTap
from dayshift.definition import Source
from dayshift.definition.settings import Settings

NOW_US = 1_717_243_200_000_000  # 2024-06-01 12:00 UTC


def tap(root: Path, chunk_rows: int = 50, **section: Any) -> PollingTap:
    """A tap on the source `payments`, which looks every twenty milliseconds."""
    settings = Settings.model_validate(
        {
            "sources": {"payments": section},
            "ingest": {"chunk_rows": chunk_rows, "retries": 0, "backoff": "1s"},
            "live": {"poll": "20ms"},
        }
    )
    source = Source("payments", time="at", key="id", schema={"id": str})
    return PollingTap([source], settings, root, lambda: NOW_US)


def rows(first: int, count: int) -> list[dict[str, str]]:
    """Rows with an id and a time, a second apart."""
    return [
        {"id": f"p{n}", "at": f"2024-05-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}"}
        for n in range(first, first + count)
    ]
