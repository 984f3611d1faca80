"""The specification holds on every engine, and every cell of the matrix was really run."""

from pathlib import Path

import pytest
from hypothesis import settings

from dayshift.testing import ADAPTERS, EngineAdapter, Scenario, adapters, read_scenarios, run_scenario
from dayshift.testing.matrix import by_engine, empty, promised

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "scenarios"
HUGE = 100_000
SCENARIOS = read_scenarios(FOLDER, most_events=HUGE)
ENGINES = adapters(ADAPTERS)
ENGINES_FOR_HUGE = ["reference", "kernel-stream", "local"]
THOROUGH = settings().max_examples >= 1_000
GROUPS_WITH_ALL_AGGREGATES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 17)
"""Groups 13 (keys), 15 (labels), 16 (delays) and 18 (numbers) are about other things than the aggregate."""

CELLS = 230
"""How many cells an engine fills."""


CASES = [
    pytest.param(scenario, engine, id=f"{engine.name}-{scenario.name}") for engine in ENGINES for scenario in SCENARIOS
]


@pytest.mark.parametrize(("scenario", "engine"), CASES)
def test_the_engine_gives_what_the_scenario_says(scenario: Scenario, engine: EngineAdapter) -> None:
    """Every value of the scenario, to the last bit, in every way of asking that must not change it."""
    outcome = run_scenario(scenario, engine)
    assert outcome.cells == promised([scenario], [engine])
    assert outcome.values or outcome.gaps


@pytest.mark.slow
def test_engines_give_what_the_huge_scenarios_say() -> None:
    """The scenarios of more than 100,000 events, of which there is one: read once, put to a batch, a stream and the oracle.

    The profile "thorough" puts it to every engine.
    """
    (huge,) = [scenario for scenario in read_scenarios(FOLDER) if len(scenario.events) > HUGE]
    chosen = [engine for engine in ENGINES if THOROUGH or engine.name in ENGINES_FOR_HUGE]
    assert THOROUGH or [engine.name for engine in chosen] == ENGINES_FOR_HUGE
    for engine in chosen:
        assert run_scenario(huge, engine).cells == promised([huge], [engine])


def test_the_eleven_groups_of_the_design_are_there() -> None:
    """Groups 1 to 11 are the design's; every number from 1 on is used once."""
    groups = sorted({scenario.group for scenario in SCENARIOS})
    assert groups == list(range(1, len(groups) + 1))
    assert len(groups) >= 11


def test_the_matrix_has_the_cells_that_it_should() -> None:
    """Aggregate by group on every engine: a known number, so that nothing is dropped in silence.

    No gap leaves a cell empty: what is asked in hindsight is asked as known, too.
    """
    names = ["reference", "kernel-history", "kernel-stream", "local", "local-advance", "live"]
    assert by_engine(promised(SCENARIOS, ENGINES)) == dict.fromkeys(names, CELLS)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_every_aggregate_stands_in_every_group_that_is_about_it(engine: EngineAdapter) -> None:
    """In these groups no aggregate is missing on any engine, whatever its gaps."""
    assert empty(promised(SCENARIOS, [engine]), engine.name, GROUPS_WITH_ALL_AGGREGATES) == []


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_a_declared_gap_has_a_reason(engine: EngineAdapter) -> None:
    """Whoever declares a gap says why."""
    assert all(len(reason.split()) >= 3 for reason in engine.gaps.values())
