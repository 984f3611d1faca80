"""What the ledger knows of earlier runs: of this pipeline, not of its neighbours in the lake."""

from __future__ import annotations

import datetime as dt

from dayshift.runtimes import past, training
from tests.runtimes.conftest import FIRST, Shop


def test_nothing_ran_yet(shop: Shop) -> None:
    """An empty ledger: nothing ended, nothing was delivered, and the first load is unfinished."""
    project = shop.open()
    assert past.last_ended(project, past.RUN) is None
    assert past.finished_runs(project, 5) == []
    assert past.first_unfinished(project) == 1
    assert past.delivered_so_far(project) == {}


def test_another_pipeline_of_the_lake_has_a_past_of_its_own(shop: Shop) -> None:
    """What a neighbour ran, trained or delivered is not ours; what was stopped did not end."""
    project = shop.open()
    ledger, later = project.lake.ledger, FIRST + dt.timedelta(hours=1)
    run = {"features": {"last_load": 4}, "deliveries": [{"destination": "bi", "table": "t", "rows": 1, "last_load": 4}]}
    ledger.append("run", "done", {"pipeline": "neighbour", **run}, FIRST)
    ledger.append("train", "done", {"pipeline": "neighbour"}, FIRST)
    assert past.last_ended(project, "train") is None
    assert training.is_due(project, later)
    assert past.finished_runs(project, 5) == []
    assert past.first_unfinished(project) == 1

    ledger.append("run", "done", {"pipeline": "returns", **run}, FIRST)
    ledger.append("run", "stopped", {"pipeline": "returns", "problems": []}, later)
    assert past.last_ended(project, "run") == FIRST
    assert past.first_unfinished(project) == 5
    assert [one["features"] for one in past.finished_runs(project, 5)] == [run["features"]]
    assert past.delivered_so_far(project) == {}, "the settings name no destination"
