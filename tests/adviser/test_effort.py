"""A clock that counts work, so that a busy machine gives the same advice."""

import pytest

from dayshift.adviser import effort as module
from dayshift.adviser.effort import PATIENCE, Effort


class Clocks:
    """CPU and wall seconds that a test turns by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cpu = self.wall = 100.0
        monkeypatch.setattr(module.time, "process_time", lambda: self.cpu)
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.wall)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_waiting_for_others_is_no_work(clocks: Clocks) -> None:
    """A machine that is busy with something else does not bring the limit nearer."""
    effort = Effort()
    limit = effort.until(10.0)
    clocks.wall += 30.0
    clocks.cpu += 9.0
    assert (effort.spent, effort.waited) == (9.0, 30.0)
    assert not limit.past
    clocks.cpu += 2.0
    assert limit.past


def test_the_work_of_processes_counts_as_if_they_had_worked_side_by_side(clocks: Clocks) -> None:
    """Two processes of six seconds each are six seconds of an idle machine."""
    effort = Effort()
    effort.worked(6.0, processes=2)
    effort.worked(6.0, processes=2)
    assert effort.spent == 6.0
    assert effort.until(1.0).spent == 7.0


def test_patience_has_an_end(clocks: Clocks) -> None:
    """After four times the limit whoever waits gets what there is, however little was worked."""
    limit = Effort().until(10.0)
    clocks.wall += PATIENCE * 10.0
    assert not limit.past
    clocks.wall += 0.1
    assert limit.past
