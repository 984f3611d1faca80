"""The matrix of what was really run: aggregate by engine by group of scenarios.

A suite that skips in silence looks like one that passes. So every run notes its cells, and a test asserts how many there are:
when a scenario, an engine or an aggregate is added or dropped, the number changes and somebody has to say so.
"""

from collections.abc import Iterable, Mapping

from dayshift.definition import AGGREGATES
from dayshift.testing.engines import EngineAdapter
from dayshift.testing.running import Cell, Outcome
from dayshift.testing.scenarios import Scenario


def promised(scenarios: Iterable[Scenario], engines: Iterable[EngineAdapter]) -> set[Cell]:
    """The cells that these scenarios fill on these engines, without running anything; declared gaps are left out."""
    listed = list(engines)
    return {
        (feature.aggregate.name, engine.name, scenario.group)
        for scenario in scenarios
        for engine in listed
        for asked in scenario.asked
        if asked.policy not in engine.gaps
        for feature in asked.features
    }


def run(outcomes: Iterable[Outcome]) -> set[Cell]:
    """The cells that runs really filled."""
    return {cell for outcome in outcomes for cell in outcome.cells}


def by_engine(cells: Iterable[Cell]) -> Mapping[str, int]:
    """How many cells each engine has.

    >>> by_engine([("count", "reference", 1), ("sum", "reference", 1)])
    {'reference': 2}
    """
    counted: dict[str, int] = {}
    for _, engine, _ in cells:
        counted[engine] = counted.get(engine, 0) + 1
    return counted


def empty(cells: Iterable[Cell], engine: str, groups: Iterable[int]) -> list[tuple[int, str]]:
    """The (group, aggregate) pairs of these groups that an engine has no cell for, so that a gap has a name."""
    filled = set(cells)
    return [
        (group, aggregate) for group in groups for aggregate in AGGREGATES if (aggregate, engine, group) not in filled
    ]
