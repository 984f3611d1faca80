"""Row features: one row, one value; whatever looks further is refused."""

from __future__ import annotations

import sys
from typing import Any

import polars as pl
import pytest

import dayshift as ds
from dayshift.definition import RowFeature
from dayshift.engines.local import rows

FRAME = pl.DataFrame(
    {
        "a": [1, 2, 3, None, 5, 6],
        "s": ["x", None, "y", "x", "y", "z"],
        "t": pl.Series(range(0, 6 * 3_600_000_000, 3_600_000_000)).cast(pl.Datetime("us", "UTC")),
    }
)


def value(expression: Any) -> list[Any]:
    """The feature's column over FRAME."""
    return rows.evaluate([RowFeature(None, "f", expression)], FRAME)["f"].to_list()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (pl.col("a") * 2, [2, 4, 6, None, 10, 12]),
        (pl.lit(3), [3] * 6),
        (pl.col("t").dt.hour(), [0, 1, 2, 3, 4, 5]),
        (pl.col("a").is_in([1, 2]), [True, True, False, None, False, False]),
        (pl.when(pl.col("s") == "x").then(1).otherwise(0), [1, 0, 0, 1, 0, 0]),
        (pl.col("a").map_elements(int.bit_length, return_dtype=pl.Int64), [1, 2, 2, None, 3, 3]),
        (ds.sql("hour(t) + a"), [1, 3, 5, None, 9, 11]),
        (ds.sql("epoch(age(t, t))"), [0.0] * 6),
        (ds.sql("hour(t::TIMESTAMPTZ)"), [0, 1, 2, 3, 4, 5]),
        (ds.sql("coalesce(s, 'none')"), ["x", "none", "y", "x", "y", "z"]),
        (ds.sql("a * 1.5"), [1.5, 3.0, 4.5, None, 7.5, 9.0]),
    ],
)
def test_an_elementwise_expression_runs_as_it_is(expression: Any, expected: list[Any]) -> None:
    """Polars expressions and SQL give one value a row."""
    assert value(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        pl.col("a").sum(),
        pl.col("a") - pl.col("a").mean(),
        pl.col("a").shift(1),
        pl.col("a").rolling_mean(2),
        pl.col("a").sum().over("s"),
        pl.col("a").cum_sum(),
        pl.col("a").fill_null(strategy="forward"),
        pl.col("a").rank(),
        pl.col("a").filter(pl.col("a") > 1),
        pl.len(),
        pl.when(pl.col("a") > 1).then(pl.col("a").max()).otherwise(0),
        pl.col("a").map_batches(lambda column: column.shift(1), return_dtype=pl.Int64),
        pl.lit(pl.Series([1, 2, 3, 4, 5, 6])),
        pl.col("absent"),
        ds.sql("sum(a)"),
        ds.sql("lag(a) OVER ()"),
        ds.sql("(SELECT max(a) FROM rows)"),
        ds.sql("now()"),
        ds.sql("current_date"),
        ds.sql("age(t)"),
        ds.sql("random()"),
        ds.sql("a) AS x, (a"),
        ds.sql("*"),
        ds.sql("absent"),
        ds.sql("a +"),
    ],
    ids=str,
)
def test_what_looks_at_other_rows_or_at_the_clock_is_refused(expression: Any) -> None:
    """Its value would depend on how the log is cut into chunks."""
    with pytest.raises(ds.DayshiftError, match="DS524"):
        value(expression)


def test_columns_that_an_expression_reads_are_found() -> None:
    """Only they are read from the log; SQL and selectors do not say, so all are."""
    columns = ["a", "s", "t"]
    assert rows.inputs([RowFeature(None, "f", pl.col("a") + 1)], columns) == ["a"]
    assert rows.inputs([RowFeature(None, "f", ds.sql("a + 1"))], columns) == columns
    assert rows.inputs([RowFeature(None, "f", pl.all())], columns) == columns


def test_sql_without_duckdb_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message holds the command that installs it."""
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ds.DayshiftError, match="DS525") as caught:
        value(ds.sql("a"))
    assert caught.value.problems[0].hint == "pip install 'dayshift[sql]'"
