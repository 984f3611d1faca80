"""The calibration in short: a handful of worlds whose answer is known, through the whole adviser.

Hundreds of them are counted by `make bench NAME=calibration`; what came out stands in docs/concepts/adviser-calibration.md.
"""

import math
from functools import cache

import pytest

from dayshift.adviser.evidence import NEEDED, NOT_NEEDED, Advice
from dayshift.adviser.history import read_history
from dayshift.adviser.parts import HOURLY, LABELS, RETRAINING, STREAMING
from dayshift.adviser.run import CADENCE, FRESH, AdviseRequest, advise
from dayshift.adviser.run import LABELS as SOONER
from dayshift.definition.settings import Settings
from dayshift.testing.worlds import make

SETTINGS = Settings.model_validate({"train": {"window": "28d"}})
WEEKS = 20
SIZE = {"weeks": WEEKS, "a_day": 300}
pytestmark = pytest.mark.slow


@cache
def _advice(kind: str, seed: int) -> Advice:
    world = make(kind, seed, **SIZE)
    history = read_history(world.pipeline, world.log, threads=1)
    questions = frozenset((FRESH, SOONER, CADENCE))
    request = AdviseRequest(history.known_until_us, SETTINGS, workers=0, seconds=math.inf, questions=questions)
    return advise(history, request)


def _verdicts(kind: str, seed: int) -> dict[str, str]:
    """The verdict of each capability, from a finished advice."""
    made = _advice(kind, seed)
    assert made.stopped_by == ()
    assert made.complete
    return {part.name: part.verdict for part in made.parts}


@pytest.mark.parametrize(("kind", "seed"), [("calm", 0), ("calm", 1), ("calm", 2), ("calm", 3), ("cold_start", 0)])
def test_where_nothing_is_to_be_gained_nothing_is_needed(kind: str, seed: int) -> None:
    """Calm worlds, with balanced and rare labels, of linear models and of trees, and one after a cold start."""
    verdicts = _verdicts(kind, seed)
    assert NEEDED not in {verdicts.get(name) for name in (STREAMING, HOURLY, LABELS, RETRAINING)}


def test_where_nothing_is_to_be_gained_a_quiet_model_settles_it() -> None:
    """A balanced label and a linear model: that nothing is needed is not only undecided but shown."""
    verdicts = _verdicts("calm", 0)
    assert {verdicts[name] for name in (STREAMING, LABELS, RETRAINING)} == {NOT_NEEDED}


def test_slow_drift_needs_retraining() -> None:
    """What turns by 0.1 radians a week, seen by a linear model: retraining is needed."""
    assert _verdicts("slow_drift", 0)[RETRAINING] == NEEDED


@pytest.mark.parametrize("seed", [0, 2])
def test_slow_drift_is_found(seed: int) -> None:
    """Some cadence is shown too lazy, also by a tree; retraining is not called needless, nor are fresh features needed."""
    verdicts, cadence = _verdicts("slow_drift", seed), _advice("slow_drift", seed).cadence
    assert cadence is not None
    assert cadence.too_lazy is not None
    assert verdicts[RETRAINING] != NOT_NEEDED
    assert verdicts[STREAMING] != NEEDED


@pytest.mark.parametrize("seed", [0, 2])
def test_a_signal_within_the_hour_needs_streaming_features(seed: int) -> None:
    """Bursts of minutes: features as of the event, not as of the last full hour, and no retraining."""
    verdicts = _verdicts("bursts", seed)
    assert verdicts[STREAMING] == NEEDED
    assert verdicts.get(HOURLY) != NEEDED
    assert verdicts[RETRAINING] != NEEDED


def test_the_interval_of_a_drift_holds_what_is_there() -> None:
    """The gain of weekly refits over every four weeks is the computed one, within its interval and a tenth."""
    cadence = _advice("slow_drift", 0).cadence
    assert cadence is not None
    gain = cadence.finding.gain
    assert gain is not None
    truth = make("slow_drift", 0, **SIZE).truth.retraining[4]
    assert gain.low - 0.1 * truth < truth < gain.high + 0.1 * truth
