"""The hard stops on size. `make check` prints the medians and 90th percentiles beside their targets."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.laws.tree import ROOT, SOURCE, Measured, line_count, measure, python_files, relative

FUNCTION_LINES = 60
FILE_LINES = 600
PARAMETERS = 7
ROOT_ENTRIES = 22

CODE = [*python_files(SOURCE), *python_files(ROOT / "bench"), *python_files(ROOT / "examples")]
EVERYTHING = [*CODE, *python_files(ROOT / "tests")]


def _measured(paths: Sequence[Path]) -> list[Measured]:
    return [one for path in paths for one in measure(path)]


def test_no_function_is_longer_than_the_hard_stop() -> None:
    """A function has at most 60 lines without its docstring."""
    assert [f"{one.place}: {one.lines} lines" for one in _measured(EVERYTHING) if one.lines > FUNCTION_LINES] == []


def test_no_function_has_more_parameters_than_the_hard_stop() -> None:
    """A function has at most 7 parameters; what needs more takes a frozen dataclass."""
    assert [f"{one.place}: {one.parameters}" for one in _measured(CODE) if one.parameters > PARAMETERS] == []


def test_no_file_is_longer_than_the_hard_stop() -> None:
    """A file has at most 600 lines."""
    assert [f"{relative(path)}: {line_count(path)} lines" for path in EVERYTHING if line_count(path) > FILE_LINES] == []


def test_the_root_of_the_repository_stays_readable() -> None:
    """At most 22 entries stand at the root of the repository."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    entries = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert len(entries) <= ROOT_ENTRIES, sorted(entries)
