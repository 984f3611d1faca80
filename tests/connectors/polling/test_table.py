"""Watched tables: the edge comes once, and a database that is away is waited for."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from dayshift.connectors.live import Known
from dayshift.connectors.polling import PollingTap, table
from dayshift.connectors.polling.table import Edge
from dayshift.diagnostics import DefinitionError, NotReady
from tests.connectors.polling.taps import rows, tap
from tests.services import Database


def _insert(root: Path, given: Sequence[dict[str, str]]) -> None:
    with sqlite3.connect(root / "shop.db") as shop:
        shop.execute("create table if not exists payments (id text, at text)")
        shop.executemany("insert into payments values (:id, :at)", given)


def _taken(one: PollingTap, count: int) -> tuple[list[str], str | None]:
    """So many ids, and the last cursor."""
    found: list[str] = []
    cursor = None
    end = time.monotonic() + 30
    while len(found) < count or not one.caught_up:
        assert time.monotonic() < end, one.state()
        batch = one.take(1_000)
        if batch is None:
            time.sleep(0.005)
            continue
        found += [name for arrived in batch.arrived for name in arrived.chunk.frame["id"]]
        cursor = batch.cursors.get("payments", cursor)
    return found, cursor


def test_the_edge_of_a_table_comes_once_in_a_life(tmp_path: Path) -> None:
    """Rows with the last cursor's own value, and those within the lag, are read at every look and handed over once."""
    _insert(tmp_path, rows(0, 20))
    one = tap(tmp_path, table="payments", database="shop.db", cursor="at", lag="10s")
    one.open({}, lambda: None)
    try:
        assert _taken(one, 20) == ([row["id"] for row in rows(0, 20)], "2024-05-01T00:00:19")
        _insert(tmp_path, [*rows(20, 1), {"id": "late", "at": "2024-05-01T00:00:12"}, {"id": "none", "at": None}])  # type: ignore[dict-item]
        assert sorted(_taken(one, 3)[0]) == ["late", "none", "p20"]
    finally:
        one.close()


def test_a_cursor_of_the_future_is_set_back_to_now(tmp_path: Path) -> None:
    """Else no row that is written until then would ever be asked for."""
    _insert(tmp_path, [*rows(0, 2), {"id": "odd", "at": "2999-01-01T00:00:00"}])
    one = tap(tmp_path, table="payments", database="shop.db", cursor="at")
    one.open({}, lambda: None)
    try:
        assert _taken(one, 3)[1] == "2024-06-01T12:00:00"
    finally:
        one.close()


def test_a_database_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    """It is told since when, and what it got meanwhile comes when it is back."""
    _insert(tmp_path, rows(0, 2))
    one = tap(tmp_path, table="payments", database="shop.db", cursor="at")
    one.open({}, lambda: None)
    try:
        _taken(one, 2)
        (tmp_path / "shop.db").rename(tmp_path / "away.db")
        while "error" not in (told := one.state()["payments"]):
            time.sleep(0.01)
        assert told["error"].startswith("DS311")
        (tmp_path / "away.db").rename(tmp_path / "shop.db")
        _insert(tmp_path, rows(2, 2))
        assert _taken(one, 2)[0] == ["p2", "p3"]
    finally:
        one.close()


@pytest.mark.postgres
def test_a_server_that_drops_its_connections_loses_nothing(postgres: Database, tmp_path: Path) -> None:
    """Connections are ended by the administrator, and a table is away for a while."""
    postgres.run("create table payments (id text, at text); insert into payments values ('p0', '2024-05-01T00:00:00')")
    one = tap(tmp_path, table="payments", database=postgres.uri, cursor="at")
    one.open({}, lambda: None)
    try:
        assert _taken(one, 1)[0] == ["p0"]
        postgres.run("alter table payments rename to gone")
        while "error" not in one.state()["payments"]:
            time.sleep(0.01)
        postgres.run(
            "alter table gone rename to payments; insert into payments values ('p1', '2024-05-01T00:00:01');"
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
        )
        assert _taken(one, 1)[0] == ["p1"]
    finally:
        one.close()


def test_a_database_that_is_not_there_at_the_beginning_is_an_error(tmp_path: Path) -> None:
    """A wrong path or column is told at once."""
    with pytest.raises(NotReady):
        tap(tmp_path, table="payments", database="absent.db").open({}, lambda: None)
    _insert(tmp_path, rows(0, 1))
    with pytest.raises(DefinitionError):
        tap(tmp_path, table="payments", database="shop.db", cursor="nothing").open({}, lambda: None)


def test_a_cursor_of_files_says_nothing_about_a_table(tmp_path: Path) -> None:
    """A source that came from files before is read from its beginning."""
    _insert(tmp_path, rows(0, 2))
    one = tap(tmp_path, table="payments", database="shop.db", cursor="at")
    one.open({"payments": Known((), 'file {"file": "a", "size": 1, "sha256": "", "rows": 1, "how": ""}')}, lambda: None)
    try:
        assert len(_taken(one, 2)[0]) == 2
    finally:
        one.close()


def test_a_large_table_without_a_cursor_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be read whole twice a second."""
    monkeypatch.setattr(table, "MOST", 5)
    _insert(tmp_path, rows(0, 6))
    one = tap(tmp_path, table="payments", database="shop.db")
    one.open({}, lambda: None)
    try:
        with pytest.raises(DefinitionError) as caught:
            _taken(one, 6)
        assert caught.value.problems[0].code == "DS342"
    finally:
        one.close()


def test_the_edge_forgets_what_is_far_behind() -> None:
    """Of a long look its last rows are remembered; those before come out as duplicates at the door, should they come again."""
    edge = Edge(most=2)
    assert edge.fresh(pl.DataFrame({"id": [1, 2, 3]})).all()
    edge.turn()
    assert edge.fresh(pl.DataFrame({"id": [1, 2, 3, None]})).to_list() == [True, False, False, True]
    edge.broken()
    assert edge.fresh(pl.DataFrame({"id": [3, None]})).to_list() == [False, False]
