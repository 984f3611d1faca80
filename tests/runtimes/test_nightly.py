"""The night, end to end on a small shop: what is read is loaded once, answered once, labelled when ripe, scored once."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import DayshiftError, NotReady, Refused
from dayshift.lake.ledger import Ledger
from dayshift.runtimes import nightly
from dayshift.runtimes.report import RunReport
from tests.runtimes.conftest import ORDERS_A_DAY, Shop

DAYS = 9


def _nights(shop: Shop, first: int, last: int) -> list[RunReport]:
    project, reports = shop.open(), []
    for day in range(first, last + 1):
        shop.write_day(day)
        reports.append(nightly.run(project, shop.night(day)))
    return reports


@pytest.mark.slow
def test_nights_load_answer_label_train_and_score(shop: Shop) -> None:
    """Every order is loaded and answered in its own night; labels ripen two days later; Monday trains; then all are scored."""
    reports = _nights(shop, 0, DAYS - 1)
    for report in reports:
        orders = next(one for one in report.load.sources if one.source == "orders")
        assert (orders.read, orders.loaded, orders.quarantined, orders.duplicates) == (ORDERS_A_DAY, ORDERS_A_DAY, 0, 0)
        assert report.features.rows == ORDERS_A_DAY
        assert report.labels.ripe + report.labels.unripe == ORDERS_A_DAY * report.load.load
    trained = [report for report in reports if report.training]
    assert trained, [report.notes for report in reports]
    first = reports.index(trained[0])
    assert all(report.predictions.rows == ORDERS_A_DAY for report in reports[first:])
    assert all(report.predictions.rows == 0 for report in reports[:first])
    project = shop.open()
    for table in (project.features, project.labels, project.predictions):
        assert table.scan().collect()["_fingerprint"].n_unique() == 1
    keys = project.features.scan().select("order_id", "as_of").collect()
    assert keys.height == keys.unique().height == ORDERS_A_DAY * DAYS


@pytest.mark.slow
def test_a_run_with_nothing_new_changes_nothing(shop: Shop) -> None:
    """Running again is always safe."""
    _nights(shop, 0, 1)
    project = shop.open()
    before = project.features.scan().collect()
    report = nightly.run(project, shop.night(1) + dt.timedelta(hours=1))
    assert (report.load.read, report.features.rows) == (0, 0)
    assert project.features.scan().collect().equals(before)


@pytest.mark.slow
def test_one_load_or_many_give_the_same_bits(tmp_path: Path, shop: Shop) -> None:
    """Nine nights and one night over nine days' files hold equal features, for questions without late events."""
    _nights(shop, 0, DAYS - 1)
    other = Shop(tmp_path / "other")
    other.root.mkdir()
    for name in ("pipeline.py", "dayshift.toml"):
        (other.root / name).write_text((shop.root / name).read_text())
    for day in range(DAYS):
        other.write_day(day)
    nightly.run(other.open(), other.night(DAYS - 1))
    columns = ["order_id", "as_of", *shop.open().pipeline.columns]
    many, one = (each.open().features.scan().select(columns).sort("order_id").collect() for each in (shop, other))
    assert many.equals(one, null_equal=True)


def test_a_stopped_run_is_recorded_and_leaves_nothing(shop: Shop) -> None:
    """Too many bad rows stop the run before anything is loaded; the ledger knows why."""
    shop.write_day(0)
    path = shop.root / "data" / "orders" / "000.csv"
    path.write_text(path.read_text().replace(",c1,", ",c1,-"))
    project = shop.open()
    with pytest.raises(Refused):
        nightly.run(project, shop.night(0))
    assert project.lake.last_load == 0
    assert project.lake.ledger.read(verb="run")["outcome"].to_list() == ["stopped"]


def test_a_damaged_state_is_rebuilt_and_said(shop: Shop) -> None:
    """A state that can't be read gives no smaller value: the log is read again, and the report says so."""
    _nights(shop, 0, 1)
    state = next((shop.root / "lake" / "state").rglob("*.state"))
    for path in state.parent.glob("*.state"):
        path.write_bytes(path.read_bytes()[:-7])
    shop.write_day(2)
    report = nightly.run(shop.open(), shop.night(2))
    assert report.features.rebuilt
    assert any("rebuilt" in note for note in report.notes)
    assert report.features.rows == ORDERS_A_DAY


def test_whatever_stops_a_run_is_recorded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own bug leaves a record; when the disk is full even for that, what stopped the run is told first."""
    shop.write_day(0)

    def broken(*_: object) -> None:
        raise ValueError("a bug")

    def full(*_: object) -> None:
        raise NotReady("DS404", "there is no room left")

    monkeypatch.setattr(nightly, "update_features", broken)
    with pytest.raises(ValueError, match="a bug"):
        nightly.run(shop.open(), shop.night(0))
    assert shop.open().lake.ledger.read(verb="run")["outcome"].to_list() == ["broken"]
    monkeypatch.setattr(nightly, "update_features", lambda _: (_ for _ in ()).throw(Refused("DS591", "no")))
    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(Refused) as caught:
        nightly.run(shop.open(), shop.night(0))
    assert [problem.code for problem in caught.value.problems] == ["DS591", "DS404"]


def test_a_state_of_another_version_is_rebuilt(shop: Shop) -> None:
    """After an upgrade that keeps its state otherwise, the night reads the log again instead of stopping."""
    _nights(shop, 0, 1)
    project = shop.open()
    state = project.lake.state(project.pipeline.name)
    state.save(project.fingerprint, 2, b"DAYSHIFT of another version")
    shop.write_day(2)
    report = nightly.run(shop.open(), shop.night(2))
    assert report.features.rebuilt
    assert report.features.rows == ORDERS_A_DAY


def test_a_features_table_that_lost_its_last_commit_is_filled_again(shop: Shop) -> None:
    """The state is ahead of the table then: an older one, or the log, gives the same rows, and none is doubled."""
    _nights(shop, 0, 2)
    project = shop.open()
    before = project.features.scan().sort("order_id").collect()
    log = Path(str(project.lake.root)) / "features"
    max(log.rglob("_delta_log/*.json")).unlink()
    assert shop.open().features.scan().collect().height == 2 * ORDERS_A_DAY
    report = nightly.run(shop.open(), shop.night(2) + dt.timedelta(hours=1))
    assert report.features.rows == ORDERS_A_DAY
    assert shop.open().features.scan().sort("order_id").collect().equals(before)


def test_a_features_table_that_answers_more_than_was_loaded_is_refused(shop: Shop) -> None:
    """`loads` lost its last commit: the next load would take the same number, and its questions would never be answered."""
    _nights(shop, 0, 1)
    max((shop.root / "lake" / "loads" / "_delta_log").glob("*.json")).unlink()
    with pytest.raises(DayshiftError, match="DS403"):
        nightly.run(shop.open(), shop.night(1) + dt.timedelta(hours=1))


@pytest.mark.slow
def test_a_changed_definition_goes_to_its_own_table(shop: Shop) -> None:
    """The old features stay as they were; the new definition answers all history anew."""
    _nights(shop, 0, 1)
    old = shop.open()
    before = old.features.scan().collect()
    pipeline = shop.root / "pipeline.py"
    pipeline.write_text(pipeline.read_text().replace('"2d", "7d"', '"3d", "7d"'))
    shop.write_day(2)
    project = shop.open()
    report = nightly.run(project, shop.night(2))
    assert report.features.rows == 3 * ORDERS_A_DAY
    assert project.fingerprint != old.fingerprint
    assert old.features.scan().collect().equals(before)


@pytest.mark.slow
def test_the_first_night_interrupted_before_scoring_is_scored_by_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its features are in the lake already, and no prediction ever was: the questions are not taken for old ones."""
    for day in range(DAYS):
        shop.write_day(day)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(nightly, "update_predictions", interrupted)
        with pytest.raises(KeyboardInterrupt):
            nightly.run(shop.open(), shop.night(DAYS - 1))
    report = nightly.run(shop.open(), shop.night(DAYS - 1))
    assert report.features.rows == 0
    assert report.predictions.rows > ORDERS_A_DAY
    idle = shop.open()
    assert nightly.run(idle, shop.night(DAYS)).predictions.rows == 0, "each is scored once"
    assert idle.registry._client is None, "and a night without questions does not load MLflow"


RUN = """
import datetime as dt, sys
from pathlib import Path
from dayshift.runtimes import nightly
from dayshift.runtimes.project import open_project
nightly.run(open_project(Path(sys.argv[1])), dt.datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_nothing_is_lost_or_doubled(tmp_path: Path, shop: Shop) -> None:
    """`kill -9` at random moments of the whole night; after the last run, tables equal those of undisturbed nights."""
    calm = Shop(tmp_path / "calm")
    calm.root.mkdir()
    for name in ("pipeline.py", "dayshift.toml"):
        (calm.root / name).write_text((shop.root / name).read_text())
    _nights(calm, 0, 2)
    chance, kills = random.Random(5), 0
    for day in range(3):
        shop.write_day(day)
        for latest in (0.2, 1.0, 2.0, 3.0):  # seconds; a run takes about two, and the first is never over by then
            child = subprocess.Popen([sys.executable, "-c", RUN, shop.root, shop.night(day).isoformat()])
            try:
                child.wait(timeout=chance.uniform(0.5, 1.0) * latest)
            except subprocess.TimeoutExpired:
                os.kill(child.pid, signal.SIGKILL)
                child.wait()
                kills += 1
        nightly.run(shop.open(), shop.night(day))
    assert kills >= 3
    for kind in ("features", "labels", "predictions"):
        disturbed, undisturbed = (getattr(each.open(), kind) for each in (shop, calm))
        assert disturbed.exists == undisturbed.exists
        if disturbed.exists:
            drop = pl.exclude("_load", "scored_at", "model_version")
            both = [table.scan().select(drop).sort("order_id", "as_of").collect() for table in (disturbed, undisturbed)]
            assert both[0].equals(both[1], null_equal=True), kind


def test_two_runs_at_once_are_refused(shop: Shop) -> None:
    """The lake has one writer; the second is told who it is."""
    shop.write_day(0)
    project = shop.open()
    code = f"from dayshift.lake import Lake\nwith Lake({str(shop.root / 'lake')!r}).lock():\n    print('held', flush=True)\n    input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        with pytest.raises(DayshiftError, match="DS401"):
            nightly.run(project, shop.night(0))
    finally:
        holder.communicate("\n")
    assert nightly.run(project, shop.night(0)).features.rows == ORDERS_A_DAY
