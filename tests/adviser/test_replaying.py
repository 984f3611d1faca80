"""What the replays are asked, and what their answers rest on."""

import math
from functools import cache

from dayshift.adviser.evidence import UNDECIDED, Advice
from dayshift.adviser.history import read_history
from dayshift.adviser.run import CADENCE, FRESH, AdviseRequest, advise
from dayshift.adviser.verdict import UNSKILLED
from dayshift.definition.settings import Settings
from dayshift.testing.worlds import make


@cache
def _advice(smallest_gain: float | None, **signal: float) -> Advice:
    world = make("calm", 0, weeks=18, a_day=60, cards=40, **signal)
    history = read_history(world.pipeline, world.log, threads=1)
    settings = Settings.model_validate({"advise": {} if smallest_gain is None else {"smallest_gain": smallest_gain}})
    questions = frozenset((FRESH, CADENCE))
    request = AdviseRequest(history.known_until_us, settings, workers=0, seconds=math.inf, questions=questions)
    return advise(history, request)


def _why(advice: Advice) -> set[bool]:
    """Whether each question's reasons hold that no skill is shown."""
    assert advice.freshness is not None
    assert advice.cadence is not None
    found = [rung.finding for rung in advice.freshness.rungs] + [advice.cadence.finding, advice.cadence.against_never]
    return {UNSKILLED in one.reasons for one in found if one is not None}


def test_a_share_of_a_skill_that_is_not_shown_decides_nothing() -> None:
    """Labels that nothing foretells: the smallest gain would be a share of nothing, so the advice asks for one. Where it is
    declared, or where there is skill, no question is kept open for that."""
    nothing = {"turning": 0.0, "level": 0.0, "risk": 0.0}
    found = _advice(None, **nothing)
    assert found.skill is not None
    assert abs(found.skill.value - 0.5) < 0.03
    assert _why(found) == {True}
    assert found.cadence is not None
    assert found.cadence.finding.verdict == UNDECIDED
    assert _why(_advice(0.1, **nothing)) == {False}
    assert _why(_advice(None)) == {False}
