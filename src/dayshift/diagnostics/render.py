"""Problems as text for a terminal, and as values for `--json`."""

import os
from collections.abc import Iterable
from pathlib import Path

from dayshift.diagnostics.place import Place
from dayshift.diagnostics.problem import Problem

_RED, _YELLOW, _BLUE, _BOLD, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[1m", "\x1b[0m"


def _where(place: Place) -> str:
    try:
        inside = Path(place.file).resolve().relative_to(Path.cwd())
    except ValueError:
        return str(place)
    return str(Place(str(inside), place.line))


def _paint(text: str, *styles: str, colour: bool) -> str:
    return f"{''.join(styles)}{text}{_PLAIN}" if colour else text


def _one(problem: Problem, colour: bool) -> str:
    tint = _RED if problem.severity == "error" else _YELLOW
    head = _paint(f"{problem.severity}[{problem.code}]", tint, _BOLD, colour=colour)
    lines = [f"{head}: {problem.message}"]
    if problem.place:
        lines.append(f"  --> {_where(problem.place)}")
    lines += [f"   = {fact}" for fact in problem.facts]
    if problem.hint:
        lines += ["", f"{_paint('hint', _BLUE, _BOLD, colour=colour)}: {problem.hint}"]
    return "\n".join(lines)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def render(problems: Iterable[Problem], *, colour: bool = False) -> str:
    """All problems as text, the count last when there is more than one.

    >>> print(render([Problem("DS301", "file 'a.csv' is not there", facts=("looked in /tmp",), hint="ls /tmp")]))
    error[DS301]: file 'a.csv' is not there
       = looked in /tmp
    <BLANKLINE>
    hint: ls /tmp
    """
    colour = colour and "NO_COLOR" not in os.environ
    listed = list(problems)
    blocks = [_one(problem, colour) for problem in listed]
    errors = sum(problem.severity == "error" for problem in listed)
    if len(listed) > 1:
        warnings = len(listed) - errors
        blocks.append(
            f"{_count(errors, 'error')}, {_count(warnings, 'warning')}" if warnings else _count(errors, "error")
        )
    return "\n\n".join(blocks)


def to_json(problem: Problem) -> dict[str, object]:
    """One problem as plain values, for `--json`."""
    place = {"file": problem.place.file, "line": problem.place.line} if problem.place else None
    return {
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "place": place,
        "facts": list(problem.facts),
        "hint": problem.hint,
    }
