"""One load: chunks in, one commit, or nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import Bug, Refused
from dayshift.lake import Lake, LoadRecord, Origin
from tests.lake.parts import NOW, bad, code_of, events, load_of, positions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_events_are_visible_after_the_commit_and_not_before(lake: Lake) -> None:
    """Until `commit` returns a reader sees nothing of a load, afterwards all of it."""
    with lake.begin_load(NOW) as load:
        load.append("payments", events(1, 2))
        assert (lake.last_load, lake.has_events("payments")) == (0, False)
        load.commit(LoadRecord("payments", 2, 2))
    assert (lake.last_load, positions(lake, "payments")) == (1, [1, 2])


def test_a_load_left_without_commit_leaves_nothing(lake: Lake) -> None:
    """An exception in the middle undoes the load, its files included."""

    def failing() -> None:
        with lake.begin_load(NOW) as load:
            load.append("payments", events(1, 2))
            load.quarantine(bad("payments", 3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert lake.last_load == 0
    assert list((Path(str(lake.root))).rglob("part-*.parquet")) == []
    assert load_of(lake, {"payments": events(7)}) == 1


def test_discarded_rows_are_never_stored_and_the_others_keep_their_order(lake: Lake) -> None:
    """Rows are named as they were appended, however often something is taken out of the same file."""
    with lake.begin_load(NOW) as load:
        first = load.append("payments", events(*range(10)))
        second = load.append("payments", events(10, 11))
        load.discard("payments", first, [0, 9])
        load.discard("payments", first, pl.Series([5, 0]))
        load.discard("payments", second, [0, 1])
        load.commit(LoadRecord("payments", 12, 7, duplicates=5))
    assert positions(lake, "payments") == [1, 2, 3, 4, 6, 7, 8]


def test_a_row_that_the_file_does_not_have_cannot_be_discarded(lake: Lake) -> None:
    """A wrong row number is a bug of the caller, not a silent nothing."""
    with lake.begin_load(NOW) as load:
        file = load.append("payments", events(1))
        for wrong in ((file, [1]), (file + 1, [0])):
            with pytest.raises(Bug) as caught:
                load.discard("payments", *wrong)
            assert code_of(caught.value) == "DS412"


@pytest.mark.parametrize(
    "record",
    [
        LoadRecord("payments", 3, 2),
        LoadRecord("payments", 3, 3),
        LoadRecord("payments", 2, 1, quarantined=1),
        LoadRecord("refunds", 2, 2),
    ],
)
def test_a_load_that_does_not_add_up_is_refused(lake: Lake, record: LoadRecord) -> None:
    """Read = loaded + quarantined + duplicates + filtered, and the lake counts loaded and quarantined for itself."""
    with lake.begin_load(NOW) as load:
        load.append("payments", events(1, 2))
        with pytest.raises(Bug) as caught:
            load.commit(record)
        assert code_of(caught.value) == "DS406"
    assert lake.last_load == 0


def test_a_load_without_a_record_is_refused(lake: Lake) -> None:
    """Somebody must say what was read."""
    with lake.begin_load(NOW) as load, pytest.raises(Bug):
        load.commit()


def test_a_source_that_brought_nothing_keeps_its_columns(lake: Lake) -> None:
    """An empty first load is a load: the events are an empty frame with types."""
    assert load_of(lake, {"payments": events()}) == 1
    assert lake.has_events("payments")
    assert lake.events("payments").collect().schema["amount"] == pl.Float64


def test_what_was_read_is_kept_with_the_load(lake: Lake) -> None:
    """The manifest (path, size, hash, rows) and the cursor come back as they were given."""
    with lake.begin_load(NOW) as load:
        load.append("payments", events(1))
        origin = Origin("in/a.csv", 120, "ab" * 32, 4)
        load.quarantine(bad("payments", 2))
        load.commit(LoadRecord("payments", 4, 1, 1, 1, 1, 120, 0.5, (origin,), "2024-05-01"))
    row = lake.loads().to_dicts()[0]
    assert row["origins"] == [{"path": "in/a.csv", "size": 120, "sha256": "ab" * 32, "rows": 4}]
    assert (row["load"], row["at"], row["cursor"], row["seconds"]) == (1, NOW, "2024-05-01", 0.5)
    assert (row["read"], row["loaded"], row["quarantined"], row["duplicates"], row["filtered"]) == (4, 1, 1, 1, 1)


def test_a_new_column_is_null_in_older_rows(lake: Lake) -> None:
    """Schema evolution: old files are not touched, and time travel shows the columns of then."""
    load_of(lake, {"payments": events(1)})
    load_of(lake, {"payments": events(2, channel="web")})
    load_of(lake, {"payments": events(3)})
    assert lake.events("payments").collect()["channel"].to_list() == [None, "web", None]
    assert "channel" not in lake.events("payments", upto_load=1).collect_schema()


def test_a_column_that_changes_its_type_is_refused(lake: Lake) -> None:
    """A stored column keeps its type; nothing is rounded or turned into text on the way."""
    load_of(lake, {"payments": events(1)})
    with lake.begin_load(NOW) as load, pytest.raises(Refused) as caught:
        load.append("payments", events(2).with_columns(amount=pl.lit("2.0")))
    assert code_of(caught.value) == "DS407"


def test_rows_of_another_load_are_refused(lake: Lake) -> None:
    """`_load` is the load's own number; a frame that says otherwise is a bug."""
    with lake.begin_load(NOW) as load, pytest.raises(Bug):
        load.append("payments", events(2, _load=5))


def test_measured_bits_stay_as_first_measured(lake: Lake) -> None:
    """A scale decides every number after it: a second measurement that differs is refused, an equal one is not."""
    with lake.begin_load(NOW) as load:
        load.append("payments", events(1))
        load.set_bits("payments", {"amount": 20})
        load.commit(LoadRecord("payments", 1, 1))
    with lake.begin_load(NOW) as load:
        load.set_bits("payments", {"amount": 20, "fee": 3})
        with pytest.raises(Bug):
            load.set_bits("payments", {"amount": 21})
    assert lake.bits("payments") == {"amount": 20}


def test_a_committed_load_takes_nothing_more(lake: Lake) -> None:
    """After the commit, and after leaving, the load is over."""
    with lake.begin_load(NOW) as load:
        load.append("payments", events(1))
        load.commit(LoadRecord("payments", 1, 1))
        with pytest.raises(Bug):
            load.append("payments", events(2))


def test_one_object_has_one_load_open(lake: Lake) -> None:
    """A second load, a compaction or a retention in the middle of a load is a bug of the caller."""
    with lake.begin_load(NOW):
        for verb in (lambda: lake.begin_load(NOW), lake.compact, lambda: lake.retain(1, None, NOW)):
            with pytest.raises(Bug):
                verb()


@pytest.mark.parametrize("name", ["a" * 300, "Täglich/neu", "..", "a b%c", "UPPER", "日本", "", "con:1\\x"])
def test_a_source_may_have_any_name(lake: Lake, name: str) -> None:
    """Names become folders that every file system takes, and never the folder of another name."""
    load_of(lake, {name: events(1), name.lower() + "x": events(2)})
    assert positions(lake, name) == [1]
    assert lake.sources == sorted({name, name.lower() + "x"})
    load_of(lake, {name: events(3)})
    lake.compact()
    assert positions(lake, name) == [1, 3]
