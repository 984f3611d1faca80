"""Which rule to use: what keeps the budget and finds most, with a second one only if it finds more."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from dayshift.adviser.choosing import AGE, checks, choose
from dayshift.adviser.evidence import Fault
from dayshift.adviser.faults import FaultOutcome
from dayshift.adviser.rules import CUSUM

DAYS, STARTS = 120, 10


def watch(budget: float = 1.0, **false_alarms: int) -> Any:
    """Rules by name with so many false alarms on 120 calm days, one after another."""
    alarms = {name: ("inputs", np.zeros(DAYS, bool)) for name in false_alarms}
    at = 0
    for name, count in false_alarms.items():
        alarms[name][1][at : at + count] = True
        at += count
    return SimpleNamespace(
        alarms=alarms,
        budget=budget,
        counted=lambda name: np.ones(DAYS, bool),
        together=lambda names: np.any([alarms[name][1] for name in names], axis=0),
    )


def outcome(name: str = "x times 100", **found: float) -> FaultOutcome:
    """A fault that each rule finds on the first day in this share of the weeks: the later ones for names that begin with z."""
    seen = {}
    for rule, share in found.items():
        table = np.zeros((STARTS, 7), bool)
        count = round(share * STARTS)
        table[slice(STARTS - count, None) if rule.startswith("z") else slice(count), 0] = True
        seen[rule] = table
    loss = np.full(STARTS, 0.1)
    return FaultOutcome(name, ("x",), loss, np.full((STARTS, 7), 0.5), seen, np.full(STARTS, np.nan), 1.0)


def chosen(found: tuple[Any, tuple[str, ...]]) -> tuple[str, ...]:
    """The names to use together."""
    return found[1]


def test_a_rule_above_the_budget_is_not_chosen_however_much_it_finds() -> None:
    """Six false alarms on 120 days are 1.5 in 30."""
    found = choose(watch(loud=6, quiet=1), [outcome(loud=1.0, quiet=0.6)], [])
    assert chosen(found) == ("quiet",)
    assert [one.name for one in found[0] if one.chosen] == ["quiet"]
    assert {one.name: one.within_budget for one in found[0]} == {"loud": False, "quiet": True}


def test_a_second_rule_is_added_where_it_finds_what_the_first_did_not() -> None:
    """One that finds the same weeks is not; nor is one that breaks the budget together with the first."""
    assert chosen(choose(watch(a=1, b=1), [outcome(a=0.6, b=0.5)], [])) == ("a",)
    assert chosen(choose(watch(a=1, z=1), [outcome(a=0.6, z=0.4)], [])) == ("a", "z")
    assert chosen(choose(watch(a=3, z=3), [outcome(a=0.6, z=0.4)], [])) == ("a",)


def test_where_nothing_keeps_the_budget_or_finds_a_fault_nothing_is_chosen() -> None:
    """No rule is better than one that cries wolf or sleeps."""
    assert chosen(choose(watch(loud=60), [outcome(loud=1.0)], [])) == ()
    assert chosen(choose(watch(asleep=0), [outcome(asleep=0.0)], [])) == ()


def test_accuracy_stands_beside_the_rules_of_a_nightly_report() -> None:
    """It comes with the labels, so it is shown and never chosen."""
    found = choose(watch(**{CUSUM: 0}), [outcome(**{CUSUM: 1.0})], [np.full(STARTS, 9.0)])
    assert chosen(found) == ()
    assert found[0][0].found_week == 0.0


def test_a_frozen_snapshot_that_no_rule_finds_asks_for_the_age_of_events() -> None:
    """Only where it costs what matters."""
    frozen = outcome("features frozen for 7 days", a=0.0)
    costly, idle = (
        Fault(frozen.name, loss, low, 0.2, None, None, None, 0.0) for loss, low in ((0.1, 0.05), (0.1, -0.1))
    )
    assert checks(("a",), [frozen], [costly], 0.01) == ("a", AGE)
    assert checks(("a",), [frozen], [idle], 0.01) == ("a",)
