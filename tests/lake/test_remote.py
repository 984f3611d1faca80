"""A lake that is reached by URI only, as an object store is: a folder by its `file://` URI stands in for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayshift.lake import Lake, LoadRecord
from dayshift.lake.loads import Loads
from dayshift.lake.place import Place
from tests.lake.parts import NOW, bad, events, load_of, positions

FOLDERS = ("loads", "events/payments", "quarantine/rows", "quarantine/settled", "ledger", "features/p")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """No path and no lock; an object store needs no folders, the stand-in does."""
    for folder in FOLDERS:
        (tmp_path / "far" / folder).mkdir(parents=True)
    made = Lake("s3://stand-in")
    made.root = Place((tmp_path / "far").as_uri(), None, {})
    made._loads = Loads(made.root / "loads")
    return made


@pytest.mark.filterwarnings("ignore:.*has no lock")
def test_loads_tables_and_upkeep_need_no_folder(lake: Lake) -> None:
    """Everything but the lock and the states goes through delta-rs and Polars."""
    load_of(lake, {"payments": [events(1, 2), events(3)]})
    load_of(lake, {"payments": events(4, channel="web")})
    with lake.begin_load(NOW) as load:
        file = load.append("payments", events(5, 6))
        load.discard("payments", file, [0])
        load.quarantine(bad("payments", 1))
        load.commit(LoadRecord("payments", 3, 1, 1, 1))
    assert (positions(lake, "payments"), positions(lake, "payments", 1)) == ([1, 2, 3, 4, 6], [1, 2, 3])
    table = lake.table("features", "p")
    assert [table.append_once(events(1), "run", 1), table.append_once(events(1), "run", 1)] == [True, False]
    assert table.replace(events(2), "_position IN (1, 2)", "backfill", 1) == 1
    lake.compact()
    lake.retain(2, 0, NOW)
    assert positions(lake, "payments") == [2, 3, 4, 6]


@pytest.mark.filterwarnings("ignore:.*has no lock")
def test_a_load_that_was_given_up_is_never_seen(lake: Lake) -> None:
    """Its files stay where they are, and count for nothing."""
    load_of(lake, {"payments": events(1)})
    with lake.begin_load(NOW) as load:
        load.append("payments", events(2))
    load_of(lake, {"payments": events(3)})
    assert positions(lake, "payments") == [1, 3]


def test_the_absence_of_the_lock_is_said(lake: Lake) -> None:
    """A warning, not silence."""
    with pytest.warns(RuntimeWarning, match="has no lock"):
        lake.begin_load(NOW).close()
