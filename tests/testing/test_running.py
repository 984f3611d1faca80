"""The runner finds what is wrong with an engine, and only that."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from dayshift.testing import Case, Gap, ReferenceAdapter, check_engine, read_scenarios
from dayshift.testing.engines import Row
from dayshift.testing.running import damaged

SCENARIOS = read_scenarios(Path(__file__).resolve().parents[2] / "scenarios", most_events=1_000)


class Wrong(ReferenceAdapter):
    """An engine with one fault."""

    name = "wrong"


class DropsRows(Wrong):
    def answer(self, case: Case) -> list[Row]:
        return super().answer(case)[:-1]


class SeesTheLate(Wrong):
    def answer(self, case: Case) -> list[Row]:
        return super().answer(replace(case, policy="hindsight"))


class RoundsTwice(Wrong):
    def answer(self, case: Case) -> list[Row]:
        return [tuple(v * 3.0 / 3.0 if isinstance(v, float) else v for v in row) for row in super().answer(case)]


class TakesAnyState(Wrong):
    def resume(self, state: bytes, case: Case) -> list[Row]:
        return self.answer(case)


class ClosesTheOtherSide(Wrong):
    def answer(self, case: Case) -> list[Row]:
        features = [replace(f, window=replace(f.window, closed="right")) for f in case.features]
        return super().answer(replace(case, features=tuple(features)))


class TrustsTheListsOrder(Wrong):
    def answer(self, case: Case) -> list[Row]:
        events = tuple(replace(event, place=place) for place, event in enumerate(case.events))
        return super().answer(replace(case, events=events))


class IgnoresItself(Wrong):
    def answer(self, case: Case) -> list[Row]:
        features = [replace(f, window=replace(f.window, including_self=False)) for f in case.features]
        return super().answer(replace(case, features=tuple(features)))


class AsksTheSession(Wrong):
    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:
        return [each if each is None else each + 3_600_000_000 for each in super().instants(written, kind)]


FAULTS = [
    DropsRows,
    SeesTheLate,
    RoundsTwice,
    TakesAnyState,
    ClosesTheOtherSide,
    TrustsTheListsOrder,
    IgnoresItself,
    AsksTheSession,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_faulty_engine_is_found(fault: type[Wrong]) -> None:
    """Each of these faults was seen in a system that people use; the scenarios find every one."""
    with pytest.raises(AssertionError, match="wrong on scenario"):
        check_engine(fault(), SCENARIOS)


def test_a_declared_gap_is_counted_and_must_be_true() -> None:
    """An engine that declares a gap raises `Gap` there; one that has closed it must strike it."""

    class WithoutTimes(Wrong):
        gaps: ClassVar = {"times": "it takes integer microseconds"}

        def instants(self, written: Sequence[str], kind: str) -> list[int | None]:
            raise Gap(self.gaps["times"])

    assert check_engine(WithoutTimes(), SCENARIOS).gaps == {("wrong", "times")}

    class Modest(Wrong):
        gaps: ClassVar = {"times": "it takes integer microseconds"}

    with pytest.raises(AssertionError, match="strike it"):
        check_engine(Modest(), SCENARIOS)


def test_a_fault_is_told_with_file_line_row_and_column() -> None:
    """Enough to open the scenario at the right place."""
    with pytest.raises(AssertionError, match=r"01-edges\.md:\d+.*row 1, left_1h: expected 7, got 14"):
        check_engine(ClosesTheOtherSide(), SCENARIOS[:1])


def test_an_unknown_damage_is_an_error() -> None:
    """A scenario cannot ask for a damage that nobody does."""
    with pytest.raises(ValueError, match="is no damage"):
        damaged(b"state", "moths")
