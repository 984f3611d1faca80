"""Codes and pages are the same set, and every page says what a reader needs."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.laws.tree import SOURCE, parsed, python_files, relative

PAGES = SOURCE / "diagnostics" / "pages"
CODE = re.compile(r"DS\d{3}")


def _said(path: Path) -> Iterator[str]:
    """The codes that a file uses: string constants that are a code and nothing else; docstrings are none."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
            yield node.value


@cache
def _used() -> dict[str, str]:
    return {code: relative(path) for path in python_files(SOURCE) for code in _said(path)}


def _pages() -> list[Path]:
    return sorted(PAGES.glob("*.md"))


def test_every_code_has_a_page() -> None:
    """A code that the system can say is explained."""
    pages = {path.stem for path in _pages()}
    assert {code: place for code, place in sorted(_used().items()) if code not in pages} == {}


def test_every_page_has_a_code() -> None:
    """A page that nobody can be sent to is removed."""
    assert [path.name for path in _pages() if path.stem not in _used()] == []


def test_codes_are_never_put_together_at_run_time() -> None:
    """A code stands in the source as a whole, so that it can be found."""
    pattern = re.compile(r"""f["'][^"'\n]*DS\{|["']DS\d{0,2}["']\s*(\+|%|\.format)""")
    found = [relative(path) for path in python_files(SOURCE) if pattern.search(path.read_text(encoding="utf-8"))]
    assert found == []


@pytest.mark.parametrize("path", _pages(), ids=lambda path: path.stem)
def test_a_page_has_its_parts(path: Path) -> None:
    """A page begins with its code and title, explains, shows an example message and says how to repair it."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert re.fullmatch(rf"# {path.stem}: \S.*", lines[0]), "the first line is `# CODE: title`"
    assert len(lines[2].split()) >= 4, "then what it means"
    assert re.search(
        rf"(error|warning)\[{path.stem}\]: |^\s*{path.stem}: |[|`]\s*{path.stem}\b", "\n".join(lines[1:]), re.MULTILINE
    ), "an example message"
    assert re.search(r"repair|hint:", "\n".join(lines[1:]), re.IGNORECASE), "how to repair it"
