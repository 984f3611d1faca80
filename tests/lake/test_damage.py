"""Disk full, no rights, files gone or torn: a code, and nothing half visible."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import NotReady
from dayshift.lake import Lake, LoadRecord
from tests.lake.parts import NOW, code_of, events, load_of, positions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake")
    load_of(made, {"payments": [events(1, 2), events(3)]})
    return made


def _files(lake: Lake) -> list[Path]:
    return sorted((Path(str(lake.root)) / "events" / "payments").glob("part-*.parquet"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_data_file_that_is_gone_or_short_is_refused_before_reading(
    lake: Lake, damage: Callable[[Path], object]
) -> None:
    """`events` itself raises: no caller computes from a part of the history."""
    damage(_files(lake)[0])
    with pytest.raises(NotReady) as caught:
        lake.events("payments")
    assert code_of(caught.value) == "DS403"
    assert "part-000000000001-000000-" in caught.value.problems[0].facts[0]


@pytest.mark.parametrize("name", ["loads", "events/payments"])
def test_a_torn_log_is_refused(lake: Lake, name: str) -> None:
    """Half a JSON line in a table's log is DS403, not an empty table."""
    log = sorted((Path(str(lake.root)) / name / "_delta_log").glob("*.json"))[-1]
    log.write_text(log.read_text()[:50])
    with pytest.raises(NotReady) as caught:
        lake.events("payments")
    assert code_of(caught.value) == "DS403"
    assert "\n" not in "".join(caught.value.problems[0].facts)


def test_a_gap_in_a_log_is_refused(lake: Lake) -> None:
    """A log without one of its versions is not the table."""
    for number in (4, 5):
        load_of(lake, {"payments": events(number)})
    (Path(str(lake.root)) / "events" / "payments" / "_delta_log" / f"{1:020d}.json").unlink()
    with pytest.raises(NotReady) as caught:
        lake.events("payments")
    assert code_of(caught.value) == "DS403"


def test_an_emptied_log_is_refused(lake: Lake) -> None:
    """A log folder whose first version is gone is damage, not a table that never was."""
    (Path(str(lake.root)) / "events" / "payments" / "_delta_log" / f"{0:020d}.json").unlink()
    with pytest.raises(NotReady) as caught:
        lake.events("payments")
    assert code_of(caught.value) == "DS403"


def test_a_log_that_lost_its_last_commit_is_refused(lake: Lake) -> None:
    """`loads` knows how many events there must be; a log that ends earlier is found before anything is computed."""
    load_of(lake, {"payments": events(4)})
    (Path(str(lake.root)) / "events" / "payments" / "_delta_log" / f"{1:020d}.json").unlink()
    for verb in (lambda: lake.events("payments"), lake.compact, lambda: lake.retain(2, None, NOW)):
        with pytest.raises(NotReady) as caught:
            verb()
        assert code_of(caught.value) == "DS403"


def test_what_a_killed_first_commit_left_in_a_log_is_no_damage(lake: Lake) -> None:
    """A half-written first version has another name; the table begins anew beside it."""
    log = Path(str(lake.root)) / "ledger" / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020d}.json#1").write_text('{"commitInfo"')
    lake.ledger.append("run", "done", {}, NOW)
    assert lake.ledger.read().height == 1


def test_losing_the_table_of_loads_is_not_a_new_beginning(lake: Lake) -> None:
    """Events without `loads` would all look like leftovers; the next load must not clear them away."""
    folder = Path(str(lake.root)) / "loads"
    folder.rename(folder.with_name("kept"))
    with pytest.raises(NotReady) as caught:
        Lake(str(lake.root)).begin_load(NOW)
    assert code_of(caught.value) == "DS403"
    folder.with_name("kept").rename(folder)
    assert positions(lake, "payments") == [1, 2, 3]


def test_an_older_table_of_loads_is_not_believed(lake: Lake, tmp_path: Path) -> None:
    """`loads` put back from an old backup: later loads' files are not cleared away as leftovers."""
    import shutil

    root = Path(str(lake.root))
    shutil.copytree(root / "loads", tmp_path / "backup")
    for number in (4, 5, 6):
        load_of(lake, {"payments": events(number)})
    shutil.rmtree(root / "loads")
    shutil.copytree(tmp_path / "backup", root / "loads")
    with pytest.raises(NotReady) as caught:
        Lake(root).begin_load(NOW)
    assert code_of(caught.value) == "DS403"
    assert len(_files(lake)) == 5


def test_a_full_disk_is_said_and_the_load_can_be_repeated(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The write that fails leaves no file, and nothing of its load is visible."""

    def full(self: pl.DataFrame, path: Path, **_: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(NotReady) as caught, lake.begin_load(NOW) as load:
            load.append("payments", events(4))
        assert code_of(caught.value) == "DS404"
    assert (positions(lake, "payments"), len(_files(lake))) == ([1, 2, 3], 2)
    assert list((Path(str(lake.root)) / "events" / "payments").glob(".part*")) == []
    load_of(lake, {"payments": events(4)})
    assert positions(lake, "payments") == [1, 2, 3, 4]


def test_a_disk_full_at_the_commit_is_said(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table's commit fails after the files were written: invisible, and cleared by the next load."""
    import deltalake

    def full(*_: object, **__: object) -> None:
        raise deltalake.exceptions.DeltaError("Generic LocalFileSystem error: No space left on device (os error 28)")

    with monkeypatch.context() as patched:
        patched.setattr(deltalake.DeltaTable, "create_write_transaction", full)
        with pytest.raises(NotReady) as caught:
            load_of(lake, {"payments": events(4)})
        assert code_of(caught.value) == "DS404"
    assert positions(lake, "payments") == [1, 2, 3]
    load_of(lake, {"payments": events(5)})
    assert positions(lake, "payments") == [1, 2, 3, 5]
    assert len(_files(lake)) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_said(tmp_path: Path) -> None:
    """DS405 names the folder."""
    tmp_path.chmod(0o500)
    with pytest.raises(NotReady) as caught:
        Lake(tmp_path / "lake").begin_load(NOW)
    assert code_of(caught.value) == "DS405"
    tmp_path.chmod(0o700)


def test_a_refused_write_is_said(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the operating system and of the library both become DS405."""
    for error in (PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")):

        def refused(*_: object, error: OSError = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(pl.DataFrame, "write_parquet", refused)
            with pytest.raises(NotReady) as caught, lake.begin_load(NOW) as load:
                load.append("payments", events(4))
            assert code_of(caught.value) == "DS405"


def test_a_compaction_that_meets_damage_changes_nothing(lake: Lake) -> None:
    """A file whose content was overwritten is found by reading, before anything is put in its place."""
    load_of(lake, {"payments": events(9)})
    path = _files(lake)[0]
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    with pytest.raises(NotReady) as caught:
        lake.compact()
    assert code_of(caught.value) == "DS403"
    path.write_bytes(content)
    assert positions(lake, "payments") == [1, 2, 3, 9]


def test_a_load_says_nothing_false_about_what_it_kept(lake: Lake) -> None:
    """After every failure above the record of loads is as it was."""
    with lake.begin_load(NOW) as load:
        load.append("payments", events(4))
        load.commit(LoadRecord("payments", 1, 1))
    assert lake.loads()["loaded"].to_list() == [3, 1]


def _spoil(path: Path) -> None:
    """As many bytes as before, others: nothing shows before they are read."""
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)


def test_bytes_that_changed_are_told_with_the_file(lake: Lake) -> None:
    """Polars finds them at `collect`, in words of its own; whoever collects under `reading` or the lock is told which."""
    spoilt = _files(lake)[1]
    _spoil(spoilt)
    for guarded in (lake.reading, lake.lock):
        with pytest.raises(NotReady) as caught, guarded():
            lake.events("payments").collect()
        assert code_of(caught.value) == "DS403"
        assert spoilt.name in caught.value.problems[0].facts[0]


def test_a_failure_that_is_none_of_the_lakes_stays_what_it_is(lake: Lake) -> None:
    """A wrong column is no damage."""
    with pytest.raises(pl.exceptions.ColumnNotFoundError), lake.reading():
        lake.events("payments").select("nothing").collect()


def test_held_rows_that_are_gone_are_missed(lake: Lake) -> None:
    """`loads` knows how many rows were held: a log of the quarantine that ends earlier is DS403, not a shorter list."""
    row = {"source": "payments", "origin": "a.csv", "row": 1, "code": "DS352", "reason": "no", "raw": "{}"}
    with lake.begin_load(NOW) as load:
        load.quarantine(pl.DataFrame([row]))
        load.commit(LoadRecord("payments", 1, 0, 1))
    assert lake.quarantine().collect().height == 1
    log = Path(str(lake.root)) / "quarantine" / "rows" / "_delta_log"
    for entry in log.iterdir():
        entry.unlink()
    with pytest.raises(NotReady) as caught:
        lake.quarantine()
    assert code_of(caught.value) == "DS403"


def test_a_disk_that_is_full_beside_the_lake_is_said_too(lake: Lake) -> None:
    """What the door keeps on the disk while it works fails in Python's own words: within the lock it is DS404."""
    with pytest.raises(NotReady) as caught, lake.lock():
        raise OSError(28, "No space left on device")
    assert code_of(caught.value) == "DS404"
