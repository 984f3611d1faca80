"""Tables of real databases, read in batches and incrementally."""

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dayshift.connectors import open_source
from dayshift.connectors.database import resolve
from dayshift.connectors.sql import back
from dayshift.definition import Pipeline, Source
from dayshift.definition.settings import IngestSettings, Settings, SourceSettings
from dayshift.diagnostics import DefinitionError, NotReady
from dayshift.lake import Lake
from dayshift.lifecycle.ingest import ingest
from tests.services import Database

SOURCE = Source("orders", time="at", key="id", schema={"id": int})


def reader(root: Path, ingest: IngestSettings | None = None, sleep: Any = None, **settings: Any) -> Any:
    given = ingest or IngestSettings(retries=2, backoff="1s")
    return open_source(SOURCE, SourceSettings(**settings), given, root, sleep=sleep or (lambda _: None))


def rows(one: Any, cursor: str | None = None) -> tuple[pl.DataFrame, str | None]:
    chunks = list(one.chunks(one.plan([], cursor)))
    frame = pl.concat([chunk.frame for chunk in chunks]) if chunks else pl.DataFrame()
    assert [number for chunk in chunks for number in chunk.rows] == list(range(1, frame.height + 1))
    return frame, one.bookmark().cursor


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("create table orders (id integer, at text, amount real, anything)")
    values = [
        (1, "2024-01-01 10:00:00", 0.1 + 0.2, None),
        (2, "2024-01-01 11:00:00", 1.1, "x"),
        (3, None, None, b"\xff"),
    ]
    values += [(4, "2024-01-01 12:00:00", 1e300, 7), (5, "2024-01-01 12:30:00", -0.5, 2.5)]
    connection.executemany("insert into orders values (?, ?, ?, ?)", values)
    connection.commit()
    connection.close()
    return tmp_path


def test_sqlite_values_come_as_exact_text_whatever_their_type(shop: Path) -> None:
    """SQLite has no column types: numbers that read back to the same bits, blobs as hexadecimal, null as null."""
    frame, cursor = rows(reader(shop, IngestSettings(chunk_rows=2), table="orders", database="shop.db"))
    assert cursor is None
    assert frame.schema == dict.fromkeys(["id", "at", "amount", "anything"], pl.String)
    assert frame["anything"].to_list() == [None, "x", "FF", "7", "2.5"]
    assert [float(text) if text else None for text in frame["amount"]] == [0.1 + 0.2, 1.1, None, 1e300, -0.5]
    assert frame["amount"][1] == "1.1"


def test_sqlite_is_read_on_from_the_cursor_less_the_lag(shop: Path) -> None:
    """The bound is inclusive, rows without a cursor always come, and the cursor never goes back."""
    given = {"table": "orders", "database": "sqlite:shop.db", "cursor": "at"}
    frame, cursor = rows(reader(shop, **given))
    assert (frame.height, cursor) == (5, "2024-01-01 12:30:00")
    again, cursor = rows(reader(shop, **given), cursor)
    assert (sorted(again["id"]), cursor) == (["3", "5"], "2024-01-01 12:30:00")
    lagged, _ = rows(reader(shop, **given, lag="40m"), cursor)
    assert sorted(lagged["id"]) == ["3", "4", "5"]


def test_an_integer_cursor_is_compared_as_a_number(shop: Path) -> None:
    """10 comes after 9, though "10" stands before "9"."""
    with sqlite3.connect(shop / "shop.db") as connection:
        connection.executemany("insert into orders values (?, null, null, null)", [(9,), (10,), (11,)])
    given = {"table": "orders", "database": "shop.db", "cursor": "id"}
    _, cursor = rows(reader(shop, **given))
    assert cursor == "11"
    assert sorted(rows(reader(shop, **given), "9")[0]["id"], key=int) == ["9", "10", "11"]


def test_a_query_is_read_like_a_table(shop: Path) -> None:
    """Joins and filters are the user's; the cursor's condition stands around them."""
    query = "select id, at from orders where amount is not null;"
    frame, _ = rows(reader(shop, query=query, database="shop.db", cursor="at"), "2024-01-01 11:30:00")
    assert frame["id"].to_list() == ["4", "5"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"table": "nothing", "database": "shop.db"}, "DS315"),
        ({"table": "orders", "database": "absent.db"}, "DS311"),
        ({"table": "orders", "database": "shop.db", "cursor": "nothing"}, "DS316"),
    ],
)
def test_what_cannot_be_read_says_so(shop: Path, settings: dict[str, str], code: str) -> None:
    """An absent table, file or cursor has a code, and no database file is made by asking."""
    with pytest.raises((NotReady, DefinitionError)) as caught:
        rows(reader(shop, **settings))
    assert caught.value.problems[0].code == code
    assert not (shop / "absent.db").exists()


def test_a_lag_needs_a_cursor_of_times() -> None:
    """Fifteen minutes before order number 17 mean nothing."""
    with pytest.raises(DefinitionError) as caught:
        back("17", 1, "orders")
    assert caught.value.problems[0].code == "DS316"


@pytest.mark.parametrize(
    ("cursor", "earlier"),
    [
        ("2024-03-01 00:00:30", "2024-02-29 23:59:30"),
        ("2024-03-01T00:00:30Z", "2024-02-29T23:59:30Z"),
        ("2024-03-01T00:00:30+02:00", "2024-02-29T23:59:30+02:00"),
    ],
)
def test_a_cursor_less_its_lag_is_written_as_the_cursor(cursor: str, earlier: str) -> None:
    """SQLite compares texts, so separators and zones stay."""
    assert back(cursor, 60_000_000, "s") == earlier


def test_an_unreachable_server_is_asked_again_with_growing_pauses(tmp_path: Path) -> None:
    """Two retries after one and two seconds, then DS314, and never the password."""
    pauses: list[float] = []
    one = reader(tmp_path, sleep=pauses.append, table="t", database="postgresql://me:s3cret@127.0.0.1:1/shop")
    with pytest.raises(NotReady) as caught:
        rows(one)
    problem = caught.value.problems[0]
    assert (problem.code, pauses) == ("DS314", [1.0, 2.0])
    assert "s3cret" not in str(problem) + str(problem.facts)


def test_an_address_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`env:NAME` keeps passwords out of dayshift.toml; an unset variable is named."""
    monkeypatch.setenv("SHOP", "postgresql://me:s3cret@host/shop")
    found = resolve("env:SHOP", "[sources.a]", tmp_path)
    assert (found.kind, found.shown) == ("postgresql", "postgresql://me:***@host/shop")
    with pytest.raises(NotReady) as caught:
        resolve("env:NOT_SET", "[sources.a]", tmp_path)
    assert caught.value.problems[0].code == "DS313"


@pytest.mark.postgres
def test_postgres_types_come_exactly_and_odd_ones_as_text(postgres: Database, tmp_path: Path) -> None:
    """numeric, uuid and json travel as PostgreSQL writes them; times keep microseconds and zone."""
    postgres.run(
        "create table orders (id bigint, at timestamptz, price numeric(12,2), u uuid, j jsonb, f float8, b bool, d date);"
        "insert into orders values (1, '2024-03-31 01:30:00.000001+02', 10.10, "
        "'00000000-0000-0000-0000-000000000001', '{\"a\": 1}', 0.1, true, '2024-01-31'), (2, null, null, null, null, null, null, null)"
    )
    frame, _ = rows(reader(tmp_path, table="orders", database=postgres.uri))
    assert frame.schema["at"] == pl.Datetime("us", "UTC")
    first = frame.to_dicts()[0]
    assert (first["price"], first["u"][-1], first["j"], first["f"]) == ("10.10", "1", '{"a": 1}', 0.1)
    assert first["at"].isoformat() == "2024-03-30T23:30:00.000001+00:00"


@pytest.mark.postgres
def test_postgres_is_read_on_in_batches_and_nothing_at_the_edge_is_passed_over(
    postgres: Database, tmp_path: Path
) -> None:
    """Rows with the last cursor's own value come again; rows written late come with the lag."""
    postgres.run(
        "create schema shop; create table shop.orders as select n as id, timestamp '2024-01-01' + n * interval '1 second' as at, "
        "repeat('x', 200) as pad from generate_series(1, 50000) n"
    )
    given = {"table": "shop.orders", "database": postgres.uri, "cursor": "at"}
    frame, cursor = rows(reader(tmp_path, IngestSettings(chunk_rows=7_000), **given))
    assert (frame.height, frame["id"].n_unique(), cursor) == (50_000, 50_000, "2024-01-01T13:53:20")
    postgres.run(
        "insert into shop.orders values (50001, timestamp '2024-01-01 13:53:20', ''), (0, timestamp '2024-01-01 13:53:00', '')"
    )
    assert sorted(rows(reader(tmp_path, **given), cursor)[0]["id"]) == [50_000, 50_001]
    assert 0 in rows(reader(tmp_path, **given, lag="30s"), cursor)[0]["id"].to_list()


@pytest.mark.parametrize("strange", ["zzz", "2024-05-01T12:30:00", "9999-12-31 00:00:00", "12"])
def test_one_strange_cursor_hides_no_later_row(tmp_path: Path, strange: str) -> None:
    """A text that sorts behind all times, another spelling, a time to come: the row is judged, and reading goes on."""
    given = {"table": "orders", "database": "shop.db", "cursor": "at", "max_quarantine": 1.0}
    settings = Settings.model_validate({"sources": {"orders": given}})
    pipeline = Pipeline("shop", predict=Source("orders", time="at", key="id", schema={"id": str}))
    now = dt.datetime(2024, 5, 1, 12, 40, tzinfo=dt.UTC)
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table orders (id text, at text)")
        shop.executemany("insert into orders values (?, ?)", [("1", "2024-05-01 12:00:00"), ("2", strange)])
    ingest(pipeline, settings, Lake(tmp_path / "lake"), tmp_path, now)
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("insert into orders values ('3', '2024-05-01 12:45:00'), ('4', '2024-05-04 10:00:00')")
    report = ingest(pipeline, settings, Lake(tmp_path / "lake"), tmp_path, now + dt.timedelta(days=5))
    assert report.loaded == 2
    assert {"3", "4"} <= set(Lake(tmp_path / "lake").events("orders").collect()["id"])
