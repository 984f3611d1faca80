"""A watched folder: complete files only, and nothing that goes wrong loses a row or holds up the others."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dayshift.connectors.live import Batch, Known
from dayshift.connectors.polling import PollingTap
from dayshift.diagnostics import DefinitionError, NotReady
from tests.connectors.polling.taps import rows, tap

SECONDS = 30.0


def _text(first: int, count: int) -> str:
    return "id,at\n" + "".join(f"{row['id']},{row['at']}\n" for row in rows(first, count))


@contextmanager
def _opened(root: Path, known: Known | None = None, **given: Any) -> Iterator[PollingTap]:
    one = tap(root, **given)
    one.open({"payments": known or Known()}, lambda: None)
    try:
        yield one
    finally:
        one.close()


def _taken(one: PollingTap, most: int = 1_000, until: Callable[[list[str]], bool] | None = None) -> list[str]:
    """The ids that come until the tap has caught up, or until they are as told."""
    found: list[str] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        batch = one.take(most)
        if batch is not None:
            found += _ids(batch)
        elif until(found) if until else one.caught_up:
            return found
        time.sleep(0.005)
    raise AssertionError(f"still waiting: {one.state()}")


def _ids(batch: Batch) -> list[str]:
    return [name for one in batch.arrived for name in one.chunk.frame["id"]]


def test_a_file_that_grows_is_left_alone_until_it_lies_still(tmp_path: Path) -> None:
    """While somebody writes, it is told as being written; then it is taken whole, once."""
    with _opened(tmp_path, files="*.csv") as one:
        with (tmp_path / "a.csv").open("w") as file:
            file.write("id,at\n")
            for row in rows(0, 40):
                file.write(f"{row['id']},{row['at']}\n")
                file.flush()
                time.sleep(0.005)
                assert one.take(1_000) is None
                assert not one.state()["payments"].get("error")
        assert _taken(one, until=lambda found: len(found) >= 40) == [row["id"] for row in rows(0, 40)]
        assert _taken(one) == []


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Whatever the order of their writing."""
    for number in (2, 0, 1):
        (tmp_path / f"{number}.csv").write_text(_text(10 * number, 10))
    with _opened(tmp_path, files="*.csv") as one:
        assert _taken(one) == [row["id"] for row in rows(0, 30)]


def test_a_file_that_was_begun_is_ended_before_any_other(tmp_path: Path) -> None:
    """There is one cursor: another file between would make the first come twice."""
    (tmp_path / "b.csv").write_text(_text(0, 90_000))
    with _opened(tmp_path, files="*.csv") as one:
        batch = None
        while batch is None:
            batch = one.take(100)
    (tmp_path / "a.csv").write_text(_text(90_000, 10))
    with _opened(tmp_path, Known((), batch.cursors["payments"]), files="*.csv") as one:
        found = _taken(one)
    assert _ids(batch) + found == [row["id"] for row in rows(0, 90_010)]


def test_a_damaged_file_holds_up_no_other(tmp_path: Path) -> None:
    """It is told with its reason, and taken when it is repaired."""
    whole = gzip.compress(_text(0, 10).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[:-9])
    (tmp_path / "b.csv").write_text(_text(10, 10))
    with _opened(tmp_path, files="*.csv*") as one:
        assert _taken(one, until=lambda found: len(found) == 10) == [row["id"] for row in rows(10, 10)]
        while "unreadable" not in (told := one.state()["payments"]):
            time.sleep(0.01)
        assert "DS304" in told["unreadable"]["a.csv.gz"]
        assert not one.caught_up
        (tmp_path / "beside").write_bytes(whole)
        (tmp_path / "beside").rename(tmp_path / "a.csv.gz")
        assert _taken(one) == [row["id"] for row in rows(0, 10)]


def test_a_folder_that_vanishes_is_waited_for(tmp_path: Path) -> None:
    """The reason stands in the state, with the time since when; when it is back, its new files come."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text(_text(0, 3))
    with _opened(tmp_path, files="in/*.csv") as one:
        assert _taken(one) == ["p0", "p1", "p2"]
        folder.rename(tmp_path / "away")
        while "error" not in (told := one.state()["payments"]):
            time.sleep(0.01)
        assert (told["error"][:5], told["since"][:10]) == ("DS301", "2024-06-01")
        (tmp_path / "away").rename(folder)
        (folder / "b.csv").write_text(_text(3, 2))
        assert _taken(one) == ["p3", "p4"]
        assert "error" not in one.state()["payments"]


def _begun(root: Path) -> tuple[list[str], str]:
    """What comes first of a large file, and the cursor behind it."""
    (root / "a.csv").write_text(_text(0, 5_000))
    with _opened(root, files="*.csv") as one:
        while (batch := one.take(100)) is None:
            time.sleep(0.005)
    return _ids(batch), batch.cursors["payments"]


def test_a_file_that_vanishes_half_read_is_told_and_holds_up_no_other(tmp_path: Path) -> None:
    """Nobody takes the source for whole; when the file is back, under whatever name, its rest comes, and all is well."""
    first, cursor = _begun(tmp_path)
    (tmp_path / "a.csv").rename(tmp_path / "away")
    (tmp_path / "b.csv").write_text(_text(5_000, 10))
    with _opened(tmp_path, Known((), cursor), files="*.csv") as one:
        assert _taken(one) == [row["id"] for row in rows(5_000, 10)]
        (said,) = one.state()["payments"]["waiting"]
        assert said.startswith(f"'a.csv' was read up to record {len(first):,} and is gone")
        (tmp_path / "away").rename(tmp_path / "c.csv")
        rest = _taken(one, until=lambda found: len(found) >= 5_000 - len(first))
        assert first + rest == [row["id"] for row in rows(0, 5_000)]
        while "waiting" in one.state()["payments"]:
            time.sleep(0.01)


def test_a_file_that_vanishes_while_it_is_read_is_told(tmp_path: Path) -> None:
    """In the run that was reading it."""
    (tmp_path / "a.csv").write_text(_text(0, 50_000))
    with _opened(tmp_path, chunk_rows=1_000, files="*.csv") as one:
        while (batch := one.take(100)) is None:
            time.sleep(0.005)
        (tmp_path / "a.csv").unlink()
        found = _ids(batch) + _taken(one, until=lambda _: "waiting" in one.state()["payments"])
        assert 100 <= len(found) < 50_000
        assert "a.csv" in one.state()["payments"]["waiting"][0]


def test_a_file_that_was_read_to_its_end_may_go(tmp_path: Path) -> None:
    """In this run or an earlier one, under its name or another."""
    (tmp_path / "a.csv").write_text(_text(0, 500))
    origins: list[Any] = []
    with _opened(tmp_path, files="*.csv") as one:
        cursor, read = None, 0
        while read < 500:
            batch = one.take(100)
            if batch is None:
                time.sleep(0.005)
                continue
            read, cursor = read + batch.read, batch.cursors.get("payments", cursor)
            origins += batch.origins.get("payments", ())
        (tmp_path / "a.csv").unlink()
        (tmp_path / "b.csv").write_text(_text(500, 1))
        assert _taken(one, until=bool) == ["p500"]
        assert "waiting" not in one.state()["payments"]
    assert cursor is not None
    with _opened(tmp_path, Known(tuple(origins), cursor), files="*.csv") as one:
        assert _taken(one, until=bool) == ["p500"]
        assert _taken(one) == []
        assert "waiting" not in one.state()["payments"]


def test_a_folder_that_is_not_there_at_the_beginning_is_an_error(tmp_path: Path) -> None:
    """A wrong path must not look like a quiet source."""
    with pytest.raises(NotReady) as caught:
        tap(tmp_path, files="inn/*.csv").open({}, lambda: None)
    assert caught.value.problems[0].code == "DS301"


def test_an_unknown_format_ends_the_tap(tmp_path: Path) -> None:
    """What can never succeed is raised to whoever takes."""
    (tmp_path / "a.xlsx").write_text("id\n1\n")
    with _opened(tmp_path, files="*") as one, pytest.raises(DefinitionError) as caught:
        _taken(one)
    assert caught.value.problems[0].code == "DS307"


def test_a_rewritten_file_comes_again_as_a_whole(tmp_path: Path) -> None:
    """The door tells its known rows as duplicates."""
    (tmp_path / "a.csv").write_text(_text(0, 3))
    with _opened(tmp_path, files="*.csv") as one:
        assert len(_taken(one)) == 3
        (tmp_path / "a.csv").write_text(_text(0, 4))
        assert _taken(one, until=bool) == ["p0", "p1", "p2", "p3"]


def test_an_empty_file_is_told_with_its_origin(tmp_path: Path) -> None:
    """No rows come of it, and it need not be looked at again."""
    (tmp_path / "a.csv").write_text("id,at\n")
    with _opened(tmp_path, files="*.csv") as one:
        while (batch := one.take(10)) is None:
            time.sleep(0.01)
    assert (batch.read, [origin.path for origin in batch.origins["payments"]]) == (0, ["a.csv"])


def test_a_slow_taker_makes_the_reader_wait(tmp_path: Path) -> None:
    """However large the file, what waits is bounded, and closing ends the thread that waits."""
    (tmp_path / "a.csv").write_text(_text(0, 200_000))
    before = {thread.name for thread in threading.enumerate()}
    with _opened(tmp_path, chunk_rows=1_000, files="*.csv") as one:
        while not one.state()["payments"]["buffered"]:
            time.sleep(0.01)
        time.sleep(0.2)
        assert one.state()["payments"]["buffered"] < 50_000
        assert not one.caught_up
    assert {thread.name for thread in threading.enumerate()} <= before
