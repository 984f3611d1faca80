"""The short form of `make bench NAME=equality`: live through kills and a restart of the broker, against nightly and reference."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import services

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--cases", "flights", "--events", "30000", "--kills", "6", "--restarts", "1", "--sample", "50")


@pytest.fixture(scope="module")
def found(kafka: services.Cluster) -> dict[str, Any]:
    """The last line of the benchmark's short form; `kafka` is asked for so that it skips where there is none."""
    del kafka  # the benchmark restarts its broker, so it has one of its own
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench" / "equality.py"), *SHORT],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    print(done.stderr, done.stdout)
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.kafka
@pytest.mark.slow
def test_nothing_is_lost_doubled_or_different_after_kills_and_a_restart_of_the_broker(found: dict[str, Any]) -> None:
    """30,000 events of three topics, the process killed six times and the broker once: the lake and the output topic hold
    what the nightly run of the same file computes, every answer once."""
    assert [found[name] for name in ("differing", "lost", "doubled", "unasked")] == [0, 0, 0, 0], found["first"]
    assert found["values"] > 500_000


@pytest.mark.kafka
@pytest.mark.slow
def test_the_run_was_really_disturbed(found: dict[str, Any]) -> None:
    """A proof by chaos needs the chaos: each life was killed, or ended because the broker was away."""
    (chaos,) = found["chaos"]
    assert chaos["kills"] + chaos["gave_up"] == 6
    assert found["broker_restarts"] == 1
