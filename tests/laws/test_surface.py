"""The public surface is an object that was designed."""

import doctest
import inspect
from pathlib import Path

import pytest

import dayshift
from tests.laws.tree import ROOT


def test_the_surface_is_small() -> None:
    """`dayshift` has at most 20 public names, sorted, each once."""
    assert len(dayshift.__all__) <= 20
    assert dayshift.__all__ == sorted(set(dayshift.__all__))


def test_every_public_name_is_there_and_nothing_else_is() -> None:
    """What `dayshift` shows is what it lists; what it does not list are its folders."""
    shown = {name for name, value in vars(dayshift).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert shown == set(dayshift.__all__)


@pytest.mark.parametrize("name", dayshift.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    """A public name has a docstring that begins with a sentence."""
    text = inspect.getdoc(getattr(dayshift, name)) or ""
    assert len(text) > 20
    assert text.split("\n\n")[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize("name", [name for name in dayshift.__all__ if name != "DayshiftError"])
def test_every_public_name_shows_an_example(name: str) -> None:
    """The docstring of a public name, or of a method of it, holds an example that runs."""
    finder = doctest.DocTestFinder(recurse=True, exclude_empty=True)
    assert any(found.examples for found in finder.find(getattr(dayshift, name), name))


def _prose() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", dayshift.__all__)
def test_every_public_name_is_used_in_the_documentation(name: str) -> None:
    """A public name stands in a page of the documentation that a person wrote."""
    assert any(
        f"ds.{name}" in text or f"`{name}`" in text for text in (path.read_text(encoding="utf-8") for path in _prose())
    )
