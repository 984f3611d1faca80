"""What a live run says of its waiting."""

from __future__ import annotations

from typing import Any

import pytest

from dayshift.runtimes.live.voice import PATIENCE_SECONDS, Voice

WAITS: dict[str, Any] = {"payments": {"waiting": ["group 'dayshift-shop' to share out pay/0"]}}
FAILS: dict[str, Any] = {"payments": {"error": "the folder is gone"}}
WELL: dict[str, Any] = {"payments": {"waiting": []}}


@pytest.mark.parametrize(
    ("heard", "said"),
    [
        ([(0.0, WAITS), (3.0, WAITS), (4.0, WELL)], []),
        ([(0.0, WAITS), (4.0, WELL), (5.0, WAITS), (9.0, WAITS), (10.0, WELL)], []),
        (
            [(0.0, WAITS), (PATIENCE_SECONDS, WAITS), (8.0, WAITS), (9.0, WELL), (10.0, WELL)],
            ["payments waits: group 'dayshift-shop' to share out pay/0", "payments goes on"],
        ),
        ([(0.0, FAILS), (1.0, WELL)], ["payments waits: the folder is gone", "payments goes on"]),
    ],
)
def test_a_wait_is_said_once_it_lasts_and_an_error_at_once(
    heard: list[tuple[float, dict[str, Any]]], said: list[str]
) -> None:
    """Each once, with its end; of what passed by itself within seconds not a word."""
    told: list[str] = []
    times = iter([at for at, _ in heard])
    voice = Voice(told.append, lambda: next(times))
    for _, state in heard:
        voice.hear(state)
    assert told == said
