"""The package that users install: what the wheel holds, and that every extra imports."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest

from tests.laws.tree import ROOT, SOURCE, named_imports, parsed, python_files, relative

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
HEAVY_FOR_AN_EXTRA = {"confluent-kafka", "duckdb", "matplotlib", "lightgbm", "xgboost", "pandas", "pyarrow"}


def _distribution(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return _normal(found.group())


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _owners() -> dict[str, set[str]]:
    by_module = importlib.metadata.packages_distributions()
    return {module: {_normal(owner) for owner in owners} for module, owners in by_module.items()}


def _modules(distribution: str) -> list[str]:
    """The importable names that an installed distribution brings."""
    return sorted(module for module, owners in _owners().items() if distribution in owners)


def test_every_requirement_has_a_lower_bound_and_the_core_has_a_cap() -> None:
    """A lower bound everywhere; an upper cap in the core but for data that only grows."""
    every = [*PROJECT["dependencies"], *(one for group in EXTRAS.values() for one in group if "dayshift[" not in one)]
    assert [one for one in every if ">=" not in one] == []
    assert [one for one in PROJECT["dependencies"] if "<" not in one and _distribution(one) != "tzdata"] == []


def test_the_core_is_without_the_heavy_parts() -> None:
    """`pip install dayshift` brings none of the libraries that have an extra of their own."""
    assert {_distribution(one) for one in PROJECT["dependencies"]} & HEAVY_FOR_AN_EXTRA == set()


def test_all_means_all() -> None:
    """The extra `all` names every extra that a pipeline can use; the kit for tests is apart."""
    named = set(re.findall(r"[a-z]+", EXTRAS["all"][0].split("[")[1]))
    assert named == set(EXTRAS) - {"all", "testing"}


def test_every_extra_that_a_message_names_exists() -> None:
    """A hint to install `dayshift[x]` can be followed."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in [*python_files(SOURCE), *SOURCE.rglob("*.md"), *(ROOT / "docs").rglob("*.md")]
    ]
    named = {
        extra.strip()
        for text in texts
        for group in re.findall(r"dayshift\[([a-z0-9, ]+)\]", text)
        for extra in group.split(",")
    }
    assert named - set(EXTRAS) == set()


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - {"all", "testing"}))
def test_every_extra_imports(extra: str) -> None:
    """What an extra installs can be imported, not only resolved."""
    names = [name for one in EXTRAS[extra] for name in _modules(_distribution(one))]
    assert names, f"nothing of the extra {extra} is installed: make setup"
    program = "; ".join(f"import {name}" for name in names if not name.startswith("_"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_library_that_the_source_imports_is_declared() -> None:
    """A library that the source imports is a requirement of the core or of an extra, not another library's guest."""
    every = [*PROJECT["dependencies"], *(one for group in EXTRAS.values() for one in group if "dayshift[" not in one)]
    declared = {module for one in every for module in _modules(_distribution(one))}
    found = {
        (relative(path), name.split(".")[0])
        for path in python_files(SOURCE)
        for node in ast.walk(parsed(path))
        for name in named_imports(node)
    }
    known = {*declared, *sys.stdlib_module_names, "dayshift"}
    assert sorted(one for one in found if one[1] not in known) == []


@pytest.mark.slow
def test_the_wheel_holds_everything_that_the_source_does(tmp_path: Path) -> None:
    """The wheel has py.typed, every page of the codes, every template and every module."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("dayshift/")}
    wanted = {
        str(path.relative_to(SOURCE.parent))
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted - held == set()
    assert "dayshift/py.typed" in held
