"""Seconds and memory of the steps of a run."""

import sys

import pytest

from dayshift.runtimes.meter import Meter


def test_a_step_is_kept_with_its_figures() -> None:
    """Every block leaves one step with what it took."""
    meter = Meter()
    with meter.step("ingest"):
        sum(range(1000))
    assert [step.name for step in meter.steps] == ["ingest"]
    assert meter.steps[0].seconds >= 0
    assert meter.steps[0].peak_mb > 1


def test_a_step_is_told_when_it_begins() -> None:
    """Whoever watches a run sees what it is at, not what it has done."""
    told: list[str] = []
    meter = Meter(begun=told.append)
    with meter.step("train"):
        assert told == ["train"]


def test_a_step_that_fails_is_kept_too() -> None:
    """The time that was lost in a failing step is part of the report."""
    meter = Meter()
    with pytest.raises(ValueError, match="no"), meter.step("features"):
        raise ValueError("no")
    assert [step.name for step in meter.steps] == ["features"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process forget its own peak")
def test_the_peak_is_the_steps_own() -> None:
    """A step after a large one does not inherit its peak."""
    meter = Meter()
    with meter.step("large"):
        held = bytearray(200_000_000)
        del held
    with meter.step("small"):
        pass
    assert meter.steps[0].peak_mb - meter.steps[1].peak_mb > 100
