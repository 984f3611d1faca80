"""The public kit beside the floors: scenarios, the contract of engines, strategies for properties, a fake clock."""

from dayshift.testing.clock import FakeClock
from dayshift.testing.engines import ADAPTERS, Case, EngineAdapter, Gap, ReferenceAdapter, adapters, same
from dayshift.testing.running import Outcome, check_engine, run_scenario
from dayshift.testing.scenarios import Scenario, read_scenarios

__all__ = [
    "ADAPTERS",
    "Case",
    "EngineAdapter",
    "FakeClock",
    "Gap",
    "Outcome",
    "ReferenceAdapter",
    "Scenario",
    "adapters",
    "check_engine",
    "read_scenarios",
    "run_scenario",
    "same",
]
