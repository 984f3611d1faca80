"""A project that lives between databases: PostgreSQL and SQLite in, PostgreSQL and DuckDB out, and everything that goes
wrong there on an ordinary week. However it came, in the end each warehouse table is the lake's.
"""

from __future__ import annotations

import datetime as dt
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dayshift.diagnostics import NotReady
from dayshift.lifecycle.project import Project
from dayshift.runtimes import backfilling, nightly
from dayshift.runtimes.project import open_project
from dayshift.runtimes.report import RunReport
from tests.services import Database, free_port

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

PIPELINE = """
import dayshift as ds
import polars as pl
from sklearn.linear_model import LogisticRegression

orders = ds.Source(
    "orders", time="updated_at", key=("order_id", "updated_at"),
    schema={"order_id": int, "customer": str, "amount": ds.decimal(2, minimum=0)},
)
returns = ds.Source("returns", time="returned_at", key="order_id", schema={"order_id": int, "customer": str})
pipeline = ds.Pipeline(
    "shop",
    predict=orders,
    features=[
        orders.by("customer").over("1d", "3d").count().alias("orders"),
        orders.by("customer").over("3d").sum("amount").alias("spent").fill(0.0),
        returns.by("customer").over("3d").count().alias("returned"),
    ],
    label=ds.Label(returns, pl.lit(1), within="1d", missing=0),
    model=LogisticRegression(),
    metric="roc_auc",
)
"""
SETTINGS = """
[sources.orders]
database = "env:SHOP_DB"
table = "shop.orders"
cursor = "updated_at"
lag = "2h"

[sources.returns]
database = "sqlite:returns.db"
table = "returns"
cursor = "returned_at"
lag = "2h"

[ingest]
retries = 0

[train]
holdout = "1d"
min_rows = 10

[schedule]
train = "0 3 4 1 *"

[destinations.bi]
database = "env:WAREHOUSE"
table = "bi.features"
content = "features"

[destinations.scores]
database = "env:WAREHOUSE"
table = "scores"
content = "predictions"

[destinations.file]
database = "duckdb:warehouse.duckdb"
table = "features"
content = "features"
"""
RUN = """
import datetime as dt, os, signal, sys
from pathlib import Path
from dayshift.runtimes import nightly
from dayshift.runtimes.project import open_project

before, step = nightly.Meter.step, sys.argv[3]
def dying(self, name):
    if name == step:
        os.kill(os.getpid(), signal.SIGKILL)
    return before(self, name)
nightly.Meter.step = dying
if step == "ledger":
    from dayshift.lake.ledger import Ledger
    Ledger.append = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
nightly.run(open_project(Path(sys.argv[1])), dt.datetime.fromisoformat(sys.argv[2]))
"""
FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
A_DAY = 30


@dataclass
class Shop:
    """The shop's own databases, its project, and its nights."""

    root: Path
    source: Database
    warehouse: Database

    def begin(self) -> None:
        (self.root / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
        (self.root / "dayshift.toml").write_text(SETTINGS, encoding="utf-8")
        columns = "order_id bigint, updated_at timestamptz, customer text, amount numeric(12,2)"
        self.source.run(
            f"create schema shop; create table shop.orders ({columns}, primary key (order_id)); create schema bi"
        )
        with sqlite3.connect(self.root / "returns.db") as books:
            books.execute("create table returns (order_id integer primary key, returned_at text, customer text)")

    def order(self, number: int, at: dt.datetime, amount: str = "1.50") -> None:
        """A row as the shop writes it: a later change takes the earlier one's place."""
        self.source.run(
            f"insert into shop.orders values ({number}, '{at.isoformat()}', 'c{number % 7}', {amount}) "
            "on conflict (order_id) do update set updated_at = excluded.updated_at, amount = excluded.amount"
        )

    def day(self, day: int) -> None:
        """What happens on day `day`, counted from 0."""
        at = FIRST + dt.timedelta(days=day)
        values = ", ".join(
            f"({day * 1000 + n}, '{(at + dt.timedelta(minutes=40 * n)).isoformat()}', 'c{n % 7}', {n}.25)"
            for n in range(A_DAY)
        )
        self.source.run(f"insert into shop.orders values {values}")
        with sqlite3.connect(self.root / "returns.db") as books:
            rows = [
                (day * 1000 + n, (at + dt.timedelta(minutes=40 * n + 5)).isoformat(), f"c{n % 7}")
                for n in range(0, A_DAY, 3)
            ]
            books.executemany("insert into returns values (?, ?, ?)", rows)

    def open(self) -> Project:
        return open_project(self.root)

    def run(self, day: int, hour: int = 3) -> RunReport:
        return nightly.run(self.open(), self.night(day, hour))

    def killed(self, day: int, step: str) -> None:
        """A run that dies as step `step` begins."""
        command = [sys.executable, "-c", RUN, str(self.root), self.night(day).isoformat(), step]
        assert subprocess.run(command, check=False, timeout=100).returncode == -signal.SIGKILL

    def night(self, day: int, hour: int = 3) -> dt.datetime:
        return FIRST + dt.timedelta(days=day + 1, hours=hour)

    def assert_equal(self) -> None:
        """Each warehouse table holds the rows of the lake's table, no other, with the same values."""
        project = self.open()
        columns = [*project.question_keys, "as_of", "_load", *project.pipeline.columns]
        known = project.features.scan().filter(pl.col("_policy") == "as_known")
        features = known.select(columns).sort("order_id", "as_of").collect()
        for found in (self._postgres("bi.features"), self._duckdb()):
            assert found.select(columns).sort("order_id", "as_of").equals(features)
        if project.predictions.exists:
            scores = ["order_id", "updated_at", "as_of", "_load", "prediction", "model_version"]
            predictions = project.predictions.scan().select(scores).sort("order_id", "as_of").collect()
            assert self._postgres("scores").select(scores).sort("order_id", "as_of").equals(predictions)

    def _postgres(self, table: str) -> pl.DataFrame:
        return pl.read_database_uri(f"select * from {table}", self.warehouse.uri, engine="adbc").with_columns(
            pl.col("as_of", "updated_at").dt.convert_time_zone("UTC")
        )

    def _duckdb(self) -> pl.DataFrame:
        with duckdb.connect(str(self.root / "warehouse.duckdb"), read_only=True) as connection:
            table = pl.DataFrame(pl.from_arrow(connection.sql("select * from features").to_arrow_table()))
        return table.with_columns(pl.col("as_of", "updated_at").dt.convert_time_zone("UTC").dt.cast_time_unit("us"))


@pytest.fixture
def shop(tmp_path: Path, postgres: Database, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop on its first morning."""
    monkeypatch.setenv("SHOP_DB", postgres.uri)
    monkeypatch.setenv("WAREHOUSE", postgres.uri)
    made = Shop(tmp_path, postgres, postgres)
    made.begin()
    return made


def _orders(report: RunReport) -> tuple[int, int, int, int]:
    one = next(source for source in report.load.sources if source.source == "orders")
    assert one.read == one.loaded + one.quarantined + one.duplicates + one.filtered
    return one.read, one.loaded, one.quarantined, one.duplicates


def test_a_week_between_databases(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late commits within the lag, changed rows, a warehouse that is down, kills at every step: nothing is missing."""
    shop.day(0)
    assert _orders(shop.run(0)) == (A_DAY, A_DAY, 0, 0)
    shop.assert_equal()

    last = FIRST + dt.timedelta(minutes=40 * (A_DAY - 1))
    shop.order(500, last - dt.timedelta(minutes=90))  # committed after the first night, its cursor before the others'
    shop.order(
        3, FIRST + dt.timedelta(days=1, hours=2), "9.99"
    )  # changed: an event of its own, for its time is in the key
    shop.day(1)
    assert _orders(shop.run(1)) == (A_DAY + 2 + 4, A_DAY + 2, 0, 4)
    shop.assert_equal()

    shop.day(2)
    with monkeypatch.context() as down:
        down.setenv("WAREHOUSE", f"postgresql://postgres@127.0.0.1:{free_port()}/gone")
        with pytest.raises(NotReady, match="DS321"):
            shop.run(2)
    assert shop.open().lake.ledger.read(verb="run")["outcome"].to_list()[-1] == "stopped"
    shop.day(3)
    report = shop.run(3)
    assert {one.destination: one.rows for one in report.deliveries}["bi"] == 2 * A_DAY
    assert report.predictions.rows == 2 * A_DAY  # also those of the night that did not end
    shop.assert_equal()

    for number, step in enumerate(("features", "score", "deliver", "ledger"), start=4):
        shop.day(number)
        shop.killed(number, step)
        shop.run(number, hour=4)
        shop.assert_equal()
    project = shop.open()
    assert project.features.scan().select(pl.len()).collect().item() == 8 * A_DAY + 2
    loads = project.lake.loads()
    assert (loads["read"] == loads["loaded"] + loads["quarantined"] + loads["duplicates"] + loads["filtered"]).all()
    assert loads.filter(pl.col("source") == "returns")["loaded"].sum() == 8 * A_DAY // 3


def test_a_new_definition_and_a_backfill_reach_the_warehouse(shop: Shop) -> None:
    """Rows that were computed again belong to old loads; the next night brings them all the same, hindsight excepted."""
    shop.day(0)
    shop.run(0)
    source = shop.root / "pipeline.py"
    source.write_text(source.read_text().replace(".fill(0.0)", ".fill(-1.0)"), encoding="utf-8")
    shop.day(1)
    shop.run(1)
    shop.assert_equal()
    project = shop.open()
    for policy in ("as_known", "hindsight"):
        backfilling.run(project, FIRST, FIRST + dt.timedelta(days=1), shop.night(1, 4), policy=policy)
    assert project.features.scan().filter(pl.col("_policy") == "hindsight").collect().height == A_DAY
    shop.day(2)
    rows = {one.destination: one.rows for one in shop.run(2).deliveries}
    assert rows == {"bi": 3 * A_DAY, "file": 3 * A_DAY, "scores": 0}
    shop.assert_equal()
    assert {one.rows for one in shop.run(2, hour=4).deliveries} == {0}
