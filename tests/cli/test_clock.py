"""The scheduler's clock waits, and stops when it is told to."""

import datetime as dt
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from dayshift.cli.clock import RealClock


@pytest.fixture
def clock() -> Iterator[RealClock]:
    """A clock that listens to signals; the signals are given back afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    clock = RealClock()
    clock.stop_on_signals()
    yield clock
    for number, action in before.items():
        signal.signal(number, action)


def test_a_time_that_has_passed_is_not_waited_for(clock: RealClock) -> None:
    """The clock says at once that it is time."""
    assert clock.wait_until(clock.now() - dt.timedelta(seconds=1))


def test_a_short_wait_ends_by_itself(clock: RealClock) -> None:
    """After the wait the time has come."""
    time = clock.now() + dt.timedelta(milliseconds=30)
    assert clock.wait_until(time)
    assert clock.now() >= time


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting(clock: RealClock, number: int) -> None:
    """Told to stop, it answers False, and does not wait again."""
    threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    assert not clock.wait_until(clock.now() + dt.timedelta(hours=1))
    assert not clock.wait_until(clock.now())
