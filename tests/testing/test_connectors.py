"""The contract suite of connectors, on every connector there is, and on broken ones."""

import itertools
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dayshift.connectors import Bookmark, Reader, open_source
from dayshift.connectors.files import FilesReader
from dayshift.definition import Source
from dayshift.definition.settings import IngestSettings, SourceSettings
from dayshift.diagnostics import NotReady
from dayshift.testing.connectors import Open, check_connector
from tests.connectors.kafka.sending import in_transaction
from tests.services import Cluster, Database

BATCHES = [
    [{"id": str(n), "at": f"2024-05-0{day} 10:{n % 60:02d}:00"} for n in range(day * 100, day * 100 + 7)]
    for day in (1, 2, 3)
]


def files(folder: Path, ending: str) -> Open:
    number = itertools.count()

    def opening(rows: Sequence[dict[str, Any]], chunk_rows: int) -> Reader:
        path = folder / f"{next(number)}.{ending}"
        if rows and ending == "jsonl":
            path.write_text("\n".join(map(json.dumps, rows)))
        elif rows:
            getattr(pl.DataFrame(rows), f"write_{ending}")(path)
        return FilesReader("s", SourceSettings(files=f"*.{ending}"), chunk_rows, folder)

    return opening


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_files_keep_the_contract(tmp_path: Path, ending: str) -> None:
    """Every format, exactly once."""
    check_connector(files(tmp_path, ending), BATCHES, again=False)


def test_sqlite_keeps_the_contract(tmp_path: Path) -> None:
    """By a cursor, whose last rows come again."""

    def opening(rows: Sequence[dict[str, Any]], chunk_rows: int) -> Reader:
        with sqlite3.connect(tmp_path / "s.db") as connection:
            connection.execute("create table if not exists s (id text, at text)")
            connection.executemany("insert into s values (:id, :at)", rows)
        given = SourceSettings(table="s", database="s.db", cursor="at")
        source = Source("s", time="at", key="id")
        return open_source(source, given, IngestSettings(chunk_rows=chunk_rows), tmp_path)

    check_connector(opening, BATCHES)


@pytest.mark.postgres
def test_postgres_keeps_the_contract(tmp_path: Path, postgres: Database) -> None:
    """By a cursor, whose last rows come again."""
    postgres.run("create table s (id text, at text)")

    def opening(rows: Sequence[dict[str, Any]], chunk_rows: int) -> Reader:
        for row in rows:
            postgres.run(f"insert into s values ('{row['id']}', '{row['at']}')")
        given = SourceSettings(table="s", database=postgres.uri, cursor="at")
        source = Source("s", time="at", key="id")
        return open_source(source, given, IngestSettings(chunk_rows=chunk_rows), tmp_path)

    check_connector(opening, BATCHES)


class _Forgetful(FilesReader):
    """Loses the last row of every chunk."""

    def chunks(self, plan: Any) -> Any:
        for chunk in super().chunks(plan):
            yield replace(chunk, frame=chunk.frame.head(-1), rows=chunk.rows.head(-1))


class _Absentminded(FilesReader):
    """Never says what it has read."""

    def bookmark(self) -> Bookmark:
        return Bookmark()


@pytest.mark.parametrize("broken", [_Forgetful, _Absentminded])
def test_a_reader_that_loses_or_repeats_is_found(tmp_path: Path, broken: type[FilesReader]) -> None:
    """The suite would be worth nothing if it passed everybody."""
    good = files(tmp_path, "csv")

    def opening(rows: Sequence[dict[str, Any]], chunk_rows: int) -> Reader:
        good(rows, chunk_rows)
        return broken("s", SourceSettings(files="*.csv"), chunk_rows, tmp_path)

    with pytest.raises(AssertionError):
        check_connector(opening, BATCHES, again=False)


def test_a_connector_of_another_package_is_found_by_its_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of the group "dayshift.connectors"; without it the remedy is named."""
    given = SourceSettings(table="topic", database="queue:orders")
    source = Source("s", time="at", key="id")
    with pytest.raises(NotReady) as caught:
        open_source(source, given, IngestSettings(), tmp_path)
    assert caught.value.problems[0].code == "DS310"

    class _Point:
        name = "queue"

        def load(self) -> Any:
            return lambda *arguments: arguments

    monkeypatch.setattr(
        "dayshift.connectors.opening.entry_points", lambda group: [_Point()] if group == "dayshift.connectors" else []
    )
    assert open_source(source, given, IngestSettings(), tmp_path) == (source, given, IngestSettings(), tmp_path)


@pytest.mark.kafka
def test_kafka_keeps_the_contract(kafka: Cluster, topic: str, tmp_path: Path) -> None:
    """Exactly once, whatever was transacted in between; rows are numbered by their offsets."""

    def opening(rows: Sequence[dict[str, Any]], chunk_rows: int) -> Reader:
        if rows:
            in_transaction(kafka, topic, rows, commit=True)
        given = SourceSettings(topic=topic, brokers=kafka.address)
        return open_source(Source("s", time="at", key="id"), given, IngestSettings(chunk_rows=chunk_rows), tmp_path)

    check_connector(opening, BATCHES, again=False, offsets=True)
