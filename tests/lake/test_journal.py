"""The journal: whole records come back as they were written, whatever happened to the end of the file."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.diagnostics import NotReady
from dayshift.lake.journal import Entry, Journal


def _entry(number: int) -> Entry:
    frame = pl.DataFrame({"id": [f"e{number}", None], "x": [number / 3, -0.0]})
    return Entry({"events/a": frame, "features": frame.head(1)}, {"cursors": {"a": str(number)}})


def _numbers(journal: Journal, load: int) -> list[str]:
    return [entry.about["cursors"]["a"] for entry in journal.read(load)]


def test_records_come_back_in_order_by_load(tmp_path: Path) -> None:
    """Entries of two loads are read back load by load, frames bit for bit."""
    journal = Journal(tmp_path / "live")
    for number in range(6):
        journal.append(1 + number // 3, _entry(number))
    assert journal.loads == [1, 2]
    assert _numbers(journal, 1) == ["0", "1", "2"]
    assert next(journal.read(2)).frames["events/a"].equals(_entry(3).frames["events/a"], null_equal=True)


def test_a_forgotten_load_is_gone_and_the_next_ones_stay(tmp_path: Path) -> None:
    """Forgetting deletes all loads up to the given one, also the open one."""
    journal = Journal(tmp_path / "live")
    for load in (4, 5, 6):
        journal.append(load, _entry(load))
    journal.forget(5)
    assert journal.loads == [6]
    journal.append(6, _entry(7))
    assert _numbers(journal, 6) == ["6", "7"]


@given(cut=st.integers(1, 2_000))
def test_a_record_cut_short_is_passed_over_and_written_over(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cut anywhere, a file gives its whole records; the next append follows the last of them."""
    folder = tmp_path_factory.mktemp("live")
    journal = Journal(folder)
    for number in range(3):
        journal.append(1, _entry(number))
    journal.close()
    path = folder / "000000000001.journal"
    content = path.read_bytes()
    path.write_bytes(content[: max(0, len(content) - cut)])
    left = _numbers(journal, 1)
    assert left == ["0", "1", "2"][: len(left)]
    assert len(left) < 3
    journal.append(1, _entry(9))
    assert _numbers(journal, 1) == [*left, "9"]


def test_damage_in_the_middle_is_refused(tmp_path: Path) -> None:
    """A changed byte of a record that others follow is damage, not a torn end: nothing acknowledged is passed over."""
    journal = Journal(tmp_path)
    for number in range(3):
        journal.append(1, _entry(number))
    path = tmp_path / "000000000001.journal"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.raises(NotReady) as caught:
        _numbers(journal, 1)
    assert caught.value.problems[0].code == "DS403"


@pytest.mark.parametrize("at", [19, 25, 26, 28, 33])
def test_a_changed_byte_of_a_records_length_is_damage(tmp_path: Path, at: int) -> None:
    """A length that was changed on the disk must not make the rest of the file look as if it had never been written."""
    journal = Journal(tmp_path)
    for number in range(3):
        journal.append(1, _entry(number))
    path = tmp_path / "000000000001.journal"
    content = bytearray(path.read_bytes())
    content[at] ^= 64
    path.write_bytes(content)
    with pytest.raises(NotReady) as caught:
        _numbers(journal, 1)
    assert caught.value.problems[0].code == "DS403"


def test_a_file_with_a_torn_end_is_put_aside_and_never_deleted(tmp_path: Path) -> None:
    """What cannot be told from a loss stays on the disk, beside; a whole file is not kept."""
    journal = Journal(tmp_path)
    for number in range(2):
        journal.append(1, _entry(number))
    journal.close()
    path = tmp_path / "000000000001.journal"
    path.write_bytes(path.read_bytes()[:-5])
    assert _numbers(journal, 1) == ["0"]
    assert journal.put_aside(1) > 0
    assert journal.loads == []
    assert [one.name for one in tmp_path.iterdir()] == ["000000000001.journal.torn"]
    journal.append(2, _entry(2))
    assert journal.put_aside(2) == 0
    assert journal.loads == [2]


def test_other_files_of_the_folder_are_none_of_its_business(tmp_path: Path) -> None:
    """A copy that somebody made by hand is passed over."""
    (tmp_path / "copy of 3.journal").write_bytes(b"x")
    assert Journal(tmp_path).loads == []


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A file that does not begin as a journal does is not taken for an empty one."""
    (tmp_path / "000000000003.journal").write_bytes(b"something else entirely")
    with pytest.raises(NotReady) as caught:
        list(Journal(tmp_path).read(3))
    assert caught.value.problems[0].code == "DS403"


@given(bites=st.lists(st.integers(1, 700), min_size=1, max_size=5), kept=st.sampled_from([0, 1 << 20]))
def test_a_system_that_takes_little_at_a_time_gets_all(
    bites: list[int], kept: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Wherever a write ends, the file is the same, and a record's body is what the entry says."""
    inner, turns = os.writev, itertools.cycle(bites)

    def little(file: int, parts: Sequence[memoryview]) -> int:
        bite = next(turns)
        ends = itertools.accumulate(map(len, parts))
        some = [part[: max(0, bite - end + len(part))] for part, end in zip(parts, ends, strict=True)]
        return inner(file, some)

    written = []
    for small in (False, True):
        folder = tmp_path_factory.mktemp("live")
        with pytest.MonkeyPatch.context() as patched:
            if small:
                patched.setattr(os, "writev", little)
                patched.setattr("dayshift.lake.journal.KEPT_BYTES", kept)
            Journal(folder).append_all(1, [_entry(1), Entry({}, {"cursors": {"a": "2"}}), _entry(3)])
        written.append((folder / "000000000001.journal").read_bytes())
        assert _numbers(Journal(folder), 1) == ["1", "2", "3"]
    assert written[0] == written[1]
    assert written[0].endswith(_entry(3).to_bytes())


def test_after_an_error_that_is_kept_records_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the error holds the memory of its record, which no other record is written into."""
    journal = Journal(tmp_path)
    kept: list[Sequence[memoryview]] = []
    journal.append(1, _entry(0))

    def broken(file: int, parts: Sequence[memoryview]) -> int:
        kept.append(list(parts))
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", broken)
        with pytest.raises((NotReady, OSError)):
            journal.append(1, _entry(1))
    journal.append(1, _entry(2))
    assert _numbers(journal, 1) == ["0", "2"]
    assert _entry(1).to_bytes() == b"".join(kept[0][1:])


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no room the record is taken back, the error is DS404, and later appends are whole."""
    journal = Journal(tmp_path)
    journal.append(1, _entry(0))

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(NotReady) as caught:
            journal.append(1, _entry(1))
    assert caught.value.problems[0].code == "DS404"
    journal.append(1, _entry(2))
    assert _numbers(journal, 1) == ["0", "2"]
