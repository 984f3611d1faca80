"""Old events leave on purpose, on record, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayshift.lake import Lake
from dayshift.lake.ledger import Ledger
from tests.lake.parts import NOW, events, load_of, positions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake")
    load_of(made, {"payments": [events(1, 2, 3), events(10, 11)], "refunds": events(5)})
    load_of(made, {"payments": [events(2, 30)], "refunds": events(40)})
    return made


def test_events_below_the_time_go_and_the_others_stay(lake: Lake) -> None:
    """Of every source, in every load, at the microsecond."""
    report = lake.retain(3, None, NOW)
    assert report.rows == {"payments": 3, "refunds": 0}
    assert (positions(lake, "payments"), positions(lake, "refunds")) == ([3, 10, 11, 30], [5, 40])
    assert positions(lake, "payments", 1) == [3, 10, 11]


def test_the_table_remembers_from_when_it_is_complete(lake: Lake) -> None:
    """Whoever needs older events can know that they are gone; a lower time later does not bring them back."""
    assert lake.complete_from_us("payments") is None
    lake.retain(11, None, NOW)
    lake.retain(4, None, NOW)
    assert lake.complete_from_us("payments") == 11
    lake.compact()
    assert lake.complete_from_us("payments") == 11


def test_retention_is_recorded(lake: Lake) -> None:
    """The ledger says what was deleted."""
    lake.retain(3, None, NOW)
    row = lake.ledger.read(verb="retain").to_dicts()[0]
    assert (row["outcome"], row["at"]) == ("done", NOW)
    assert '"payments": 3' in row["detail"]


def test_deleted_events_leave_the_disk_with_their_versions(lake: Lake) -> None:
    """The vacuum deletes what no kept version needs, and nothing else."""
    lake.retain(10, None, NOW)
    kept = positions(lake, "payments")
    folder = Path(str(lake.root)) / "events" / "payments"
    assert len(list(folder.glob("*.parquet"))) == 4
    assert lake.retain(None, 0, NOW).files >= 2
    assert len(list(folder.glob("*.parquet"))) == 2
    assert positions(lake, "payments") == kept == [10, 11, 30]
    load_of(lake, {"payments": events(50), "refunds": events(51)})
    assert positions(lake, "payments") == [10, 11, 30, 50]


def test_a_vacuum_with_hours_keeps_what_is_young(lake: Lake) -> None:
    """Versions of the last hours can still be read."""
    table = lake.table("features", "p")
    table.append_once(events(1), "run", 1)
    table.replace(events(2), "_position >= 0", "run", 2)
    lake.retain(None, 48, NOW)
    assert table.scan(version=0).collect()["_position"].to_list() == [1]


def test_everything_may_go(lake: Lake) -> None:
    """An empty history is an answer; loads go on counting."""
    lake.retain(1_000, 0, NOW)
    assert positions(lake, "payments") == []
    assert load_of(lake, {"payments": events(2_000)}) == 3
    assert positions(lake, "payments") == [2_000]


def test_a_deletion_that_was_killed_before_its_record_is_told_by_the_next(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's numbers add up to what is gone, whenever the process died."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Ledger, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            lake.retain(3, None, NOW)
    assert positions(lake, "payments") == [3, 10, 11, 30]
    assert lake.ledger.read(verb="retain").height == 0
    assert lake.retain(3, None, NOW).rows == {"payments": 3, "refunds": 0}
    assert lake.retain(11, None, NOW).rows == {"payments": 2, "refunds": 1}
    assert lake.retain(11, None, NOW).rows == {"payments": 0, "refunds": 0}
