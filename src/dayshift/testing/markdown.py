"""The Markdown of a scenario file, taken apart strictly: what is not understood is an error, never prose by accident.

    # 1. The edges of a window          the group's number and title
    prose
    ```python ... ```                   what all scenarios of the file share
    * day: 2024-03-01                   a directive: one line, `* name: value`
    ## Title                            one scenario
    prose, ```python ... ```, directives, and tables

A table follows a caption: a paragraph of one line that ends in a colon.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from dayshift.diagnostics import Place, UsageError

_TITLE = re.compile(r"# (\d+)\. (\S.*)")
_DIRECTIVE = re.compile(r"\* ([a-z][a-z ]*): (\S.*)")
_RULE = re.compile(r":?-+:?")


@dataclass(frozen=True)
class Table:
    """A table: its caption without the colon, its header, and its rows with the line that each stands on."""

    caption: str
    line: int
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass
class Section:
    """What stands under one heading."""

    title: str
    line: int
    code: list[tuple[int, str]] = field(default_factory=list)
    directives: dict[str, tuple[int, str]] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """A scenario file: its group's number and title, what is shared, and its scenarios."""

    file: str
    number: int
    title: str
    shared: Section
    sections: tuple[Section, ...]


def wrong(file: str, line: int, message: str) -> UsageError:
    """The error that a scenario cannot be read, at its line."""
    return UsageError("DS581", message, place=Place(file, line))


def read_document(path: Path) -> Document:
    """Take a scenario file apart.

    Raises:
        UsageError: DS581, a line that the format does not know.
    """
    return parse_document(path.read_text(encoding="utf-8"), str(path))


def parse_document(text: str, file: str = "scenario.md") -> Document:
    r"""Take the text of a scenario file apart.

    >>> document = parse_document("# 1. Edges\n\n## At t\n\n* day: 2024-03-01\n\nQuestions:\n\n| as_of |\n|--|\n| 06:00 |\n")
    >>> document.number, document.sections[0].tables[0].rows
    (1, ((11, ('06:00',)),))
    """
    lines = _Lines(text.splitlines(), file)
    found = _TITLE.fullmatch(lines.take())
    if found is None:
        raise wrong(file, 1, "the first line is `# NUMBER. Title`")
    sections = [Section(found[2], 1)]
    while lines.more():
        line = lines.take()
        if line.startswith("## "):
            sections.append(Section(line[3:].strip(), lines.number))
        else:
            _into(sections[-1], line, lines)
    return Document(file, int(found[1]), found[2], sections[0], tuple(sections[1:]))


class _Lines:
    """The lines of a file, one after another."""

    def __init__(self, lines: list[str], file: str) -> None:
        self.lines, self.file, self.number = lines, file, 0

    def more(self) -> bool:
        return self.number < len(self.lines)

    def take(self) -> str:
        self.number += 1
        return self.lines[self.number - 1].rstrip()

    def wrong(self, message: str) -> UsageError:
        return wrong(self.file, self.number, message)

    def caption(self) -> str:
        """The paragraph before the current line: one line that ends in a colon."""
        before = [line.strip() for line in self.lines[: self.number - 1]]
        while before and not before[-1]:
            before.pop()
        if not before or not before[-1].endswith(":") or (len(before) > 1 and before[-2]):
            raise self.wrong("a table needs a caption before it: a paragraph of one line that ends in a colon")
        return before[-1][:-1]


def _into(section: Section, line: str, lines: _Lines) -> None:
    if line.startswith("```"):
        section.code.append(_code(line, lines))
    elif line.startswith("|"):
        section.tables.append(_table(line, lines))
    elif line.startswith(("* ", "- ", "+ ")):
        found = _DIRECTIVE.fullmatch(line)
        if found is None or found[1] in section.directives:
            raise lines.wrong(f"{line!r} is no directive, `* name: value`, or stands here twice")
        section.directives[found[1]] = (lines.number, found[2])
    elif line.startswith("#"):
        raise lines.wrong("a scenario's heading is `## Title`; there are no others")


def _code(line: str, lines: _Lines) -> tuple[int, str]:
    if line != "```python":
        raise lines.wrong("a block of code begins with ```python")
    start = lines.number
    taken: list[str] = []
    while lines.more():
        line = lines.take()
        if line == "```":
            return start, "\n".join(taken)
        taken.append(line)
    raise lines.wrong("a block of code has no end")


def _table(line: str, lines: _Lines) -> Table:
    caption, start = lines.caption(), lines.number
    header = _row(line, lines)
    rule = _row(lines.take() if lines.more() else "", lines)
    if not all(_RULE.fullmatch(cell) for cell in rule) or len(rule) != len(header):
        raise lines.wrong("under a table's header stands a rule of dashes for each column")
    if len(set(header)) != len(header):
        raise lines.wrong("two columns of a table have the same name")
    rows = []
    while lines.more() and lines.lines[lines.number].startswith("|"):
        cells = _row(lines.take(), lines)
        if len(cells) != len(header):
            raise lines.wrong(f"{len(cells)} cells in a table of {len(header)} columns")
        rows.append((lines.number, cells))
    if not rows:
        raise lines.wrong("a table without rows says nothing")
    return Table(caption, start, header, tuple(rows))


def _row(line: str, lines: _Lines) -> tuple[str, ...]:
    line = line.strip()
    if not (line.startswith("|") and line.endswith("|") and len(line) > 1):
        raise lines.wrong("a table's line begins and ends with `|`")
    cells = tuple(cell.strip() for cell in line[1:-1].split("|"))
    if "" in cells:
        raise lines.wrong("an empty cell: write `null` for a value that is absent")
    return cells
