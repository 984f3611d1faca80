"""The only place where a name from dayshift.toml becomes an object."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dayshift.diagnostics import UsageError, nearest, shorten

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings
    from dayshift.engines.contract import Engine
    from dayshift.lake import Lake
    from dayshift.learners.registry import Registry

ENGINES = "dayshift.engines"
REGISTRY = "registry"


def engine_of(settings: Settings) -> Engine:
    """The engine that `[engine] name` asks for: "local", or one that an installed package brings by entry point.

    Raises:
        UsageError: DS701, no engine has this name.
    """
    name = settings.engine.name
    if name == "local":
        from dayshift.engines.local.engine import LocalEngine

        return LocalEngine(threads=settings.engine.threads)
    brought: dict[str, Any] = {point.name: point for point in entry_points(group=ENGINES)}
    if name in brought:
        made: Engine = brought[name].load()(settings.engine)
        return made
    known = ["local", *brought]
    guess = nearest(name, known) or "local"
    raise UsageError(
        "DS701",
        f"no engine is called '{name}'",
        facts=(f"engines here: {shorten(known)}",),
        hint=f'in dayshift.toml: [engine] name = "{guess}"',
    )


def lake_of(settings: Settings, root: Path) -> Lake:
    """The lake at `lake` of dayshift.toml: a folder beside it, or a URI."""
    from dayshift.lake import Lake

    where = settings.lake
    return Lake(where if "://" in where else root / where)


def registry_of(settings: Settings, root: Path) -> Registry:
    """The model registry at `[registry] uri`, or SQLite in a folder beside the lake."""
    from dayshift.learners.registry import open_registry

    return open_registry(settings.registry, root / REGISTRY)
