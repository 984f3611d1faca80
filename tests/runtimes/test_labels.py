"""Labels decided up to a load, while others go on loading."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dayshift.lifecycle.labels import decide_labels, update_labels
from dayshift.lifecycle.project import Project
from dayshift.runtimes import nightly
from tests.runtimes.conftest import Shop
from tests.runtimes.live.taps import Feed
from tests.runtimes.live.test_run import feed_of, go, project_again

DAYS = 8
ABOUT = ["order_id", "as_of", "label", "ripe_at"]


@pytest.fixture
def lived(shop: Shop) -> Project:
    """A shop whose lake holds a load a day, and no label."""
    project = shop.open()
    for day in range(DAYS):
        shop.write_day(day)
        nightly.run(project, shop.night(day))
    whole = project.labels.scan().collect()
    project.labels.replace(iter([whole.clear()]), pl.lit(True), "test", 1)
    return project


def test_later_loads_are_as_if_they_were_not_there(lived: Project, shop: Shop) -> None:
    """What is decided up to a load is what was decided when that was the last one, and it says so."""
    now = shop.night(DAYS)
    decided = decide_labels(lived, now, 5)
    rows = lived.labels.scan().collect()
    assert decided.written == rows.height > 0
    assert decided.known_until is not None
    assert rows["ripe_at"].max() <= decided.known_until  # type: ignore[operator]
    assert rows["_load"].unique().to_list() == [5]
    events = lived.lake.events("orders", 5).select(pl.col("_position").max()).collect().item()
    returns = lived.lake.events("returns", 5).select(pl.col("_position").max()).collect().item()
    assert decided.known_until.timestamp() * 1e6 == max(events, returns)


def test_labels_of_load_after_load_are_those_of_all_loads(lived: Project, shop: Shop) -> None:
    """Whichever loads somebody decides up to, none is left out and none is doubled."""
    now = shop.night(DAYS)
    for load in (2, 3, 3, 6, 7):
        decide_labels(lived, now, load)
    step_by_step = update_labels(lived, now)
    found = lived.labels.scan().select(ABOUT).sort(ABOUT).collect()
    lived.labels.replace(iter([lived.labels.scan().collect().clear()]), pl.lit(True), "test", 2)
    at_once = update_labels(lived, now)
    assert found.equals(lived.labels.scan().select(ABOUT).sort(ABOUT).collect())
    assert (step_by_step.ripe, step_by_step.unripe) == (at_once.ripe, at_once.unripe)


@pytest.mark.parametrize("late", [False, True])
def test_of_two_who_decide_at_the_same_time_one_writes(
    lived: Project, shop: Shop, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """As when a process of a run that was killed still works while a night begins: nothing is doubled."""
    now, other = shop.night(DAYS), shop.open()
    if late:  # there are labels to be put right, too
        decide_labels(other, now, 5)
        wrong = pl.when(pl.int_range(pl.len()) % 2 == 0).then(0).otherwise("label").alias("label")
        rows = lived.labels.scan().collect().with_columns(wrong.cast(pl.Int32), _load=pl.lit(0, pl.Int64))
        lived.labels.replace(iter([rows]), pl.lit(True), "test", 2)
    real = type(lived.engine).labels

    def meanwhile(*given: object) -> pl.DataFrame:
        monkeypatch.undo()
        update_labels(other, now)
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(type(lived.engine), "labels", meanwhile)
    decide_labels(lived, now, 7)
    found = lived.labels.scan().sort(ABOUT).collect()
    assert found.select("order_id").is_duplicated().sum() == 0
    update_labels(lived, now)
    assert_frame_equal(lived.labels.scan().sort(ABOUT).collect(), found, check_exact=True)
    lived.labels.replace(iter([found.clear()]), pl.lit(True), "test", 3)
    update_labels(lived, now)
    assert_frame_equal(lived.labels.scan().sort(ABOUT).select(ABOUT).collect(), found.select(ABOUT), check_exact=True)


def test_a_source_that_a_later_load_began_is_not_there_yet(shop: Shop) -> None:
    """Up to a load before its first one, it has neither a clock nor answers."""
    for day in range(6):
        shop.write_day(day)
    records = feed_of(shop, range(6))
    orders = [one for one in records if one[0] == "orders"]
    project = shop.open()
    go(project, Feed(orders))
    last = project.lake.last_load
    go(project_again(project), Feed([*orders, *(one for one in records if one[0] != "orders")]))
    project = shop.open()
    assert project.lake.has_events("returns")
    assert not project.lake.has_events("returns", last)
    assert decide_labels(project, shop.night(9), last).written > 0
    assert project.labels.scan().select("label").collect()["label"].unique().to_list() == [0]
    assert update_labels(project, shop.night(9)).corrected > 0
