"""One word per idea; some words say nothing and name nothing here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.laws.tree import ROOT, SOURCE, Function, functions, parsed, python_files, relative

SAY_NOTHING = {"manager", "handler", "helper", "helpers", "util", "utils", "misc", "common", "stuff"}
TOO_WIDE = {"process", "data", "info", "core", "base"}
EMPTY_TALK = re.compile(
    r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK|seamless(ly)?|blazing(ly)?|cutting-edge|best-in-class|robustly)\b"
)


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)}


def _names(path: Path) -> Iterator[tuple[str, str]]:
    yield f"{relative(path)}", path.parent.name if path.stem == "__init__" else path.stem
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef | Function):
            yield f"{relative(path)}:{node.lineno}", node.name


def test_no_name_says_nothing() -> None:
    """No module, class or function is a manager, a handler, a helper or a utility, nor plainly `process` or `data`."""
    found = [
        f"{place} {name}"
        for path in python_files(SOURCE)
        for place, name in _names(path)
        if _words(name) & SAY_NOTHING or name.lower().strip("_") in TOO_WIDE
    ]
    assert found == []


def test_nothing_is_left_for_later_and_nothing_is_praised() -> None:
    """The source and the documentation hold no unfinished notes and no brochure words."""
    files = [*python_files(SOURCE), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("*.md"), ROOT / "README.md"]
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if EMPTY_TALK.search(line)
    ]
    assert found == []


def test_every_test_states_its_claim() -> None:
    """A test's name is a sentence and its docstring states what it claims."""
    found = [
        f"{relative(path)}:{node.lineno} {name}"
        for path in python_files(ROOT / "tests")
        if path.name.startswith("test_")
        for name, node in functions(path)
        if name.split(".")[-1].startswith("test_") and not ast.get_docstring(node)
    ]
    assert found == []


def test_every_word_of_the_three_times_keeps_its_meaning() -> None:
    """No second word for `event_time`, `arrival` or `as_of` names an argument of a public function."""
    strangers = {"event_timestamp", "arrival_time", "ingest_time", "ingestion_time", "asof", "query_time", "as_of_time"}
    found = [
        f"{relative(path)}:{node.lineno} {argument.arg}"
        for path in python_files(SOURCE)
        for _, node in functions(path)
        for argument in [*node.args.args, *node.args.kwonlyargs]
        if argument.arg in strangers
    ]
    assert found == []
