"""Compaction: fewer files, sorted, and the same answers."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import NotReady
from dayshift.lake import Lake, files
from dayshift.lake.compaction import Extent, compact_events
from dayshift.lake.delta import Delta
from tests.lake.parts import code_of, events, load_of, positions


def _lake(root: Path, loads: int = 6) -> Lake:
    """Loads of files whose positions overlap and repeat."""
    dice = random.Random(1)
    lake = Lake(root)
    for load in range(1, loads + 1):
        chunks = [events(*[dice.randrange(50) + 10 * load for _ in range(40)]) for _ in range(3)]
        load_of(lake, {"payments": chunks, "refunds": events(load)})
    return lake


def _compact(lake: Lake, target: int, **extent: int) -> int:
    table = lake._events_table("payments")
    schema = lake.events("payments").collect_schema()
    return compact_events(table, table.files(), schema, Extent(target=target, **extent))


@pytest.mark.parametrize("target", [50, 121, 300, 10_000])
def test_no_answer_changes_whatever_the_size(tmp_path: Path, target: int) -> None:
    """The rows are the same, now in log order, stably: events at one position stay in their order of writing."""
    lake = _lake(tmp_path)
    before = {n: lake.events("payments", n).collect() for n in range(1, 7)}
    assert _compact(lake, target) > 0
    for number, frame in before.items():
        found = lake.events("payments", number).collect()
        assert found.equals(frame.sort("_load", "_position", maintain_order=True))


@pytest.mark.parametrize("target", [50, 300])
def test_compacting_twice_settles(tmp_path: Path, target: int) -> None:
    """What is sorted and large enough is left alone; small ends are merged with what comes later."""
    lake = _lake(tmp_path)
    _compact(lake, target)
    before = lake.events("payments").collect()
    _compact(lake, target)
    version = lake._events_table("payments").version
    _compact(lake, target)
    assert lake._events_table("payments").version == version
    load_of(lake, {"payments": events(500), "refunds": events(9)})
    _compact(lake, target)
    assert (
        lake.events("payments")
        .collect()
        .equals(pl.concat([before, events(500).with_columns(_load=pl.lit(7, pl.Int64))]))
    )


def test_files_of_a_large_load_do_not_overlap(tmp_path: Path) -> None:
    """A load larger than a file is cut by position, so that a range of positions skips files."""
    lake = Lake(tmp_path)
    dice = random.Random(2)
    load_of(lake, {"payments": [events(*[dice.randrange(10_000) for _ in range(500)]) for _ in range(4)]})
    _compact(lake, 300)
    spans = []
    for file in lake._events_table("payments").files():
        frame = pl.read_parquet(f"{lake._events_table('payments').place}/{file.name}")
        assert frame["_position"].is_sorted()
        spans.append((frame["_position"].min(), frame["_position"].max()))
        assert file.rows < 600
    assert len(spans) >= 5
    assert all(left[1] < right[0] for left, right in zip(spans, spans[1:], strict=False))  # type: ignore[operator]


def test_a_load_at_a_single_position_is_not_cut(tmp_path: Path) -> None:
    """A thousand events at midnight cannot be told apart by position; they stay in one file."""
    lake = Lake(tmp_path)
    load_of(lake, {"payments": [events(*[7] * 50), events(*[7] * 50)]})
    _compact(lake, 30)
    assert positions(lake, "payments") == [7] * 100


def test_the_whole_lake_is_compacted(tmp_path: Path) -> None:
    """Loads, ledger, quarantine and the computed tables as well; every reader sees what it saw."""
    lake = _lake(tmp_path)
    table = lake.table("labels", "x")
    for number in range(1, 5):
        table.append_once(pl.DataFrame({"n": [number]}), "run", number)

    def seen() -> list[pl.DataFrame]:
        return [lake.loads(), lake.events("refunds").collect(), table.scan().collect()]

    before = seen()
    lake.compact()
    assert all(frame.equals(again) for frame, again in zip(before, seen(), strict=True))
    for folder in ("loads", "events/refunds", "labels/x"):
        log = lake.root / folder.split("/")[0]
        place = log / folder.split("/")[1] if "/" in folder else log
        assert len(Delta.open(place, folder).files()) == 1
    load_of(lake, {"payments": events(1), "refunds": events(2)})
    assert lake.last_load == 7


def test_a_failing_compaction_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails in the middle, the old files still count and the new ones are gone."""
    lake = _lake(tmp_path)
    before = lake.events("payments").collect()
    names = {path.name for path in tmp_path.rglob("part-*.parquet")}
    written = files.Writer.write
    calls = iter(range(100))

    def failing(*given: object) -> object:
        if next(calls) == 2:
            raise OSError(28, "No space left on device")
        return written(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(files.Writer, "write", failing)
    with pytest.raises(NotReady) as caught:
        _compact(lake, 50)
    assert code_of(caught.value) == "DS404"
    assert lake.events("payments").collect().equals(before)
    assert {path.name for path in tmp_path.rglob("part-*.parquet")} == names


def test_a_part_of_a_table_is_merged_at_a_time(tmp_path: Path) -> None:
    """The oldest files first, as many as there are rows for; what is larger by itself is left, and does not hold up the rest."""
    lake = _lake(tmp_path)
    before = lake.events("payments").collect()
    count = len(lake._events_table("payments").files())
    assert _compact(lake, 240, rows=100) == 0
    assert _compact(lake, 240, rows=240, files=count) == 0
    assert _compact(lake, 240, rows=300) == 2 * count // 6
    kinds = [file.kind for file in lake._events_table("payments").files()]
    assert kinds == sorted(kinds, reverse=True)  # "s" before "l"
    while _compact(lake, 240, rows=300, files=2):
        pass
    assert {file.kind for file in lake._events_table("payments").files()} == {"s"}
    load_of(lake, {"payments": [events(*range(40)) for _ in range(10)]})
    load_of(lake, {"payments": [events(1), events(2)]})
    assert _compact(lake, 240, rows=300, files=2) == 2
    for number in range(9, 15):
        load_of(lake, {"payments": [events(*range(20 if number == 11 else 3))]})
    version = lake._events_table("payments").version
    assert _compact(lake, 240, rows=300, files=3, below=10) == 6  # 8 to 10 and 12 to 14: what is larger stands between
    assert _compact(lake, 240, rows=300, files=2, below=10) == 0
    assert lake._events_table("payments").version == version + 2
    assert lake.events("payments", 6).collect().equals(before.sort("_load", "_position", maintain_order=True))


def test_whoever_reads_while_loads_are_committed_and_merged_finds_the_lake_whole(tmp_path: Path) -> None:
    """A reader that read which loads there are before another one was committed and merged with them."""
    lake = _lake(tmp_path)
    reader = Lake(tmp_path)
    loads = reader._loaded()
    load_of(lake, {"payments": events(500)})
    _compact(lake, 10_000)
    _, files = reader._whole("payments", loads)
    assert sum(file.rows for file in files) == lake.events("payments").collect().height
