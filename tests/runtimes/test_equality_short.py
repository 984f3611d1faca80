"""The short form of `make bench NAME=equality`: live through kills and a restart of the broker, against nightly and reference."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests import services

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("--cases", "flights", "--events", "30000", "--kills", "6", "--restarts", "1", "--sample", "50")


def _compare(found: pl.DataFrame, expected: pl.DataFrame) -> Any:
    """The benchmark's own comparison, by its column `x`."""
    specification = importlib.util.spec_from_file_location("_compare", ROOT / "bench" / "_compare.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["_compare"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module.compare(found, expected, ["id"], ["x"])


EXPECTED = pl.DataFrame({"id": [1, 2, 3], "x": [0.1, None, -0.0]})


@pytest.mark.parametrize(
    ("found", "counted"),
    [
        ([(1, 0.1), (2, None), (3, -0.0)], (0, 0, 0, 0)),
        ([(1, 0.1 + 2**-56), (2, None), (3, -0.0)], (1, 0, 0, 0)),
        ([(1, 0.1), (2, 0.0), (3, -0.0)], (1, 0, 0, 0)),
        ([(1, 0.1), (2, None), (3, 0.0)], (1, 0, 0, 0)),
        ([(1, 0.1), (3, -0.0)], (0, 1, 0, 0)),
        ([(1, 0.1), (2, None), (3, -0.0), (3, -0.0)], (0, 0, 1, 0)),
        ([(1, 0.1), (2, None), (3, -0.0), (4, 1.0)], (0, 0, 0, 1)),
    ],
    ids=["same", "one bit", "null and zero", "signed zero", "lost", "twice", "nobody asked"],
)
def test_the_comparison_sees_every_fault(
    found: list[tuple[int, float | None]], counted: tuple[int, int, int, int]
) -> None:
    """A proof of zero differences is worth what its comparison would have found: each planted fault is counted, as what it is."""
    count = _compare(pl.DataFrame(found, schema=EXPECTED.schema, orient="row"), EXPECTED)
    assert (count.differing, count.lost, count.doubled, count.unasked) == counted


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
