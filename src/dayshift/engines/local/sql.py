"""Row features in SQL: DuckDB over Arrow, on the engine's own rows, so the same answer in every engine.

Times are handed over as UTC without a zone: no session's time zone can reach the result. Subqueries, windows,
aggregates and functions that change from call to call are refused, from DuckDB's own syntax tree and function list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from dayshift.diagnostics import DefinitionError, NotReady
from dayshift.engines.contract import TIME

if TYPE_CHECKING:
    import duckdb

_ROWS = "rows"
_ZONED = ["TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"]
"""Types whose functions depend on the session's time zone, which is always UTC here."""


def evaluate(expressions: Mapping[str, str], frame: pl.DataFrame) -> dict[str, pl.Series]:
    """The column of each scalar SQL expression, by name, in the rows' order.

    Raises:
        DefinitionError: DS524, an expression is not one scalar expression over the row's columns.
        NotReady: DS525, DuckDB is not installed.
    """
    made = Prepared(expressions)
    try:
        return made.evaluate(frame)
    finally:
        made.close()


class Prepared:
    """Expressions for one frame after the other: what they may not do is looked for once, the connection stays open.

    Raises:
        NotReady: DS525, DuckDB is not installed.
    """

    def __init__(self, expressions: Mapping[str, str]) -> None:
        self._expressions = dict(expressions)
        self._connection = _connect()
        self._looked = False

    def evaluate(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """As the function `evaluate` says."""
        connection = self._connection
        try:
            for name, text in {} if self._looked else self._expressions.items():
                _refuse_other_rows(connection, name, text, frame.columns)
            self._looked = True
            connection.register(_ROWS, frame.with_columns(cs.datetime().dt.replace_time_zone(None)))
            wanted = ", ".join(f"({text}) AS {_quoted(name)}" for name, text in self._expressions.items())
            found = connection.sql(f"SELECT {wanted} FROM {_ROWS}").pl()  # noqa: S608
        except _errors() as error:
            names = ", ".join(repr(name) for name in self._expressions)
            raise DefinitionError(
                "DS524", f"SQL of row feature {names} cannot be computed: {_first_line(error)}"
            ) from error
        return {name: _canonical(found[name]) for name in self._expressions}

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def _connect() -> duckdb.DuckDBPyConnection:
    try:
        import duckdb
        import pyarrow  # noqa: F401, ICN001
    except ImportError as error:
        raise NotReady(
            "DS525",
            "row features in SQL need DuckDB, which is not installed",
            facts=(f"import failed: {error.name}",),
            hint="pip install 'dayshift[sql]'",
        ) from error
    connection = duckdb.connect(config={"threads": 1, "enable_external_access": "false"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _errors() -> type[Exception]:
    import duckdb

    return duckdb.Error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refuse_other_rows(connection: duckdb.DuckDBPyConnection, name: str, text: str, columns: Sequence[str]) -> None:
    found = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT ({text})"]).fetchone()
    tree = json.loads(found[0]) if found else {}
    statements = tree.get("statements") or []
    if tree.get("error") or len(statements) != 1 or len(statements[0]["node"]["select_list"]) != 1:
        raise _refusal(name, f"is not one scalar expression: {tree.get('error_message', text)}")
    called = {called for node in _nodes(statements[0]) for called in _called(node)}
    rows = connection.execute(
        "SELECT function_name, function_type = 'aggregate' FROM duckdb_functions() WHERE list_contains(?, function_name)"
        " AND (function_type = 'aggregate' OR stability <> 'CONSISTENT' AND NOT list_has_any(parameter_types, ?))",
        [sorted(called - {column.lower() for column in columns}), _ZONED],
    ).fetchall()
    for function, aggregates in rows:
        raise _refusal(name, f"{'aggregates over rows' if aggregates else 'changes from call to call'}: {function}()")
    for node in _nodes(statements[0]):
        if _called(node) == ["age"] and len(node.get("arguments", node.get("children", []))) == 1:
            raise _refusal(name, "changes from call to call: age() of one time")
        if node.get("class") in ("WINDOW", "SUBQUERY", "STAR"):
            raise _refusal(name, f"looks at other rows or columns: {node['class'].lower()}")


def _called(node: dict[str, Any]) -> list[str]:
    """The function that a node calls; `current_date` and its like are written as columns are."""
    kind = node.get("class")
    names = [node["function_name"]] if kind == "FUNCTION" else node["column_names"] if kind == "COLUMN_REF" else []
    return [str(name).lower() for name in names[:1]]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from _nodes(branch)


def _refusal(name: str, why: str) -> DefinitionError:
    return DefinitionError(
        "DS524",
        f"SQL of row feature {name!r} {why}",
        facts=("its value must depend on its own row only, or it would differ with the size of a load",),
        hint="for a value from other rows write a window: source.by(...).over(...).mean(...)",
    )


def _canonical(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime):
        return column.dt.cast_time_unit("us").dt.replace_time_zone(None).dt.replace_time_zone("UTC").cast(TIME)
    if dtype.is_integer():
        return column.cast(pl.Int64)
    if dtype.is_float() or dtype.is_decimal():
        return column.cast(pl.Float64)
    return column
