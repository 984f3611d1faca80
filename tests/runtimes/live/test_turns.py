"""How a process is set up for a live run, and that it is as before afterwards."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest

from dayshift.runtimes.live.turns import POOL, SPARE_THREADS, YIELDING, Priorities, quick_turns, rare_collections


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_polars_has_threads_to_spare_unless_somebody_said_how_many() -> None:
    """It must be told before it is imported; afterwards nothing is changed."""
    code = (
        "from dayshift.runtimes.live.turns import spare_threads; spare_threads(); "
        "import polars; print(polars.thread_pool_size()); spare_threads()"
    )
    environment = {name: value for name, value in os.environ.items() if name != POOL}
    cores = os.cpu_count() or 1
    for given, wanted in (({}, cores + SPARE_THREADS), ({POOL: "1"}, 1)):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**environment, **given}, capture_output=True, text=True, check=True
        )
        assert int(done.stdout) == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads priorities")
def test_the_lakes_threads_yield_and_the_others_do_not() -> None:
    """Polars' own do; this one does not."""
    pl.DataFrame({"x": [1, 2]}).lazy().group_by("x").len().collect()
    own, found = niceness(), Priorities()
    found.lower()
    assert found._before
    assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in found._before} == {max(YIELDING, own)}
    assert niceness() == own
    found.restore()
    assert not found._before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads names and priorities")
def test_a_thread_may_have_any_name() -> None:
    """Linux cuts names at fifteen bytes, in the middle of a letter too."""
    name = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
    before = name.read_bytes()
    name.write_bytes("ääääääää".encode()[:15])
    try:
        Priorities().lower()
    finally:
        name.write_bytes(before)


def test_the_interpreter_is_as_before_afterwards() -> None:
    """Turns and collections belong to the run."""
    before = sys.getswitchinterval(), gc.get_threshold()
    with quick_turns(), rare_collections():
        assert sys.getswitchinterval() < before[0]
        assert gc.get_threshold()[0] > before[1][0]
    assert (sys.getswitchinterval(), gc.get_threshold()) == before
