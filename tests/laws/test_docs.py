"""The documentation is compiled: what it shows runs, and what exists is in it."""

import importlib.util
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import dayshift
from dayshift.definition.check import check
from dayshift.definition.settings import Settings
from tests.laws.snippets import Snippet, snippets
from tests.laws.tree import ROOT, relative

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
RUNS = ("python", "console", "toml")
DAYSHIFT = [sys.executable, "-c", "from dayshift.cli import main; main()"]


def _hooks() -> ModuleType:
    specification = importlib.util.spec_from_file_location("documentation_hooks", DOCS / "hooks.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


HOOKS = _hooks()


def _with_snippets() -> list[Path]:
    return [page for page in PAGES if any(one.language in RUNS for one in snippets(page))]


def _run_console(text: str, folder: Path) -> Path:
    """Runs the commands of a console block; the folder that a `cd` leads to is the next block's."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1"}
    for line in text.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if not line.startswith("$ ") or not words:
            continue
        if words[0] == "cd":
            folder = folder / words[1]
        elif words[0] == "dayshift":
            done = subprocess.run(
                [*DAYSHIFT, *words[1:]], cwd=folder, capture_output=True, text=True, check=False, env=environment
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return folder


def _run(page: Path, one: Snippet, folder: Path, names: dict[str, object]) -> Path:
    if one.title:
        target = folder / one.title
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(one.text, encoding="utf-8")
    elif one.language == "console":
        return _run_console(one.text, folder)
    elif one.language == "toml":
        Settings.model_validate(tomllib.loads(one.text))
    elif one.language == "python":
        exec(compile("\n" * (one.line - 1) + one.text, str(page), "exec"), names)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", _with_snippets(), ids=relative)
def test_the_snippets_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block and `$ dayshift` line runs, in order, in one empty folder; a pipeline that is shown has no fault."""
    names: dict[str, object] = {"__name__": "__main__"}
    folder = tmp_path
    for one in snippets(page):
        monkeypatch.chdir(folder)
        folder = _run(page, one, folder, names)
    shown = [value for value in names.values() if isinstance(value, dayshift.Pipeline)]
    assert [str(problem) for pipeline in shown for problem in check(pipeline) if problem.severity == "error"] == []


def test_the_readme_shows_code_at_once() -> None:
    """The first code of the README that runs stands at line 30 or before."""
    first = next(one for one in snippets(ROOT / "README.md") if one.language in RUNS)
    assert first.line <= 30


def test_every_page_is_in_the_navigation() -> None:
    """A written page stands in mkdocs.yml by its name or by its folder."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:\n")[-1]
    lost = [
        relative(page)
        for page in PAGES[1:]
        if page.name not in navigation and f"{page.parent.relative_to(DOCS)}/" not in navigation
    ]
    assert lost == []


def test_every_written_page_begins_with_its_title() -> None:
    """The first line of a page is its title, so that the navigation has a name for it."""
    assert [relative(page) for page in PAGES if not page.read_text(encoding="utf-8").startswith("# ")] == []


def test_every_command_has_its_place_in_the_reference() -> None:
    """Every command stands in the reference with a help text of its own."""
    commands = HOOKS.commands()
    page = HOOKS.cli_page()
    assert commands
    assert [name for name, command in commands.items() if f"## {name}\n" not in page or not command.help] == []


def test_every_command_is_shown_in_use() -> None:
    """Every command is used in a page that a person wrote."""
    prose = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in HOOKS.commands() if name not in prose] == []


def test_every_setting_has_its_place_in_the_reference() -> None:
    """Every field of dayshift.toml stands in the reference with its meaning: the text below it in the source."""
    page = HOOKS.settings_page()
    inner = {title.strip("[]").split(".")[0] for title, _ in HOOKS.sections()}
    named = [(model, name) for _, model in HOOKS.sections() for name in model.model_fields if name not in inner]
    assert len(named) > 20
    assert [name for _, name in named if f"| `{name}` |" not in page] == []
    assert [f"{model.__name__}.{name}" for model, name in named if name not in HOOKS.meanings(model)] == []


def test_every_word_of_the_glossary_is_explained_once() -> None:
    """The glossary is sorted and names every word once."""
    lines = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8").splitlines()
    words = [line.split("|")[1].strip() for line in lines if line.startswith("| ") and not line.startswith("| word")]
    assert words == sorted(set(words))
