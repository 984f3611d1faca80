"""Reading the lake: what is visible, as of when, and how much of it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import NotReady, UsageError
from dayshift.lake import Lake, LoadRecord
from tests.lake.parts import NOW, code_of, events, load_of, positions


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_an_empty_lake_answers_without_writing(lake: Lake, tmp_path: Path) -> None:
    """Looking at a lake that does not exist creates nothing."""
    assert (lake.last_load, lake.loads().height, lake.sources) == (0, 0, [])
    assert lake.quarantine().collect().height == 0
    assert lake.ledger.read().height == 0
    assert not (tmp_path / "lake").exists()


def test_asking_for_events_that_nobody_loaded_names_the_nearest(lake: Lake) -> None:
    """The message knows the sources that there are."""
    load_of(lake, {"payments": events(1)})
    with pytest.raises(NotReady) as caught:
        lake.events("payment")
    assert code_of(caught.value) == "DS410"
    assert caught.value.problems[0].hint == "did you mean 'payments'"


def test_the_lake_is_read_as_it_was_after_any_load(lake: Lake) -> None:
    """Time travel by load number, before and after compaction."""
    for number in range(1, 5):
        load_of(lake, {"payments": [events(number * 10), events(number * 10 + 1)]})
    wanted = {n: [p for m in range(1, n + 1) for p in (m * 10, m * 10 + 1)] for n in range(1, 5)}
    assert {n: positions(lake, "payments", n) for n in wanted} == wanted
    lake.compact()
    assert {n: positions(lake, "payments", n) for n in wanted} == wanted
    assert positions(lake, "payments") == wanted[4]
    with pytest.raises(UsageError) as caught:
        lake.events("payments", upto_load=5)
    assert code_of(caught.value) == "DS408"


def test_a_log_does_not_move_while_it_is_read(lake: Lake) -> None:
    """An engine that began at load 1 sees load 1, though load 2 has come."""
    load_of(lake, {"payments": events(1)})
    log = lake.as_log()
    load_of(lake, {"payments": events(2)})
    assert log.last_load == 1
    assert log.scan("payments").collect()["_position"].to_list() == [1]


def test_another_object_sees_a_commit_at_once(lake: Lake, tmp_path: Path) -> None:
    """A reader that has read before is not left with what it read."""
    reader = Lake(tmp_path / "lake")
    assert reader.last_load == 0
    load_of(lake, {"payments": events(1)})
    assert reader.last_load == 1
    load_of(lake, {"payments": events(2)})
    assert positions(reader, "payments") == [1, 2]


def test_a_range_of_positions_reads_only_its_row_groups(lake: Lake) -> None:
    """The filter reaches the files: destroying the data of the others does not disturb the answer."""
    load_of(lake, {"payments": [events(*range(start, start + 100)) for start in (0, 1_000, 2_000)]})
    folder = Path(str(lake.root)) / "events" / "payments"
    first, _, third = sorted(folder.glob("part-*.parquet"))
    for path in (first, third):
        content = bytearray(path.read_bytes())
        content[4:400] = bytes(396)
        path.write_bytes(content)
    found = lake.events("payments").filter(pl.col("_position").is_between(1_010, 1_019)).collect()
    assert found["_position"].to_list() == list(range(1_010, 1_020))


def test_other_readers_of_delta_see_the_same_events(lake: Lake) -> None:
    """With the condition `_load <= last load`, a plain Delta reader gets what the lake gives."""
    import deltalake

    for number in range(1, 4):
        load_of(lake, {"payments": events(number)})
    lake.compact()
    load_of(lake, {"payments": events(4, channel="web")})
    uri = (Path(str(lake.root)) / "events" / "payments").as_uri()
    table = deltalake.DeltaTable(uri)
    frame = pl.DataFrame(table.scan(predicate=f"_load <= {lake.last_load}").read_all())
    assert sorted(frame["_position"]) == [1, 2, 3, 4]
    assert frame.equals(frame.select(lake.events("payments").collect_schema().names()))
    by_polars = pl.scan_delta(uri).filter(pl.col("_load") <= 2).collect()
    assert sorted(by_polars["_position"]) == [1, 2]


def test_a_lake_lies_in_a_folder_of_any_name_but_percent(tmp_path: Path) -> None:
    """Spaces and letters of any language are fine; what the Delta library would misread is refused."""
    odd = Lake(tmp_path / "ä lake of 北 & co #1")
    load_of(odd, {"payments": events(1)})
    odd.compact()
    assert positions(odd, "payments") == [1]
    with pytest.raises(UsageError) as caught:
        Lake(tmp_path / "100%25")
    assert code_of(caught.value) == "DS409"


def test_a_lake_can_be_moved(lake: Lake, tmp_path: Path) -> None:
    """Nothing in the lake knows where it lies."""
    load_of(lake, {"payments": events(1)})
    shutil.move(tmp_path / "lake", tmp_path / "elsewhere")
    assert positions(Lake(tmp_path / "elsewhere"), "payments") == [1]


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    """`file://` names the same lake, with its lock."""
    lake = Lake((tmp_path / "a lake").as_uri())
    load_of(lake, {"payments": events(1)})
    assert lake.locks
    assert positions(Lake(tmp_path / "a lake"), "payments") == [1]


def test_what_needs_a_folder_is_said_for_an_object_store() -> None:
    """A lake on an object store says that it has no lock and refuses saved states."""
    lake = Lake("s3://bucket/lake", {"region": "eu-west-1"})
    assert not lake.locks
    with pytest.raises(NotReady) as caught:
        lake.state("p")
    assert code_of(caught.value) == "DS414"


def test_tables_have_known_kinds(lake: Lake) -> None:
    """A misspelt kind is refused, not created."""
    with pytest.raises(UsageError) as caught:
        lake.table("feature", "p")
    assert code_of(caught.value) == "DS411"


def test_a_leftover_of_another_attempt_is_never_seen(lake: Lake, tmp_path: Path) -> None:
    """Two attempts at the same load number: only the one whose token was committed counts."""
    winner = Lake(tmp_path / "lake")
    doomed = lake.begin_load(NOW)
    doomed.append("payments", events(1))
    doomed._writer.wait()
    for part in doomed._events.values():
        doomed._announce(part)
    assert lake._lock is not None
    lake._lock.drop()
    assert load_of(winner, {"payments": events(2)}) == 1
    with pytest.raises(NotReady) as caught:
        doomed.commit(LoadRecord("payments", 1, 1))
    assert code_of(caught.value) == "DS402"
    assert positions(winner, "payments") == [2]
