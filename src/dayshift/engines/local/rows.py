"""Row features: values from the question's own row, by a Polars expression as it is or by SQL over Arrow.

A row feature must be elementwise: its value may depend on its own row only. An expression that aggregates, shifts,
sorts or looks over other rows would give another value for every way to cut the log into chunks, so it is refused:
first by its syntax tree (Polars' own and DuckDB's), then by its values, which must not change when some of the rows
are computed alone and in another order. The second finds what no tree tells, such as a user's own function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from dayshift.definition import RowFeature, Sql
from dayshift.diagnostics import DefinitionError
from dayshift.engines.local import sql

SAMPLE = 64
"""How many rows are computed a second time, in two parts and reversed."""
CHECKED, SELDOM = 16, 256
"""How many micro-batches are compared at first, and which of the later ones."""
MANY = 50_000
"""From so many rows on expressions are computed side by side."""
ENOUGH = 6
"""How many rows are compared at least."""


def inputs(features: Iterable[RowFeature], columns: Sequence[str]) -> list[str]:
    """The columns of the asking row that these features read; all of them where an expression does not say.

    >>> inputs([RowFeature(None, "late", pl.col("delay") > 15)], ["id", "delay"])
    ['delay']
    """
    found: list[str] = []
    for feature in features:
        names = [] if isinstance(feature.expression, Sql) else feature.expression.meta.root_names()
        found += [name for name in names if name in columns] if names and set(names) <= {*columns, "as_of"} else columns
    return list(dict.fromkeys(found))


def evaluate(features: Sequence[RowFeature], frame: pl.DataFrame) -> dict[str, pl.Series]:
    """Each feature's column for the rows of a frame; frame columns are canonical, times are UTC.

    Raises:
        DefinitionError: DS524, an expression's value depends on other rows, or it cannot be computed.
        NotReady: DS525, a feature is written in SQL and DuckDB is not installed.
    """
    found = _compute(features, frame)
    for feature in features:
        if isinstance(feature.expression, pl.Expr):
            refuse_other_rows(feature)
    _refuse_lengths(features, found, frame.height)
    _compare(features, frame.head(SAMPLE), {name: column.head(SAMPLE) for name, column in found.items()})
    return found


class Rows:
    """Row features of one micro-batch after the other: the values of `evaluate`, without computing them three times.

    What an expression's tree and SQL's tell does not change, so both are looked at once. What only values tell (a user's
    own function that looks at other rows) is compared on the first `CHECKED` occasions and then on every `SELDOM`th: a
    function looks around at all times or at none, so the first ones find it, and the later ones those that do it for
    values that were not there at first. Single rows tell nothing; they are gathered until there are enough to compare.
    """

    def __init__(self, features: Sequence[RowFeature]) -> None:
        self._features = tuple(features)
        self._expressions = [each.expression.alias(each.name) for each in features if _is_plain(each)]
        plain = {each.name for each in features if _is_plain(each)}
        self._queries = {each.name: each.expression.text for each in features if isinstance(each.expression, Sql)}
        self._alone = [each for each in features if each.name not in plain and each.name not in self._queries]
        self._sql: sql.Prepared | None = None
        self._batches = self._checks = 0
        self._nothing: dict[str, pl.Series] | None = None
        self._held: list[tuple[pl.DataFrame, dict[str, pl.Series]]] = []

    def evaluate(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        """As the function `evaluate` says."""
        if not self._features:
            return {}
        if self._nothing is not None and not frame.height:
            return self._nothing
        self._batches += 1
        if self._nothing is None:
            found = evaluate(self._features, frame)
            self._nothing = {name: column.clear() for name, column in found.items()}
            return found
        found = self._compute(frame)
        if frame.height and (self._checks < CHECKED or self._held or self._batches % SELDOM == 0):
            self._check(frame.head(SAMPLE), {name: column.head(SAMPLE) for name, column in found.items()})
        return found

    def _compute(self, frame: pl.DataFrame) -> dict[str, pl.Series]:
        found: dict[str, pl.Series] = {}
        if self._expressions:
            try:
                few = frame.height < MANY  # handing them to other threads would take longer than they do
                table = frame.select_seq(self._expressions) if few else frame.select(self._expressions)
            except pl.exceptions.PolarsError:
                return evaluate(self._features, frame)  # which names the feature
            found.update(zip(table.columns, table.get_columns(), strict=True))
        if self._queries:
            self._sql = self._sql or sql.Prepared(self._queries)
            found.update(self._sql.evaluate(frame))
        for feature in self._alone:
            found[feature.name] = _one(feature, frame)
        _refuse_lengths(self._features, found, frame.height)
        return found

    def _check(self, frame: pl.DataFrame, found: dict[str, pl.Series]) -> None:
        self._held.append((frame, found))
        if sum(each.height for each, _ in self._held) < ENOUGH:
            return
        parts, self._held, self._checks = self._held, [], self._checks + 1
        values = {name: pl.concat([each[name] for _, each in parts]) for name in found}
        _compare(self._features, pl.concat([each for each, _ in parts]), values)


def _is_plain(feature: RowFeature) -> bool:
    """Whether an expression may be computed together with others: its tree says that it is elementwise, over some column."""
    if isinstance(feature.expression, Sql) or not feature.expression.meta.root_names():
        return False
    try:
        return bool(feature.expression.meta.is_row_separable())
    except pl.exceptions.ColumnNotFoundError:
        return False


def _refuse_lengths(features: Sequence[RowFeature], found: dict[str, pl.Series], height: int) -> None:
    for feature in features:
        if len(found[feature.name]) != height:
            raise _refusal(feature, f"gives {len(found[feature.name])} values for {height} rows")


def refuse_other_rows(feature: RowFeature) -> None:
    """Refuse an expression whose syntax tree says that it looks at other rows.

    >>> refuse_other_rows(RowFeature(None, "x", pl.col("a") - pl.col("a").mean()))
    Traceback (most recent call last):
    ...
    dayshift.diagnostics.errors.DefinitionError: DS524: row feature 'x' looks at other rows: col("a").mean()
    """
    found = _looking_around(feature.expression)
    if found is not None:
        raise _refusal(feature, f"looks at other rows: {found}")


def _looking_around(expression: pl.Expr) -> pl.Expr | None:
    meta = expression.meta
    if meta.is_literal() or "element()" in str(expression):
        return None
    for part in meta.pop():
        found = _looking_around(part)
        if found is not None:
            return found
    try:
        separate = meta.is_row_separable() and (meta.is_length_preserving() or meta.is_scalar())
    except pl.exceptions.ColumnNotFoundError:
        return None  # a user's own function: only its values can tell
    return None if separate else expression


def _compute(features: Sequence[RowFeature], frame: pl.DataFrame) -> dict[str, pl.Series]:
    found: dict[str, pl.Series] = {}
    queries = {feature.name: feature for feature in features if isinstance(feature.expression, Sql)}
    if queries:
        found.update(sql.evaluate({name: feature.expression.text for name, feature in queries.items()}, frame))
    for feature in features:
        if feature.name not in queries:
            found[feature.name] = _one(feature, frame)
    return found


def _one(feature: RowFeature, frame: pl.DataFrame) -> pl.Series:
    try:
        column = frame.select(feature.expression.alias(feature.name)).to_series()
    except pl.exceptions.PolarsError as error:
        raise _refusal(feature, f"cannot be computed: {str(error).splitlines()[0]}") from error
    if len(column) == 1 and frame.height != 1 and not feature.expression.meta.root_names():
        return column.new_from_index(0, frame.height)
    return column


def _compare(features: Sequence[RowFeature], frame: pl.DataFrame, expected: dict[str, pl.Series]) -> None:
    cut = frame.height // 3
    if not cut:
        return
    parts = [_compute(features, part.reverse()) for part in (frame.head(cut), frame.slice(cut))]
    for feature in features:
        again = pl.concat([part[feature.name].reverse() for part in parts])
        if not again.equals(expected[feature.name].alias(feature.name), null_equal=True):
            raise _refusal(feature, "has other values when the rows are computed in parts or in another order")


def _refusal(feature: RowFeature, why: str) -> DefinitionError:
    return DefinitionError(
        "DS524",
        f"row feature {feature.name!r} {why}",
        place=feature.place,
        facts=("its value must depend on its own row only, or it would differ with the size of a load",),
        hint="for a value from other rows write a window: source.by(...).over(...).mean(...)",
    )
