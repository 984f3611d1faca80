"""Every step that touches the storage, interrupted right before and right after: the next run makes it whole.

test_kill.py kills a real process at random; here each boundary between two writes is met for certain.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import deltalake
import deltalake.table
import deltalake.transaction
import pytest

from dayshift.lake import Lake
from dayshift.lake import files as files_module
from dayshift.lake import load as load_module
from dayshift.lake import table as table_module
from tests.lake import work
from tests.lake.test_kill import check, check_events


class Killed(BaseException):
    """The process ends here."""


class Fate:
    """Counts the steps and ends the process at one of them; from then on nothing more is done, cleaning up included."""

    def __init__(self) -> None:
        self.steps = 0
        self.at: int | None = None
        self.dead = False

    def step(self) -> None:
        self.steps += 1
        if self.dead or self.steps == self.at:
            self.dead = True
            raise Killed

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def interrupted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            done = function(*args, **kwargs)
            self.step()
            return done

        return interrupted

    def unless_dead(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def skipped(*args: Any, **kwargs: Any) -> Any:
            return None if self.dead else function(*args, **kwargs)

        return skipped


STEPS: tuple[tuple[Any, str], ...] = (
    (deltalake.DeltaTable, "create_write_transaction"),
    (deltalake.DeltaTable, "vacuum"),
    (deltalake.DeltaTable, "create_checkpoint"),
    (deltalake.table.TableAlterer, "add_columns"),
    (deltalake.transaction, "create_table_with_add_actions"),
    (files_module.Writer, "write"),
    (Path, "replace"),
    (Path, "unlink"),
)
EVERY = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 5
CLEANING: tuple[tuple[Any, str], ...] = ((load_module.Load, "close"), (table_module._Batch, "undo"))


@pytest.fixture
def fate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fate]:
    made = Fate()
    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, made.around(getattr(owner, name)))
    for owner, name in CLEANING:
        monkeypatch.setattr(owner, name, made.unless_dead(getattr(owner, name)))
    yield made
    made.at, made.dead = None, False


def _advance(root: Path) -> None:
    lake = Lake(root)
    with lake.lock():
        work.one_load(lake)
        work.catch_up(lake)


def _prepared(root: Path, loads: int) -> None:
    for _ in range(loads):
        _advance(root)


def _interrupt(root: Path, fate: Fate, at: int) -> None:
    """Run as far as step `at`, then end as a killed process does: the lock goes, nothing else happens."""
    lake = Lake(root)
    fate.steps, fate.at, fate.dead = 0, at, False
    with pytest.raises(Killed):
        _doomed(lake)
    fate.at, fate.dead = None, False
    assert lake._lock is not None
    lake._lock.drop()


def _doomed(lake: Lake) -> None:
    with lake.lock():
        work.one_load(lake)
        work.catch_up(lake)


@pytest.mark.slow
@pytest.mark.parametrize("loads", [0, 2, 4])
def test_a_run_interrupted_at_any_step_is_made_whole_by_the_next(loads: int, tmp_path: Path, fate: Fate) -> None:
    """Load 1 creates all tables, load 3 adds a column and compacts, load 5 deletes old events and versions."""
    _prepared(tmp_path / "base", loads)
    base, last = tmp_path / "base", loads + 1
    base.mkdir(exist_ok=True)
    shutil.copytree(base, tmp_path / "count")
    fate.steps = 0
    _advance(tmp_path / "count")
    points = fate.steps
    assert points > 40
    for at in range(1 + loads % EVERY, points + 1, EVERY):
        root = tmp_path / f"at-{at}"
        shutil.copytree(base, root)
        _interrupt(root, fate, at)
        before = Lake(root).last_load
        assert before in (loads, last)
        if before:
            check_events(Lake(root), before, max(work.horizon(load) for load in range(1, before + 1)))
        with (again := Lake(root)).lock():
            work.catch_up(again)
            if again.last_load < last:
                work.one_load(again)
                work.catch_up(again)
        check(Lake(root), last)
        shutil.rmtree(root)
