"""A plan tells what would be done, and changes nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from dayshift.runtimes import backfilling, nightly, plans, training, upkeep
from tests.runtimes.conftest import FIRST, ORDERS_A_DAY, Shop


def _files(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_the_plan_of_a_run_names_what_is_new_and_leaves_no_trace(shop: Shop) -> None:
    """Before the first night: every file, a first load, training due, no champion; and not one file is made."""
    shop.write_day(0)
    before = _files(shop.root)
    plan = plans.of_run(shop.open(), shop.night(0))
    after = {name: time for name, time in _files(shop.root).items() if "__pycache__" not in name}
    assert after == before
    assert {one.source: len(one.origins) for one in plan.reads} == {"orders": 1, "returns": 1}
    assert (plan.load, plan.answers, plan.trains, plan.scores_with) == (1, 0, True, None)


@pytest.mark.slow
def test_what_was_planned_is_what_happens(shop: Shop) -> None:
    """The counts of each plan are those of the report that follows."""
    project = shop.open()
    for day in range(6):
        shop.write_day(day)
        nightly.run(project, shop.night(day))
    again = plans.of_run(project, shop.night(5))
    assert all(not one.origins for one in again.reads)
    assert {one.source: one.skipped for one in again.reads} == {"orders": 6, "returns": 6}
    start = FIRST + dt.timedelta(days=1)
    planned = plans.of_backfill(project, start, start + dt.timedelta(days=2), "as_known")
    done = backfilling.run(project, start, start + dt.timedelta(days=2), shop.night(5))
    assert planned.replaced_features == done.features == 2 * ORDERS_A_DAY
    ready = plans.of_training(project)
    backfilling.run(project, start, start + dt.timedelta(days=2), shop.night(5), policy="hindsight")
    assert plans.of_training(project) == ready, "a question answered with hindsight is not another question"
    report = training.run(project, shop.night(5))
    assert ready.labelled == sum(report.rows[name] or 0 for name in ("training", "holdout", "purged"))
    files = plans.of_upkeep(project, None)
    assert files.files > 0
    assert upkeep.run(project, shop.night(5)).files_fewer >= 0
