"""Tables of features, labels and predictions: every write once, in one commit."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from dayshift.diagnostics import Bug, NotReady, UsageError
from dayshift.lake import Lake, Table
from tests.lake.parts import TIME, code_of

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Lake(tmp_path / "lake").table("features", "late-flights-0a1b")


def rows(*days: int, value: float = 1.0) -> pl.DataFrame:
    """One row a day."""
    times = [START + dt.timedelta(days=day) for day in days]
    frame = pl.DataFrame({"as_of": times, "x": [value] * len(days)}, schema={"as_of": TIME, "x": pl.Float64})
    return frame.with_columns(_policy=pl.lit("as_known"))


def days(table: Table, **when: object) -> list[int]:
    """The days that the table has, sorted."""
    frame = table.scan(**when).collect()  # type: ignore[arg-type]
    return sorted((time - START).days for time in frame["as_of"])


def test_the_same_work_is_done_once(table: Table) -> None:
    """The second call with a number returns False, writes nothing, and does not even ask for the rows."""
    assert (table.exists, table.version, table.last_number("run")) == (False, -1, 0)
    assert table.append_once([rows(1), rows(2)], "run", 3)

    never = (rows(1 // 0) for _ in range(1))  # raises when asked
    assert not table.append_once(never, "run", 3)
    assert not table.append_once(never, "run", 2)
    assert table.append_once(rows(3), "backfill", 1)
    assert (days(table), table.last_number("run"), table.last_number("backfill")) == ([1, 2, 3], 3, 1)


def test_a_work_without_rows_counts_as_done(table: Table) -> None:
    """A night without questions moves the number on."""
    assert table.append_once(rows(), "run", 1)
    assert (table.exists, table.last_number("run"), days(table)) == (True, 1, [])
    assert table.append_once(iter([]), "run", 2)
    assert table.last_number("run") == 2


def test_no_frame_at_all_makes_no_table(table: Table) -> None:
    """Without any frame the columns are unknown: there is still no table."""
    assert table.append_once(iter([]), "run", 1)
    assert not table.exists


def test_an_error_among_the_rows_leaves_nothing(table: Table) -> None:
    """The first chunks of a write that fails are deleted, and the work can be done again."""

    def failing() -> Iterator[pl.DataFrame]:
        yield rows(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        table.append_once(failing(), "run", 1)
    assert not table.exists
    assert list(Path(str(table._place)).glob("*.parquet")) == []
    assert table.append_once(rows(1), "run", 1)


@pytest.mark.parametrize("as_sql", [True, False])
def test_replace_is_one_commit(table: Table, as_sql: bool) -> None:
    """The rows of a range go and the new ones come in the same version; the others are untouched."""
    table.append_once([rows(1, 2, 3), rows(4, 5), rows(6)], "run", 1)
    version = table.version
    low, high = START + dt.timedelta(days=2), START + dt.timedelta(days=5)
    where: pl.Expr | str = (pl.col("as_of") >= low) & (pl.col("as_of") < high)
    if as_sql:
        where = f"as_of >= '{low:%Y-%m-%dT%H:%M:%S.%fZ}' AND as_of < '{high:%Y-%m-%dT%H:%M:%S.%fZ}'"
        where += " AND _policy = 'as_known'"
    assert table.replace([rows(2, value=9.0), rows(4, value=9.0)], where, "backfill", 1) == 2
    assert table.version == version + 1
    assert days(table) == [1, 2, 4, 5, 6]
    assert sorted(table.scan().collect()["x"]) == [1.0, 1.0, 1.0, 9.0, 9.0]
    assert table.replace([rows(2, value=7.0)], where, "backfill", 1) == 0
    assert days(table, version=version) == [1, 2, 3, 4, 5, 6]


def test_rows_for_which_the_condition_is_null_stay(table: Table) -> None:
    """Only rows that fulfil the condition are replaced."""
    table.append_once(pl.DataFrame({"x": [1.0, None, 3.0]}), "run", 1)
    table.replace(pl.DataFrame({"x": [5.0]}), "x > 2", "backfill", 1)
    assert sorted(table.scan().collect()["x"].to_list(), key=str) == [1.0, 5.0, None]


def test_a_new_row_outside_of_the_replaced_range_is_refused(table: Table) -> None:
    """It would be doubled by doing the same again."""
    table.append_once(rows(1, 2), "run", 1)
    with pytest.raises(Bug) as caught:
        table.replace(rows(2, 3), pl.col("as_of") <= START + dt.timedelta(days=2), "backfill", 1)
    assert code_of(caught.value) == "DS413"
    assert days(table) == [1, 2]


def test_a_table_is_read_as_of_a_version_and_as_of_a_time(table: Table) -> None:
    """Time travel; what never was is refused."""
    with pytest.raises(NotReady) as unwritten:
        table.scan()
    assert code_of(unwritten.value) == "DS410"
    table.append_once(rows(1), "run", 1)
    time.sleep(0.02)
    between = table.history()["at"][0] + dt.timedelta(milliseconds=10)
    table.append_once(rows(2), "run", 2)
    assert (days(table, version=0), days(table, at=between), days(table)) == ([1], [1], [1, 2])
    for when in ({"version": 2}, {"version": -1}, {"at": dt.datetime(2001, 1, 1, tzinfo=dt.UTC)}):
        with pytest.raises(UsageError) as caught:
            table.scan(**when)
        assert code_of(caught.value) == "DS408"


def test_a_new_column_is_null_in_older_rows(table: Table) -> None:
    """A table grows columns; older rows have null there."""
    table.append_once(rows(1), "run", 1)
    table.append_once(rows(2).with_columns(y=pl.lit(3)), "run", 2)
    assert table.scan().collect()["y"].to_list() == [None, 3]


def test_compaction_and_vacuum_change_no_row(table: Table) -> None:
    """Fewer files, the same rows in the same order; old versions are gone after the vacuum, and said to be."""
    for number in range(1, 8):
        table.append_once(rows(number), "run", number)
    before = table.scan().collect()
    assert table.compact() == 7
    assert table.scan().collect().equals(before)
    assert table.vacuum(0) >= 7
    assert table.scan().collect().equals(before)
    assert len(list(Path(str(table._place)).glob("*.parquet"))) == 1
    assert not table.append_once(rows(1), "run", 7)
    with pytest.raises((UsageError, NotReady)) as caught:
        table.scan(version=2).collect()
    assert code_of(caught.value) in {"DS403", "DS408"}


def test_history_tells_the_commits(table: Table) -> None:
    """The newest first, with the storage's times."""
    table.append_once(rows(1), "run", 1)
    table.append_once(rows(2), "run", 2)
    assert table.history()["version"].to_list() == [1, 0]
    assert table.history()["at"].is_sorted(descending=True)


def test_opening_a_table_does_not_read_every_commit_again(table: Table, tmp_path: Path) -> None:
    """Every tenth commit leaves a checkpoint, so that a night costs after years what it costs in the first week."""
    for night in range(1, 13):
        table.append_once(rows(night), "run", night)
    assert list(tmp_path.rglob("*.checkpoint.parquet"))
    assert days(table) == list(range(1, 13))
    assert days(table, version=3) == [1, 2, 3, 4]
