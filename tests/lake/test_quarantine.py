"""Rows that are held, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dayshift.diagnostics import UsageError
from dayshift.lake import Lake, LoadRecord
from tests.lake.parts import NOW, bad, code_of, events


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one load that held three rows."""
    made = Lake(tmp_path / "lake")
    with made.begin_load(NOW) as load:
        load.quarantine(bad("payments", 4, 7))
        load.quarantine(bad("payments", 9))
        load.commit(LoadRecord("payments", 3, 0, 3))
    return made


def states(lake: Lake) -> dict[str, str]:
    frame = lake.quarantine().collect()
    return dict(zip(frame["id"], frame["state"], strict=True))


def test_held_rows_have_an_identity_and_their_load(lake: Lake) -> None:
    """An id is unique over all loads; the reason, the origin and the raw text are kept."""
    frame = lake.quarantine().collect()
    assert frame["id"].to_list() == ["1-1", "1-2", "1-3"]
    assert frame["row"].to_list() == [4, 7, 9]
    assert set(frame["_load"]) == {1}
    assert set(frame["state"]) == {"held"}


def test_a_readmission_is_part_of_its_load(lake: Lake) -> None:
    """The row is an event and "readmitted" by one commit; when the load is given up, it is still held."""
    load = lake.begin_load(NOW)
    load.append("payments", events(4))
    load.settle_quarantine(["1-1"], "readmitted")
    load.close()
    assert states(lake) == {"1-1": "held", "1-2": "held", "1-3": "held"}
    with lake.begin_load(NOW) as load:
        load.append("payments", events(4))
        load.settle_quarantine(["1-1"], "readmitted")
        load.commit(LoadRecord("payments", 1, 1))
    assert states(lake) == {"1-1": "readmitted", "1-2": "held", "1-3": "held"}


def test_the_last_word_on_a_row_counts(lake: Lake) -> None:
    """Dropped, then readmitted after all; compaction changes nothing about it."""
    lake.settle_quarantine(["1-2", "1-3"], "dropped")
    lake.settle_quarantine(["1-3"], "readmitted")
    lake.settle_quarantine([], "dropped")
    assert states(lake) == {"1-1": "held", "1-2": "dropped", "1-3": "readmitted"}
    lake.compact()
    lake.settle_quarantine(["1-3"], "dropped")
    assert states(lake) == {"1-1": "held", "1-2": "dropped", "1-3": "dropped"}


def test_a_state_that_is_none_is_refused(lake: Lake) -> None:
    """Held rows become readmitted or dropped."""
    with pytest.raises(UsageError) as caught:
        lake.settle_quarantine(["1-1"], "fixed")
    assert code_of(caught.value) == "DS411"
