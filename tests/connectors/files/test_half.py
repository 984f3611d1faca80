"""A file that a live run stored in part is read on behind that part, by whoever comes next."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.files.half import Half
from dayshift.connectors.files.reader import FilesReader
from dayshift.connectors.files.stream import sha256_of
from dayshift.definition import Pipeline, Source
from dayshift.definition.settings import Settings, SourceSettings
from dayshift.lake import Lake, LoadRecord
from dayshift.lifecycle.ingest import ingest

NOW = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)


def _records(root: Path, cursor: str | None, chunk_rows: int = 1_000, **settings: str) -> list[tuple[int, object]]:
    """The number and the text of each record, torn ones included, in their order."""
    reader = FilesReader("s", SourceSettings.model_validate({"files": "in/*", **settings}), chunk_rows, root)
    found: list[tuple[int, object]] = []
    for chunk in reader.chunks(reader.plan([], cursor)):
        found += zip(chunk.rows, chunk.frame.rows(), strict=True)
        found += chunk.rejects.select("row", "raw").iter_rows()
    return sorted(found, key=lambda one: one[0])


def _half(path: Path, rows: int, how: str = "csv ,") -> str:
    return Half(f"in/{path.name}", path.stat().st_size, sha256_of(path), rows, how).text


def _stored(root: Path, name: str, content: bytes) -> Path:
    (root / "in").mkdir(exist_ok=True)
    path = root / "in" / name
    path.write_bytes(content)
    return path


CSV = b"id,at\n" + b"".join(b"p%d,2024-05-01\n" % n for n in range(5_000))


@pytest.mark.parametrize("taken", [0, 1, 999, 1_000, 4_999, 5_000])
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet"])
def test_what_was_stored_of_a_file_is_passed_over(tmp_path: Path, kind: str, taken: int) -> None:
    """The rest, with its own numbers, whatever the format."""
    frame = pl.DataFrame({"id": [f"p{n}" for n in range(5_000)]})
    path = _stored(tmp_path, f"a.{kind}", b"")
    if kind == "parquet":
        frame.write_parquet(path)
    elif kind == "jsonl":
        frame.write_ndjson(path)
    else:
        path.write_bytes(CSV if kind == "csv" else gzip.compress(CSV))
    whole = _records(tmp_path, None)
    how = "csv ," if kind.startswith("csv") else kind
    assert _records(tmp_path, _half(path, taken, how)) == whole[taken:]


def test_a_file_is_known_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    """Renamed, it is read on."""
    path = _stored(tmp_path, "a.csv", CSV)
    cursor = _half(path, 4_000)
    path.rename(path.with_name("b.csv"))
    assert len(_records(tmp_path, cursor)) == 1_000


def test_another_content_is_read_whole(tmp_path: Path) -> None:
    """Of the same size under the same name: what is known of it comes out as duplicates at the door."""
    path = _stored(tmp_path, "a.csv", CSV)
    cursor = _half(path, 4_000)
    path.write_bytes(CSV.replace(b"p17,", b"q17,"))
    assert len(_records(tmp_path, cursor)) == 5_000


def test_records_told_apart_in_another_way_are_read_whole(tmp_path: Path) -> None:
    """With another separator or format, record 40 may be another one."""
    path = _stored(tmp_path, "a.csv", CSV)
    assert len(_records(tmp_path, _half(path, 4_000), separator=";")) == 5_000


def test_a_copy_of_the_file_is_not_read_besides(tmp_path: Path) -> None:
    """Equal contents count once, in part too."""
    path = _stored(tmp_path, "a.csv", CSV)
    _stored(tmp_path, "b.csv", CSV)
    assert len(_records(tmp_path, _half(path, 4_000))) == 1_000


@pytest.mark.parametrize("cursor", ["2024-05-01 10:00:00", '{"payments": {"id": "", "next": [3]}}'])
def test_the_cursor_of_another_kind_of_origin_says_nothing(tmp_path: Path, cursor: str) -> None:
    """A source that came from a table or a topic before."""
    _stored(tmp_path, "a.csv", CSV)
    assert len(_records(tmp_path, cursor)) == 5_000


LINES = st.lists(
    st.sampled_from(
        [b"a,b", b'"x,y",b', b'"two\nlines",b', b"torn", b'for"got,b', b'"open,b', b"", b"a,b,c", b"\xff,b"]
    ),
    max_size=40,
)


@given(lines=LINES, taken=st.integers(0, 45), chunk_rows=st.sampled_from([1, 3, 10_000]))
def test_numbers_do_not_depend_on_where_a_reading_begins(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], taken: int, chunk_rows: int
) -> None:
    """Torn lines, forgotten quotes and line ends within quotes, repeated until they fill several blocks."""
    root = tmp_path_factory.mktemp("half")
    filler = b"x" * 70_000 + b",y\n"
    path = _stored(root, "a.csv", b"k,v\n" + b"".join(line + b"\n" + filler for line in lines))
    whole = _records(root, None)
    assert [number for number, _ in whole] == list(range(1, len(whole) + 1))
    assert _records(root, _half(path, taken), chunk_rows) == whole[taken:]


def test_a_nightly_run_goes_on_where_a_live_run_stopped(tmp_path: Path) -> None:
    """The cursor in the record of the last load says where; afterwards the file is known as a whole."""
    path = _stored(tmp_path, "a.csv", CSV)
    lake = Lake(tmp_path / "lake")
    with lake.lock(), lake.begin_load(NOW) as load:
        load.commit(LoadRecord("payments", read=4_000, loaded=0, filtered=4_000, cursor=_half(path, 4_000)))
    pipeline = Pipeline("shop", predict=Source("payments", time="at", key="id", schema={"id": str}))
    settings = Settings.model_validate({"sources": {"payments": {"files": "in/*.csv"}}})
    report = ingest(pipeline, settings, lake, tmp_path, NOW)
    assert (report.read, report.loaded) == (1_000, 1_000)
    assert lake.events("payments").collect()["id"].to_list()[0] == "p4000"
    assert ingest(pipeline, settings, lake, tmp_path, NOW).load is None
