"""What each engine can do, as a table. What an engine cannot do it refuses, and says which engines can."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

from dayshift.definition import Pipeline, Sql, WindowFeature
from dayshift.diagnostics import DefinitionError, Problem, shorten

if TYPE_CHECKING:
    from dayshift.engines.contract import Engine


class Capability(StrEnum):
    """One thing that an engine can do or not."""

    HISTORY = "features from the whole log"
    ADVANCE = "features from saved state and the new loads"
    SESSION = "features as events come"
    HINDSIGHT = "features with hindsight"
    LABELS = "labels"
    EXPLAIN = "the explanation of one value"
    CALENDAR = "questions on a calendar"
    SQL = "row features in SQL"
    UNBOUNDED = "windows without a lower bound"


ENGINES: dict[str, frozenset[Capability]] = {
    "local": frozenset(Capability),
}
"""The engines of this package by name; a plug-in's capabilities stand on the engine itself."""


def needed(pipeline: Pipeline) -> frozenset[Capability]:
    """What a pipeline's definition asks of any engine.

    >>> needed(Pipeline("p", predict=None)) == {Capability.HISTORY}
    True
    """
    found = {Capability.HISTORY}
    if hasattr(pipeline.predict, "period_us"):
        found.add(Capability.CALENDAR)
    if pipeline.label is not None:
        found.add(Capability.LABELS)
    for feature in pipeline.flat:
        if isinstance(feature, WindowFeature):
            found |= {Capability.UNBOUNDED} if feature.window.width is None else set()
        elif isinstance(feature.expression, Sql):
            found.add(Capability.SQL)
    return frozenset(found)


def require(engine: Engine, asked: Iterable[Capability]) -> None:
    """Refuse what the engine cannot do.

    Raises:
        DefinitionError: DS520, one problem for each thing that is missing, with the engines that can do it.
    """
    missing = sorted(set(asked) - engine.capabilities)
    if missing:
        raise DefinitionError([_cannot(engine.name, capability) for capability in missing])


def _cannot(name: str, capability: Capability) -> Problem:
    able = [other for other, has in ENGINES.items() if capability in has and other != name]
    return Problem(
        "DS520",
        f"engine {name!r} cannot do this: {capability.value}",
        facts=(f"engines that can: {shorten(able)}",),
        hint=f'[engine]\nname = "{able[0]}"' if able else None,
    )
