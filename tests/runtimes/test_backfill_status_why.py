"""Backfill, status and why on a small shop."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from dayshift.diagnostics import NotReady, UsageError
from dayshift.runtimes import backfilling, nightly, status, training, why
from tests.runtimes.conftest import FIRST, ORDERS_A_DAY, Shop


@pytest.fixture
def nights(shop: Shop) -> Shop:
    """A shop after six nights."""
    project = shop.open()
    for day in range(6):
        shop.write_day(day)
        nightly.run(project, shop.night(day))
    return shop


@pytest.mark.slow
def test_a_backfill_replaces_rows_and_changes_none_of_their_bits(nights: Shop) -> None:
    """As known then, the answers are what they were: the history's driver and the saved state agree."""
    project = nights.open()
    before = project.features.scan().collect().sort("order_id")
    start = FIRST + dt.timedelta(days=1)
    report = backfilling.run(project, start, start + dt.timedelta(days=2), nights.night(6))
    assert report.features == 2 * ORDERS_A_DAY
    assert project.features.scan().collect().sort("order_id").equals(before, null_equal=True)


@pytest.mark.slow
def test_a_backfill_scores_with_the_champion(nights: Shop) -> None:
    """Predictions of the range are the champion's, each once."""
    project = nights.open()
    training.run(project, nights.night(6))
    start = FIRST + dt.timedelta(days=1)
    for _ in range(2):
        report = backfilling.run(project, start, start + dt.timedelta(days=3), nights.night(6))
        assert report.predictions == 3 * ORDERS_A_DAY
    keys = project.predictions.scan().select("order_id", "as_of").collect()
    assert keys.height == keys.unique().height


@pytest.mark.slow
def test_hindsight_is_a_policy_of_its_own(nights: Shop) -> None:
    """Rows with complete data stand beside those that were known, and say so."""
    project = nights.open()
    start = FIRST + dt.timedelta(days=1)
    backfilling.run(project, start, start + dt.timedelta(days=1), nights.night(6), policy="hindsight")
    counted = project.features.scan().group_by("_policy").len().collect()
    assert dict(counted.iter_rows()) == {"as_known": 6 * ORDERS_A_DAY, "hindsight": ORDERS_A_DAY}
    assert status.read(project, nights.night(6)).questions == 6 * ORDERS_A_DAY, "each question is counted once"


def test_an_empty_range_and_an_empty_lake_are_refused(shop: Shop) -> None:
    """Nothing to do is said, with the command that would do something."""
    project = shop.open()
    with pytest.raises(NotReady, match="DS710"):
        backfilling.run(project, FIRST, FIRST + dt.timedelta(days=1), FIRST)
    shop.write_day(0)
    nightly.run(project, shop.night(0))
    with pytest.raises(UsageError, match="DS730"):
        backfilling.run(project, FIRST, FIRST, FIRST)


def test_status_counts_what_is_there(shop: Shop) -> None:
    """Before the first night all is empty; after it, the counts are the night's."""
    project = shop.open()
    empty = status.read(project, FIRST)
    assert (empty.loads, empty.questions, empty.champion) == (0, 0, None)
    shop.write_day(0)
    nightly.run(project, shop.night(0))
    now = status.read(project, shop.night(0))
    assert (now.loads, now.questions) == (1, ORDERS_A_DAY)
    assert {one.source: one.events for one in now.sources}["orders"] == ORDERS_A_DAY
    assert [ran.verb for ran in now.runs] == ["run"]
    assert now.due["run"] == shop.night(1)


@pytest.mark.slow
def test_why_counts_the_events_that_made_the_value(nights: Shop) -> None:
    """The events that are shown are as many as the count, and both implementations agree."""
    project = nights.open()
    row = project.features.scan().filter(pl.col("orders_7d") > 2).head(1).collect().row(0, named=True)
    found = why.explain(project, "orders_7d", [row["order_id"]])
    assert found.equal
    assert found.value == row["orders_7d"] == len(found.counted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("feature", "key", "code"), [("orders_8d", ["o1"], "DS750"), ("orders_7d", ["a", "b"], "DS751")]
)
def test_why_refuses_what_does_not_exist(nights: Shop, feature: str, key: list[str], code: str) -> None:
    """A wrong name or key is told with the nearest right one."""
    with pytest.raises(UsageError, match=code):
        why.explain(nights.open(), feature, key)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-01-14", 1),
        ("2026-01-14 00:00", 1),
        ("2026-01-14T00:00:00Z", 1),
        ("2026-01-14T01:00:00+01:00", 1),
        ("2026-01-14T06:00", 1),
        ("2026-01-14T03:00", 0),
        ("2026-01", 0),
        ("yesterday", 0),
    ],
)
def test_a_calendars_question_is_found_by_its_moment(text: str, found: int) -> None:
    """However the moment is written; a text that several moments begin with names none of them."""
    start = dt.datetime(2026, 1, 14, tzinfo=dt.UTC)
    asked = pl.DataFrame({"as_of": [start, start + dt.timedelta(hours=6)]})
    assert asked.filter(why._matches("as_of", text)).height == found


@pytest.mark.slow
def test_why_offers_a_question_that_was_asked(nights: Shop) -> None:
    """The hint of a key that is not there can be pasted, and works."""
    project = nights.open()
    with pytest.raises(UsageError, match="DS752") as caught:
        why.explain(project, "orders_7d", ["nobody"])
    *_, feature, key = (caught.value.problems[0].hint or "").split()
    assert why.explain(project, feature, [key]).equal
