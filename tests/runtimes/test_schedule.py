"""The scheduler: missed runs once, never two at once, failures tried again, restarts forget nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest

from dayshift.diagnostics import DayshiftError, UsageError
from dayshift.runtimes import schedule
from tests.runtimes.conftest import FIRST, Shop


@dataclass
class Clock:
    """A clock that jumps to what it waits for, and stops after so many waits."""

    time: dt.datetime
    waits: int
    waited: list[dt.datetime] = field(default_factory=list)

    def now(self) -> dt.datetime:
        """The time now."""
        return self.time

    def wait_until(self, time: dt.datetime) -> bool:
        """Jumps there."""
        if len(self.waited) >= self.waits:
            return False
        self.waited.append(time)
        self.time = max(self.time, time)
        return True


@dataclass
class Heard:
    """What the scheduler told."""

    lines: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> schedule.Events:
        """The listener."""
        return schedule.Events(
            waiting=lambda verb, time: self.lines.append(("waiting", (verb, time))),
            ran=lambda report: self.lines.append(("ran", report)),
            trained=lambda report: self.lines.append(("trained", report)),
            failed=lambda verb, error, again: self.lines.append(("failed", (verb, error, again))),
        )

    def named(self, name: str) -> list[Any]:
        """The things told under one name."""
        return [value for told, value in self.lines if told == name]


def _only_run(shop: Shop) -> None:
    settings = shop.root / "dayshift.toml"
    settings.write_text(settings.read_text().replace('train = "0 3 * * 1"\n', ""))


@pytest.mark.slow
def test_missed_nights_are_caught_up_once_and_then_the_calendar_rules(shop: Shop) -> None:
    """After a week off, one run takes everything in; the next waits for its time."""
    _only_run(shop)
    for day in range(7):
        shop.write_day(day)
    clock, heard = Clock(FIRST + dt.timedelta(days=7, hours=9), waits=1), Heard()
    assert schedule.run(shop.open(), clock, heard.events, most=2) == 2
    first, second = heard.named("ran")
    assert first.load.read > 6 * 60
    assert second.load.read == 0
    assert clock.waited == [FIRST + dt.timedelta(days=8, hours=3)]


@pytest.mark.slow
def test_a_restart_forgets_nothing(shop: Shop) -> None:
    """What ran is in the ledger: a new scheduler does not run it again."""
    _only_run(shop)
    shop.write_day(0)
    at = shop.night(0)
    schedule.run(shop.open(), Clock(at, waits=0), Heard().events, most=1)
    heard = Heard()
    assert schedule.run(shop.open(), Clock(at + dt.timedelta(minutes=5), waits=0), heard.events) == 0
    assert heard.named("waiting") == [("run", at + dt.timedelta(days=1))]


@pytest.mark.slow
def test_a_failed_run_is_tried_again_with_growing_pauses(shop: Shop) -> None:
    """A source that is not there yet stops the run, not the scheduler."""
    _only_run(shop)
    at = shop.night(0)
    clock, heard = Clock(at, waits=3), Heard()
    schedule.run(shop.open(), clock, heard.events, most=1)
    assert len(heard.named("failed")) == 4
    assert all(isinstance(error, DayshiftError) for _, error, _ in heard.named("failed"))
    pauses = [later - earlier for earlier, later in zip([at, *clock.waited], clock.waited, strict=False)]
    assert pauses == [dt.timedelta(minutes=minutes) for minutes in (1, 2, 4)]
    assert [again for _, _, again in heard.named("failed")][:3] == clock.waited
    shop.write_day(0)
    assert schedule.run(shop.open(), Clock(clock.time, waits=0), heard.events, most=1) == 1


def test_nothing_scheduled_is_said(shop: Shop) -> None:
    """An empty schedule is a mistake, not an endless wait."""
    settings = shop.root / "dayshift.toml"
    settings.write_text(settings.read_text().split("[schedule]")[0])
    with pytest.raises(UsageError, match="DS720"):
        schedule.run(shop.open(), Clock(FIRST, waits=0), Heard().events)


def test_our_own_mistake_is_told_in_one_line_and_its_rest_as_facts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's messages have many lines; the first alone is enough."""
    _only_run(shop)

    def broken(*_: object) -> None:
        raise ValueError("first\n\n  second")

    monkeypatch.setattr("dayshift.runtimes.nightly.run", broken)
    heard = Heard()
    schedule.run(shop.open(), Clock(shop.night(0), waits=0), heard.events, most=1)
    ((_, error, _),) = heard.named("failed")
    (problem,) = error.problems
    assert (problem.message, problem.facts) == ("`run` broke: ValueError: first", ("second",))
