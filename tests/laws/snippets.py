"""The code blocks of a Markdown page.

A ```python block runs, a ```toml block is read as settings. One of any language with `title="name"` is a file instead:
it is written where the following blocks find it. In a ```console block, the lines that begin with `$ dayshift` or `$ cd` run.
The blocks of a page run in their order, in one empty folder, and see one another's names.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Snippet:
    """A code block: its language, its file name if it is a file, its text, and the line where the text begins."""

    language: str
    title: str | None
    text: str
    line: int


def snippets(page: Path) -> list[Snippet]:
    """The code blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        indent, language, rest, body = match.groups()
        title = TITLE.search(rest)
        inner = "".join(line.removeprefix(indent) for line in body.splitlines(keepends=True))
        found.append(Snippet(language, title and title[1], inner, text.count("\n", 0, match.start()) + 2))
    return found
