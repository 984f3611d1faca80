"""Warehouse tables that are kept equal by upsert."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from dayshift.connectors import open_destination
from dayshift.definition.settings import DestinationSettings, IngestSettings
from dayshift.diagnostics import DefinitionError, NotReady, UsageError
from tests.services import Database

AT = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)


def frame(ids: list[int], value: float, **more: Any) -> pl.DataFrame:
    rows = {"id": ids, "as_of": [AT] * len(ids), "prediction": [value] * len(ids), "name": ["é"] * len(ids)}
    return pl.DataFrame({**rows, **more})


def warehouse(database: str, root: Path, table: str = "predictions") -> Any:
    settings = DestinationSettings(database=database, table=table)
    return open_destination(settings, root, ingest=IngestSettings(retries=1), sleep=lambda _: None)


def duckdb_rows(root: Path) -> list[tuple]:
    with duckdb.connect(str(root / "w.duckdb"), read_only=True) as connection:
        return connection.execute("select id, prediction from predictions order by id").fetchall()


def test_a_duckdb_table_is_made_and_then_kept_equal(tmp_path: Path) -> None:
    """Inserted, replaced by key, written twice: the table holds each key once, with its last value."""
    one = warehouse("w.duckdb", tmp_path)
    assert one.upsert(frame([1, 2], 0.1), ["id", "as_of"]) == 2
    assert one.upsert(frame([2, 3], 0.2), ["id", "as_of"]) == 2
    assert one.upsert(frame([2, 3], 0.2), ["id", "as_of"]) == 2
    assert duckdb_rows(tmp_path) == [(1, 0.1), (2, 0.2), (3, 0.2)]


def test_a_new_column_widens_the_duckdb_table(tmp_path: Path) -> None:
    """Rows of before have null there."""
    one = warehouse("w.duckdb", tmp_path)
    one.upsert(frame([1], 0.1), ["id"])
    one.upsert(frame([2], 0.2, late=[True]), ["id"])
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        assert connection.execute("select id, late from predictions order by id").fetchall() == [(1, None), (2, True)]


def test_of_rows_with_one_key_the_last_is_written(tmp_path: Path) -> None:
    """As if they had been written one after another."""
    one = warehouse("w.duckdb", tmp_path)
    assert one.upsert(pl.concat([frame([1], 0.1), frame([1], 0.9)]), ["id"]) == 1
    assert duckdb_rows(tmp_path) == [(1, 0.9)]


@pytest.mark.parametrize(
    ("rows", "keys"), [(frame([1], 0.1), ["nothing"]), (frame([1], 0.1, k=[None]), ["k"]), (frame([1], 0.1), [])]
)
def test_rows_that_their_key_cannot_identify_are_refused(tmp_path: Path, rows: pl.DataFrame, keys: list[str]) -> None:
    """A key that is absent or null would write a row twice."""
    with pytest.raises(UsageError) as caught:
        warehouse("w.duckdb", tmp_path).upsert(rows, keys)
    assert caught.value.problems[0].code == "DS320"


def test_sqlite_is_no_destination(tmp_path: Path) -> None:
    """What cannot be written is said when it is opened."""
    with pytest.raises(DefinitionError) as caught:
        warehouse("w.db", tmp_path)
    assert caught.value.problems[0].code == "DS312"


@pytest.mark.postgres
def test_a_postgres_table_is_made_and_then_kept_equal(postgres: Database, tmp_path: Path) -> None:
    """Exactly once by key, in one transaction; a second delivery of the same rows changes nothing."""
    postgres.run("create schema ml")
    one = warehouse(postgres.uri, tmp_path, "ml.predictions")
    assert one.upsert(frame([1, 2], 0.1), ["id", "as_of"]) == 2
    assert one.upsert(frame([2, 3], 0.2), ["id", "as_of"]) == 2
    assert one.upsert(frame([2, 3], 0.2, late=[True, None]), ["id", "as_of"]) == 2
    assert postgres.run("select id, prediction, late from ml.predictions order by id") == "1|0.1|\n2|0.2|t\n3|0.2|"
    assert postgres.run("select as_of at time zone 'UTC' from ml.predictions limit 1") == "2024-05-01 12:00:00"


@pytest.mark.postgres
def test_a_postgres_table_that_refuses_is_left_as_it_was(postgres: Database, tmp_path: Path) -> None:
    """A constraint of the warehouse stops the whole delivery, with its own words."""
    postgres.run(
        "create table predictions (id bigint primary key, as_of timestamptz, prediction float8 check (prediction < 0.5), name text)"
    )
    one = warehouse(postgres.uri, tmp_path)
    one.upsert(frame([1], 0.1), ["id"])
    with pytest.raises(NotReady) as caught:
        one.upsert(pl.concat([frame([2], 0.2), frame([1], 0.9)]), ["id"])
    assert caught.value.problems[0].code == "DS321"
    assert postgres.run("select id, prediction from predictions") == "1|0.1"
