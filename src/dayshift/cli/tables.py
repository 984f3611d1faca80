"""Showing results: JSON, or tables; drawn by Rich on a terminal, plain columns everywhere else."""

import datetime as dt
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dayshift.diagnostics import Problem, render


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of values; numbers stand to the right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table from any sequences."""
    return Table(title, tuple(columns), tuple(tuple(row) for row in rows))


def facts(title: str, values: Mapping[str, Any]) -> Table:
    """A table of names and values, without the values that are absent."""
    return table(title, ("", ""), [(name, value) for name, value in values.items() if value is not None])


def show(value: Any) -> str:
    """A value as text for people: thousands apart, four digits, times in UTC to the second, nothing as a dash.

    >>> show(1234567), show(0.123456), show(None), show(True)
    ('1,234,567', '0.1235', '–', 'yes')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)


def emit(value: Any, tables: Iterable[Table | str], *, as_json: bool) -> None:
    """Prints a result to stdout: the value as JSON, or its tables and sentences."""
    if as_json:
        print(json.dumps(value, indent=2, default=str))
        return
    for index, item in enumerate(tables):
        if index:
            print()
        _print(item)


def talk(sentence: str) -> None:
    """Says something to the person on stderr."""
    print(sentence, file=sys.stderr)


def warnings(problems: list[Problem]) -> None:
    """Tells on stderr what `check` found that is no error."""
    talk(render(problems, colour=sys.stderr.isatty()) + "\n")


def _print(item: Table | str) -> None:
    if isinstance(item, str):
        print(item)
    elif sys.stdout.isatty():
        _draw(item)
    else:
        print(plain(item))


def _right(item: Table) -> list[bool]:
    columns = range(len(item.columns))
    return [
        all(isinstance(row[i], int | float | None) and not isinstance(row[i], bool) for row in item.rows)
        for i in columns
    ]


def plain(item: Table) -> str:
    """A table as text in columns.

    >>> print(plain(table("Sources", ("source", "rows"), [("payments", 1200), ("disputes", 7)])))
    Sources
    source     rows
    payments  1,200
    disputes      7
    """
    rows = [[show(value) for value in row] for row in item.rows]
    head = [list(item.columns)] if any(item.columns) else []
    widths = [max(map(len, column)) for column in zip(*head, *rows, strict=True)] if head or rows else []
    right = _right(item)
    lines = [item.title] if item.title else []
    for row in [*head, *rows]:
        cells = [
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _draw(item: Table) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as Drawn

    drawn = Drawn(title=item.title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    drawn.show_header = any(item.columns)
    for name, to_right in zip(item.columns, _right(item), strict=True):
        drawn.add_column(name, justify="right" if to_right else "left", overflow="fold")
    for row in item.rows:
        drawn.add_row(*(show(value).replace("[", r"\[") for value in row))
    Console().print(drawn)
