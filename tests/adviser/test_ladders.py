"""Ladders of freshness and of label delay on replays with a known truth."""

from dataclasses import replace

import numpy as np
import pytest

from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, UNDECIDED, Ladder, Rung
from dayshift.adviser.interval import DAY_US
from dayshift.adviser.ladders import HOUR_US, LadderTerms, freshness_ladder, label_ladder
from dayshift.adviser.tracks import Grid
from tests.adviser.simulated import World, grid, replay, starts, turned

TERMS = LadderTerms(starts(16), 0.005)
LIFTS = {"none": -0.10, "midnight": 0.0, "hour": 0.001, "event": 0.03}


def lifted(by: float, number: int = 1, luck: int = 0) -> list[Grid]:
    """The same weeks' grids raised by a constant, with luck of their own."""
    random = np.random.default_rng(luck)
    return [
        grid(one.value[0] + by + 0.002 * random.standard_normal(one.value[0].shape), one.metrics, seed)
        for seed, one in enumerate(replay(World(fit_sd=0.0, cell_sd=0.0), number))
    ]


def fresher(lifts: dict[str, float] = LIFTS) -> dict[str, list[Grid]]:
    return {name: lifted(by, luck=number) for number, (name, by) in enumerate(lifts.items())}


def rungs(ladder: Ladder) -> dict[str, Rung]:
    return {rung.level: rung for rung in ladder.rungs}


def test_rungs_stand_over_midnight() -> None:
    """Four levels from none to event; each verdict is about the gain over last midnight, and values follow from it."""
    ladder = freshness_ladder(fresher(), TERMS)
    assert [rung.level for rung in ladder.rungs] == ["none", "midnight", "hour", "event"]
    found = rungs(ladder)
    assert ladder.foot == "midnight"
    assert found["midnight"].finding is None
    assert {name: rung.finding.verdict for name, rung in found.items() if rung.finding} == {
        "none": NOT_NEEDED,
        "hour": NOT_NEEDED,
        "event": NEEDED,
    }
    event = found["event"].finding
    assert event is not None
    assert event.gain is not None
    assert event.name == "freshness.event"
    assert event.gain.mean == pytest.approx(0.03, abs=0.003)
    assert found["event"].value == pytest.approx(found["midnight"].value + event.gain.mean)


def test_further_findings_compare_the_steps() -> None:
    """Event over hour says whether hourly is enough, midnight over none whether windows matter at all."""
    extra = {one.name: one for one in freshness_ladder(fresher(), TERMS).extra}
    assert set(extra) == {"freshness.event_over_hour", "freshness.midnight_over_none"}
    assert {one.verdict for one in extra.values()} == {NEEDED}
    assert extra["freshness.event_over_hour"].title == "features as of the event over the last full hour"


def test_calm_ladders_are_never_needed() -> None:
    """Levels that are worth the same: in 60 histories no rung is needed, and most are said not needed."""
    said = []
    for number in range(60):
        grids = {name: lifted(0.0, number, luck=100 * number + at) for at, name in enumerate(LIFTS)}
        said += [rung.finding.verdict for rung in freshness_ladder(grids, TERMS).rungs if rung.finding]
    assert said.count(NEEDED) == 0
    assert said.count(NOT_NEEDED) > 0.95 * len(said)


@pytest.mark.parametrize(
    ("resolution", "open_names"),
    [
        (1_000_000, set()),
        (HOUR_US, {"freshness.event_over_hour"}),
        (DAY_US, {"freshness.event_over_hour", "freshness.hour", "freshness.event"}),
    ],
)
def test_coarse_stamps_cannot_price_what_they_cannot_tell(resolution: int, open_names: set[str]) -> None:
    """Day stamps cannot tell the event from midnight, hour stamps not the event from the hour: undecided, with the reason."""
    ladder = freshness_ladder(fresher(), replace(TERMS, resolution_us=resolution))
    findings = [*ladder.extra, *(rung.finding for rung in ladder.rungs if rung.finding)]
    assert {one.name for one in findings if one.verdict == UNDECIDED} == open_names
    assert all("too coarse" in one.reasons[0] for one in findings if one.name in open_names)


@pytest.mark.parametrize("stamps", [1, HOUR_US])
def test_a_question_on_the_full_hour_has_nothing_fresher_than_it(stamps: int) -> None:
    """A calendar asks hourly: the last full hour is the question itself, so the event adds nothing, and that is no doubt."""
    grids = fresher()
    same = {**grids, "event": grids["hour"]}
    ladder = freshness_ladder(same, replace(TERMS, resolution_us=stamps, asked_us=HOUR_US))
    (above,) = (one for one in ladder.extra if one.name == "freshness.event_over_hour")
    assert (above.verdict, above.reasons) == (NOT_NEEDED, ())
    rest = freshness_ladder(same, replace(TERMS, resolution_us=DAY_US, asked_us=HOUR_US))
    assert {rung.finding.verdict for rung in rest.rungs if rung.finding and rung.level != "none"} == {UNDECIDED}


def test_levels_that_were_not_replayed_are_left_out() -> None:
    """Stopped early: rungs that exist are judged; without any there are reasons."""
    some = freshness_ladder({name: one for name, one in fresher().items() if name in {"midnight", "event"}}, TERMS)
    assert [rung.level for rung in some.rungs] == ["midnight", "event"]
    assert some.extra == ()
    assert freshness_ladder({}, TERMS).reasons == ("features at several ages were not replayed",)
    without_foot = freshness_ladder({"event": lifted(0.0)}, TERMS)
    assert without_foot.rungs == ()


def test_a_second_family_is_compared_rung_by_rung() -> None:
    """The second family's gain stands beside each finding and, where it says the opposite, forbids the verdict."""
    flat = {name: lifted(0.0, 2, luck=50 + at) for at, name in enumerate(LIFTS)}
    event = rungs(freshness_ladder(fresher(), replace(TERMS, second=flat)))["event"].finding
    assert event is not None
    assert event.verdict == UNDECIDED
    assert event.second is not None
    agreed = rungs(freshness_ladder(fresher(), replace(TERMS, second=fresher())))["event"].finding
    assert agreed is not None
    assert agreed.verdict == NEEDED


def test_few_positives_forbid_verdicts() -> None:
    """A ladder of weeks with a dozen positives decides nothing."""
    ladder = freshness_ladder(fresher(), replace(TERMS, positives_per_week=[12.0] * 16))
    assert all(rung.finding.verdict == UNDECIDED for rung in ladder.rungs if rung.finding)
    assert ladder.reasons == ("fewer than 50 positives in the usual week (12)",)


def test_faster_labels_are_rungs_from_the_declared_delay() -> None:
    """The declared delay is the foot; shorter ones follow, the shortest last; longer ones are no offer."""
    grids = {
        7 * DAY_US: lifted(0.0),
        DAY_US: lifted(0.1, luck=1),
        0: lifted(0.12, luck=2),
        9 * DAY_US: lifted(-0.1, luck=3),
    }
    ladder = label_ladder(grids, 7 * DAY_US, replace(TERMS, second=grids))
    assert [rung.level for rung in ladder.rungs] == ["7d", "1d", "0s"]
    day = rungs(ladder)["1d"].finding
    assert day is not None
    assert (day.name, day.title, day.verdict) == ("label_delay.1d", "labels after 1d instead of 7d", NEEDED)
    assert day.second is not None
    assert day.gain is not None
    assert day.second.mean == pytest.approx(day.gain.mean)
    assert ladder.reasons == ()


def test_without_the_declared_delay_there_is_no_foot() -> None:
    """The foot was not replayed: no rungs, and the reason."""
    assert label_ladder({DAY_US: lifted(0.0)}, 7 * DAY_US, TERMS).reasons == ("the declared delay was not replayed",)
    alone = label_ladder({DAY_US: lifted(0.0)}, DAY_US, TERMS)
    assert [rung.level for rung in alone.rungs] == ["1d"]
    assert alone.reasons == ()


def test_a_loss_falls_up_the_ladder() -> None:
    """Judged by a loss the event's value is lower and its gain the same."""
    grids = fresher()
    up = rungs(freshness_ladder(grids, TERMS))
    down = rungs(freshness_ladder({name: turned(one) for name, one in grids.items()}, TERMS))
    assert down["event"].value < down["midnight"].value
    one, other = up["event"].finding, down["event"].finding
    assert one is not None
    assert other is not None
    assert one.gain is not None
    assert other.gain is not None
    assert other.gain.mean == pytest.approx(one.gain.mean)
