"""Expressions: they are expressions, read what is there, and look at one row."""

from collections.abc import Iterator

from dayshift.definition import canonical
from dayshift.definition.check.parts import Parts, expressions, fault, is_expression, reads
from dayshift.definition.check.probe import attempt
from dayshift.definition.column import Column
from dayshift.definition.feature import RowFeature, Sql
from dayshift.diagnostics import Problem, nearest, shorten


def are_expressions(parts: Parts) -> Iterator[Problem]:
    """A row feature, a derived column, `where` and the label are Polars expressions (or SQL where rows are computed)."""
    for user, given, place in expressions(parts):
        sql_allowed = user != "the label"
        if is_expression(given) or (sql_allowed and isinstance(given, Sql)):
            continue
        message = f"{user} is {given!r:.60}, which is not a Polars expression"
        hint = f"ds.sql({given!r})" if isinstance(given, str) and sql_allowed else "pl.col(...)"
        yield fault("DS218", message, place, hint=hint)


def read_the_question(parts: Parts) -> Iterator[Problem]:
    """A row feature reads columns of its question, and gives one value a row."""
    for feature in parts.rows:
        readable = isinstance(feature.expression, Sql) or is_expression(feature.expression)
        if feature.source != parts.pipeline.predict or not readable:
            continue
        unknown = [name for name in reads(feature.expression, parts.question) if name not in _all_columns(parts)]
        for name in unknown:
            yield _unknown(feature, name, parts)
        if not unknown:
            yield from _trial(feature, parts)


def _all_columns(parts: Parts) -> set[str]:
    mistyped = set(parts.asker.columns) if parts.asker and parts.calendar is None else set()
    return mistyped | set(parts.question)


def _unknown(feature: RowFeature, name: str, parts: Parts) -> Problem:
    near = nearest(name, parts.question)
    return fault(
        "DS201",
        f"feature '{feature.name}' reads '{name}', which {parts.asked} does not have",
        feature.place,
        f"columns of the question: {shorten(parts.question)}",
        hint=f"write '{near}' in place of '{name}'" if near else None,
    )


def _trial(feature: RowFeature, parts: Parts) -> Iterator[Problem]:
    columns: dict[str, Column] = dict(parts.question)
    if any(name not in columns for name in reads(feature.expression, columns)):
        return  # it reads a column whose type is unknown, which is told already
    opaque = is_expression(feature.expression) and canonical.opaque(feature.expression)
    answer = attempt(feature.expression, columns, run=not opaque)
    if answer.absent is not None:
        yield _unknown(feature, answer.absent, parts)
    elif answer.complaint is not None and answer.row_wise is not False:
        message = f"feature '{feature.name}' cannot be computed from {parts.asked}"
        unreadable = isinstance(feature.expression, Sql) and "syntax error" in answer.complaint
        hint = (
            "a column whose name is a word of SQL stands in double quotes: ds.sql('hour(\"at\")')"
            if unreadable
            else None
        )
        yield fault("DS219", message, feature.place, f"the engine says: {answer.complaint}", hint=hint)
    elif answer.row_wise is False:
        yield fault(
            "DS219",
            f"feature '{feature.name}' looks at other rows than its own",
            feature.place,
            "a row feature is computed for one question at a time; what else is in the batch must not change it",
            hint='look at the past through a window: source.by("key").over("7d").mean("column")',
        )


def opaque_functions(parts: Parts) -> Iterator[Problem]:
    """Nobody can look into a Python function; the user should know what that costs."""
    for user, given, place in expressions(parts):
        if is_expression(given) and canonical.opaque(given):
            yield fault(
                "DS223",
                f"{user} calls a Python function, which Dayshift cannot look into",
                place,
                "its fingerprint holds the function's code, not that of what it calls, and changes with Python's minor version",
                "it must look at one row at a time, which cannot be checked",
                hint="write it with Polars' own expressions",
                severity="warning",
            )
