"""Names of dayshift.toml become objects here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dayshift.definition.settings import Settings
from dayshift.diagnostics import UsageError
from dayshift.engines.local.engine import LocalEngine
from dayshift.runtimes import wiring


def _settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def test_the_local_engine_is_there_without_a_setting() -> None:
    """An empty dayshift.toml computes on this machine."""
    assert isinstance(wiring.engine_of(_settings()), LocalEngine)


def test_an_installed_package_brings_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry point is called with the section [engine]; an unknown name is told with those that are there."""
    brought = SimpleNamespace(name="distant", load=lambda: lambda section: ("distant", section.threads))
    monkeypatch.setattr(wiring, "entry_points", lambda *, group: [brought] if group == wiring.ENGINES else [])
    assert wiring.engine_of(_settings(engine={"name": "distant", "threads": 3})) == ("distant", 3)
    with pytest.raises(UsageError, match="DS701") as caught:
        wiring.engine_of(_settings(engine={"name": "distnat"}))
    (problem,) = caught.value.problems
    assert problem.facts == ("engines here: distant, local",)
    assert problem.hint == 'in dayshift.toml: [engine] name = "distant"'


def test_the_lake_lies_beside_the_settings_unless_it_is_a_uri(tmp_path: Path) -> None:
    """A relative folder starts from the project, an absolute one and a URI stand as they are."""
    elsewhere = tmp_path / "elsewhere"
    for said, found in (("lake", tmp_path / "lake"), (str(elsewhere), elsewhere), (f"file://{elsewhere}", elsewhere)):
        assert wiring.lake_of(_settings(lake=said), tmp_path).root.path == found


def test_the_registry_lies_beside_the_settings(tmp_path: Path) -> None:
    """SQLite in the folder `registry` of the project, when no tracking server is named."""
    assert wiring.registry_of(_settings(), tmp_path).folder == tmp_path / "registry"
