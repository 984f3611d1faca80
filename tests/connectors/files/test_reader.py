"""Which files are new: by path, size and time of change first, by content where that is not enough."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dayshift.connectors.contract import Origin
from dayshift.connectors.files import reader as reading
from dayshift.connectors.files import stream
from dayshift.connectors.files.reader import FilesReader
from dayshift.definition.settings import SourceSettings

NIGHT = 3_600_000_000_000


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were hashed before reading."""
    names: list[str] = []
    before = stream.sha256_of

    def counted(path: Path) -> str:
        names.append(path.name)
        return before(path)

    monkeypatch.setattr(reading, "sha256_of", counted)
    return names


@pytest.fixture
def a_night_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the clock is an hour ahead."""
    clock = time.time_ns
    return lambda: monkeypatch.setattr(time, "time_ns", lambda: clock() + NIGHT)


def _night(root: Path, manifest: list[Origin]) -> int:
    """How many files were read; the manifest grows by what they were."""
    reader = FilesReader("s", SourceSettings(files="*.csv"), 100, root)
    for _ in reader.chunks(reader.plan(manifest)):
        pass
    mark = reader.bookmark()
    manifest += mark.origins
    return sum(1 for origin in mark.origins if origin.rows)


def test_an_untouched_file_is_not_opened_again(
    tmp_path: Path, hashed: list[str], a_night_later: Callable[[], None]
) -> None:
    """Only a touched or renamed file is hashed, and once."""
    manifest: list[Origin] = []
    for number in range(4):
        (tmp_path / f"{number}.csv").write_text(f"id\nrow{number}\n")
    a_night_later()
    assert (_night(tmp_path, manifest), _night(tmp_path, manifest)) == (4, 0)
    hashed.clear()
    assert (_night(tmp_path, manifest), hashed) == (0, [])

    (tmp_path / "1.csv").touch()
    (tmp_path / "2.csv").rename(tmp_path / "renamed.csv")
    (tmp_path / "new.csv").write_text("id\na new one\n")
    assert _night(tmp_path, manifest) == 1
    assert sorted(hashed) == ["1.csv", "renamed.csv"]
    hashed.clear()
    assert (_night(tmp_path, manifest), hashed) == (0, [])


def test_a_rewrite_with_the_old_time_is_noticed(tmp_path: Path, a_night_later: Callable[[], None]) -> None:
    """Same name, same size, modification time set back, as some copying tools do."""
    path, manifest = tmp_path / "a.csv", list[Origin]()
    path.write_text("id\nold\n")
    before = path.stat()
    a_night_later()
    assert _night(tmp_path, manifest) == 1
    path.write_text("id\nnew\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert _night(tmp_path, manifest) == 1


def test_a_file_written_a_moment_ago_is_hashed(tmp_path: Path, hashed: list[str]) -> None:
    """Its next change could have the same time of change: that time is not believed."""
    manifest: list[Origin] = []
    (tmp_path / "a.csv").write_text("id\nold\n")
    assert _night(tmp_path, manifest) == 1
    assert manifest[0].stamp == 0
    assert (_night(tmp_path, manifest), hashed) == (0, ["a.csv"])


@pytest.mark.parametrize("other", ["quarantine:1-1", "public.payments"])
def test_what_came_from_elsewhere_hides_no_file(tmp_path: Path, other: str) -> None:
    """Readmitted rows and tables have no hash; a new file is not taken for one of them."""
    (tmp_path / "day1.csv").write_text("id\n1\n")
    plan = FilesReader("s", SourceSettings(files="*.csv"), 100, tmp_path).plan([Origin(other, rows=1)])
    assert [origin.path for origin in plan.origins] == ["day1.csv"]
    assert plan.skipped == ()
