"""The contract suite of taps, run on folders and tables."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from dayshift.connectors.live import Tap
from dayshift.testing.connectors import check_tap
from tests.connectors.polling.taps import rows, tap
from tests.services import Database

BATCHES = [rows(0, 13), rows(13, 6), rows(19, 7), rows(26, 1)]
Write = Callable[[Path, Sequence[dict[str, str]]], None]


def _csv(path: Path, given: Sequence[dict[str, str]]) -> None:
    pl.DataFrame(given).write_csv(path)


def _jsonl(path: Path, given: Sequence[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in given))


def _parquet(path: Path, given: Sequence[dict[str, str]]) -> None:
    pl.DataFrame(given).write_parquet(path)


def _gzip(path: Path, given: Sequence[dict[str, str]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in given).encode()))


@pytest.mark.parametrize(
    ("ending", "write"), [("csv", _csv), ("jsonl", _jsonl), ("parquet", _parquet), ("jsonl.gz", _gzip)]
)
@pytest.mark.parametrize("chunk_rows", [4, 1_000])
def test_a_watched_folder_keeps_the_contract_of_taps(
    tmp_path: Path, ending: str, write: Write, chunk_rows: int
) -> None:
    """Nothing lost, nothing twice: in one life, in several, in lives that end between taking and storing."""
    numbers = count()
    (tmp_path / "in").mkdir()

    def store(given: Sequence[dict[str, str]]) -> None:
        write(tmp_path / "beside", given)
        (tmp_path / "beside").rename(tmp_path / "in" / f"{next(numbers):03d}.{ending}")

    check_tap(lambda: tap(tmp_path, chunk_rows, files="in/*"), store, BATCHES)


@pytest.mark.parametrize("cursor", ["at", None])
def test_a_watched_table_of_sqlite_keeps_the_contract_of_taps(tmp_path: Path, cursor: str | None) -> None:
    """Rows at the edge come again after a restart, and never within one life."""
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table payments (id text, at text)")

    def store(given: Sequence[dict[str, str]]) -> None:
        with sqlite3.connect(tmp_path / "shop.db") as shop:
            shop.executemany("insert into payments values (:id, :at)", given)

    def make() -> Tap:
        return tap(tmp_path, 4, table="payments", database="shop.db", cursor=cursor)

    check_tap(make, store, BATCHES, again=True, resumes=cursor is not None)


@pytest.mark.postgres
def test_a_watched_table_of_postgres_keeps_the_contract_of_taps(postgres: Database, tmp_path: Path) -> None:
    """The same, by a server."""
    postgres.run("create table payments (id text, at text)")

    def store(given: Sequence[dict[str, str]]) -> None:
        values = ", ".join(f"('{row['id']}', '{row['at']}')" for row in given)
        postgres.run(f"insert into payments values {values}")

    def make() -> Tap:
        return tap(tmp_path, 4, table="payments", database=postgres.uri, cursor="at", lag="1s")

    check_tap(make, store, BATCHES, again=True)
