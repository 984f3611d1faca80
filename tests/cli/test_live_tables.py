"""How `dayshift status` tells of a live run: where events come from, and how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from dayshift.cli.live_tables import _places, live_tables


def _rows(state: dict[str, Any]) -> dict[str, str]:
    (shown,) = _places("Where events come from", {"payments": state})
    return {key: value for _, key, value in shown.rows}


def test_a_topic_is_one_row_however_many_partitions_it_has() -> None:
    """Its partitions and their lag together, and how many of them another process reads."""
    parts = {f"payments pay/{n}": {"next": n, "lag": 2, "buffered": 0, "bytes": 0, "mine": n < 90} for n in range(100)}
    rows = _rows({"partitions": parts, "lag": 200, "elsewhere": [f"pay/{n}" for n in range(90, 100)]})
    assert rows["topic pay of payments"] == "100 partitions, lag 200, 10 of them elsewhere"
    assert rows["lag"] == "200"
    assert rows["read by others"].endswith("pay/97 and 2 more")
    assert "partitions" not in rows


def test_zeros_that_say_nothing_are_left_out() -> None:
    """A lag of 0 says that all was taken; that nothing waits in a buffer says nothing."""
    rows = _rows({"brokers": "b:9092", "waiting": [], "buffered": 0, "bytes": 0, "went_on_without": 0, "lag": 0})
    assert rows == {"brokers": "b:9092", "lag": "0"}
    assert _rows({"buffered": 3, "bytes": 120}) == {"read, not taken yet": "3", "bytes of these": "120"}


@pytest.mark.parametrize(
    ("state", "lacking", "how"),
    [
        ("ended", (), "ended in order"),
        ("ended", ("b",), "ended in order, but output 'b' lacks rows, which the next run sends"),
        ("ended", ("b", "a"), "ended in order, but outputs 'a', 'b' lack rows, which the next run sends"),
        ("stopped", ("a",), "was stopped by an error (no topic): the next run settles what it left"),
        ("running", (), "was killed: the next run settles what it left"),
    ],
)
def test_how_a_run_ended_and_which_outputs_lack_rows_is_one_sentence(
    state: str, lacking: tuple[str, ...], how: str
) -> None:
    """What it left undone is told with the end itself."""
    outputs = {name: {"lacks_rows": name in lacking} for name in "abc"}
    found: dict[str, Any] = {"alive": False, "pid": 7, "state": state, "problem": "no topic", "outputs": outputs}
    (said,) = live_tables({**found, "at": "2026-01-10T02:24:00+00:00"})
    assert said == f"The last live run (process 7) {how}; it was last heard of at 2026-01-10 02:24:00 UTC"
