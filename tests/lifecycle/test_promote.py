"""Promotion and its way back."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from dayshift.diagnostics import UsageError
from dayshift.learners.estimator import fit
from dayshift.learners.registry import CHAMPION, Entry, Registry
from dayshift.lifecycle.promote import promote, rollback

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def registry(empty_registry: Path, tmp_path: Path) -> Registry:
    """A registry of this test's own."""
    return Registry(Path(shutil.copytree(empty_registry, tmp_path / "registry")))


@pytest.fixture
def name(registry: Registry, request: pytest.FixtureRequest) -> str:
    """A model with three versions, named after the test."""
    frame = pl.DataFrame({"a": [0.0, 1.0, 2.0, 3.0]})
    model = fit(LogisticRegression(), frame, ["a"], pl.Series([0, 0, 1, 1]))
    for _ in range(3):
        registry.register(request.node.name, model, Entry(), NOW)
    return str(request.node.name)


def test_a_promotion_says_whom_it_replaced(registry: Registry, name: str) -> None:
    """The record holds all that the ledger needs."""
    assert promote(registry, name, 1, NOW).replaced is None
    done = promote(registry, name, 3, NOW)
    assert done.record() == {"model": name, "version": 3, "replaced": 1, "at": "2026-01-01T00:00:00+00:00"}
    assert (done.verb, done.outcome, registry.alias(name, CHAMPION)) == ("promote", "done", 3)


def test_rollback_goes_back_through_all_that_served(registry: Registry, name: str) -> None:
    """One step at a time, to the first, and then says that there is no earlier one."""
    for version in (1, 2, 3):
        promote(registry, name, version, NOW)
    assert [rollback(registry, name, NOW).version for _ in range(2)] == [2, 1]
    assert registry.alias(name, CHAMPION) == 1
    with pytest.raises(UsageError, match=r"DS650.*no earlier champion than version 1") as caught:
        rollback(registry, name, NOW)
    assert caught.value.problems[0].hint == "dayshift promote 3", "a version that is there"


def test_promoting_the_champion_changes_nothing(registry: Registry, name: str) -> None:
    """And does not cut the way back."""
    promote(registry, name, 1, NOW)
    promote(registry, name, 2, NOW)
    assert promote(registry, name, 2, NOW).outcome == "unchanged"
    assert rollback(registry, name, NOW).version == 1


def test_without_a_champion_there_is_no_way_back(registry: Registry, name: str) -> None:
    """DS650."""
    with pytest.raises(UsageError, match=r"DS650.*has no champion"):
        rollback(registry, name, NOW)


def test_a_version_that_is_not_there_is_not_promoted(registry: Registry, name: str) -> None:
    """DS621, and the champion stays."""
    promote(registry, name, 1, NOW)
    with pytest.raises(UsageError, match="DS621"):
        promote(registry, name, 9, NOW)
    assert registry.alias(name, CHAMPION) == 1
