"""What is replayed, in which order and time, and what the grids say: skill, both ladders, cadence, monitoring.

Three runs share the time: first the pipeline as it trains, followed as it ages; then every rung of the ladders with one seed;
then second seeds and the second family. Each keeps what the ones before it computed, so when the time ends, every question
has had its coarse answer before any had its fine one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dayshift.adviser.cadence import CadenceInputs, cadence
from dayshift.adviser.evidence import UNDECIDED, Advice, Cadence, Finding, Ladder, Monitoring, Skill
from dayshift.adviser.grids import compare, fresh, level, sign_of, stack
from dayshift.adviser.history import Situation
from dayshift.adviser.interval import WEEK_US, gain
from dayshift.adviser.ladders import LadderTerms, freshness_ladder, label_ladder
from dayshift.adviser.monitoring import MonitoringOptions, monitoring
from dayshift.adviser.naive import floor_and_means, weekly
from dayshift.adviser.terms import watching
from dayshift.adviser.tracks import DECLARED, SECOND, Grid, Track
from dayshift.adviser.verdict import FEWEST_WEEKS, UNSKILLED, contradictions, finding
from dayshift.definition import Calendar
from dayshift.definition.duration import MICROSECONDS, format_duration, parse_duration
from dayshift.lifecycle.baseline import LAST

if TYPE_CHECKING:
    from dayshift.adviser.history import History
    from dayshift.adviser.replay import Replay
    from dayshift.adviser.run import AdviseRequest

AGES = 53
"""Weeks that a model is followed, as far as the history allows: a year and the week it is fitted in."""
QUARTER = 14
"""The same for the way that is only measured to tell more data from decay."""
SPOT_WEEKS = 4
SEEDS = 4
"""At most; the third and the fourth only for what two leave undecided."""
HALF = 0.5
"""Of the declared family's skill, what a second one must have to be asked."""
_NUMBER = re.compile(r"\d[\d,.]*")
LEAST = 1e-4
"""No gain below this is ever called one that matters unless it was declared."""
SHARES = (0.5, 0.75, 1.0)
"""By when each of the three runs ends, of the time for replays."""
AS_TRAINED = "event"
"""A nightly run trains and scores with features as of each question; only who answers at once without a stream has older ones."""
_USUAL_DELAYS = tuple(
    MICROSECONDS[unit] * count
    for count, unit in ((90, "d"), (30, "d"), (14, "d"), (7, "d"), (3, "d"), (1, "d"), (6, "h"), (1, "h"), (0, "h"))
)


@dataclass
class Replayed:
    """The grids by what they answer, as far as they have come."""

    replay: Replay
    window_us: int
    operated: Literal["sliding", "expanding", ""]
    delays: tuple[int, ...] = ()
    grids: dict[Track, Grid] = field(default_factory=dict)

    def track(
        self,
        freshness: str = AS_TRAINED,
        delay: int | None = None,
        *,
        family: str = DECLARED,
        seed: int = 0,
        expanding: bool = False,
    ) -> Track:
        """One way to operate the model."""
        return Track(Situation(freshness, delay), family, None if expanding else self.window_us, seed)

    def run(self, tracks: Mapping[Track, int], seconds: float | None) -> None:
        """Replay these tracks, each to its age."""
        wanted = list(tracks)
        for track, grid in zip(
            wanted, self.replay.run(wanted, [tracks[track] for track in wanted], seconds), strict=True
        ):
            self.grids[track] = grid

    def seeds(
        self, freshness: str = AS_TRAINED, delay: int | None = None, *, family: str = DECLARED, expanding: bool = False
    ) -> list[Grid]:
        """The grids of one way with every seed that was replayed."""
        tracks = [self.track(freshness, delay, family=family, seed=seed, expanding=expanding) for seed in range(SEEDS)]
        return [self.grids[track] for track in tracks if track in self.grids and _measured(self.grids[track])]


def believed(second: list[Grid], declared: list[Grid], floor: float) -> list[Grid]:
    """The second family's grids, where it has at least half of the declared family's skill; what it sees else is noise."""
    if not second or not declared:
        return []
    sign = sign_of(declared[0].metrics[0])
    theirs, ours = (sign * (level(grids) - floor) for grids in (second, declared))
    return second if theirs >= HALF * ours > 0 else []


def _measured(grid: Grid) -> bool:
    return bool((grid.rows > 0).any())


def replayed(history: History, replay: Replay, made: Advice, request: AdviseRequest, until: float) -> Advice:
    """The advice with all that replays can say of it.

    Args:
        until: how much work may have been spent when the replays end, on the replay's clock (`effort.py`).
    """
    from dayshift.adviser.run import CADENCE, FRESH, LABELS, MONITORING

    train, asked = request.settings.train, request.questions
    work = Replayed(replay, replay.weeks.window_us, "sliding" if train.window else "")
    if LABELS in asked:
        work = replace(
            work,
            delays=shorter_delays(history.label_delay_us, _least_delay(history), request.settings.advise.label_delays),
        )
    begun = replay.effort.spent
    ends = [begun + share * max(until - begun, 0.0) for share in SHARES]
    replay.only(track.situation for track in (*_first(work, asked), *_second(work, asked)))
    request.begins("the pipeline as it is trained, week by week")
    _run(work, _first(work, asked), ends[0])
    work.operated = work.operated or _better_way(work)
    skill = _skill(work, history, request)
    if skill is None:
        return replace(made, how={**made.how, **replay.how}, reasons=(_why_nothing(work),))
    request.begins("fresher features and faster labels")
    _run(work, _second(work, asked), ends[1])
    request.begins("second seeds, and a second family of models")
    _run(work, _third(work, asked), ends[2])
    skill = _skill(work, history, request) or skill
    request.begins("more seeds for what is undecided")
    _refine(work, history, skill, asked, ends[2])
    made = replace(made, skill=skill)
    if MONITORING in asked:
        request.begins("shifts, faults and alarms")
        made = replace(made, monitoring=_watched(work, made, request))
    if FRESH in asked:
        made = replace(made, freshness=_fresh(work, history, skill))
    if LABELS in asked:
        made = replace(made, label_delay=_labels(work, history, skill))
    if CADENCE in asked:
        request.begins("cadences of retraining")
        made = replace(made, cadence=_cadence(work, history, made, request))
    return replace(made, how={**made.how, **replay.how}, contradictions=contradictions(_findings(made)))


def _why_nothing(work: Replayed) -> str:
    """Why there is no skill to speak of: nobody waited for it, or what most of the fits failed of."""
    if work.replay.stopped:
        return "it was stopped before a model was fitted"
    said = {_NUMBER.sub("#", fault): fault for grid in work.grids.values() for fault in grid.failed.values()}
    if not said:
        return "no model could be judged: no week holds answers that differ"
    return f"no model could be fitted: {'; '.join(list(said.values())[:2])}"


def _refine(work: Replayed, history: History, skill: Skill, asked: frozenset[str], end: float) -> None:
    """Another seed, and one more, for the rungs that could still turn over: half the luck of a fit, and known better."""
    from dayshift.adviser.run import FRESH, LABELS

    for seed in range(2, SEEDS):
        ladders = [_fresh(work, history, skill)] if FRESH in asked else []
        ladders += [_labels(work, history, skill)] if LABELS in asked else []
        found = [each for ladder in ladders for each in _open_tracks(work, ladder, seed)]
        left = end - work.replay.effort.spent
        if not found or left <= 0 or work.replay.stopped:
            return
        _run(work, dict.fromkeys([work.track(seed=seed), *found], 1), end)


def _open_tracks(work: Replayed, ladder: Ladder, seed: int) -> list[Track]:
    tracks: list[Track] = []
    for rung in ladder.rungs:
        found = rung.finding
        if found is None or found.gain is None or found.reasons or found.verdict != UNDECIDED:
            continue
        if ladder.name == "freshness":
            tracks += [work.track(level, seed=seed) for level in (ladder.foot, rung.level)]
        else:
            tracks.append(work.track(delay=parse_duration(rung.level), seed=seed))
    return list(dict.fromkeys(tracks))


def _fresh(work: Replayed, history: History, skill: Skill) -> Ladder:
    declared = _by_freshness(work, DECLARED)
    second = {
        name: found
        for name, grids in _by_freshness(work, SECOND).items()
        if (found := believed(grids, declared.get(name, []), skill.floor))
    }
    return freshness_ladder(declared, _terms(work, history, skill, second))


def _better_way(work: Replayed) -> Literal["sliding", "expanding"]:
    """How the pipeline trains where no window is declared: on all history, unless a window is shown better."""
    way = compare(work.seeds(expanding=True), work.seeds(), (fresh, fresh), work.replay.weeks.starts.tolist()).gain
    return "sliding" if way is not None and way.high < 0 and way.weeks >= FEWEST_WEEKS else "expanding"


def _run(work: Replayed, tracks: Mapping[Track, int], end: float) -> None:
    work.run(tracks, max(end - work.replay.effort.spent, 0.0) if math.isfinite(end) else None)


def _first(work: Replayed, asked: frozenset[str]) -> dict[Track, int]:
    from dayshift.adviser.run import CADENCE

    if CADENCE not in asked:
        return {work.track(): 1}
    sliding = work.operated == "sliding"
    return {work.track(): AGES if sliding else QUARTER, work.track(expanding=True): 1 if sliding else AGES}


def _second(work: Replayed, asked: frozenset[str]) -> dict[Track, int]:
    from dayshift.adviser.run import FRESH

    levels = ("midnight", "hour", "none") if FRESH in asked else ()
    tracks = [work.track(level) for level in levels] + [work.track(delay=delay) for delay in work.delays]
    if FRESH in asked and work.delays:
        tracks.append(work.track("midnight", _usual(work)))
    return dict.fromkeys(tracks, 1)


def _third(work: Replayed, asked: frozenset[str]) -> dict[Track, int]:
    from dayshift.adviser.run import CADENCE, FRESH

    more = {replace(track, seed=1): ages for track, ages in _first(work, asked).items()}
    if work.operated == "sliding" and CADENCE in asked:
        more[work.track()] = AGES
    more |= {replace(track, seed=1): 1 for track in _second(work, asked) if track.situation.freshness != "none"}
    others = [work.track(family=SECOND)]
    others += [work.track("midnight", family=SECOND)] if FRESH in asked else []
    others += [work.track(delay=_usual(work), family=SECOND)] if work.delays else []
    more |= dict.fromkeys(others, 1)
    if CADENCE in asked:
        more[work.track(family=SECOND, expanding=work.operated == "expanding")] = 5
    return more


def _usual(work: Replayed) -> int:
    """Of the shorter delays the one that a team could reach: the shortest that is not none at all."""
    return min((delay for delay in work.delays if delay), default=0)


def _by_freshness(work: Replayed, family: str) -> dict[str, list[Grid]]:
    found = {level: work.seeds(level, family=family) for level in ("none", "midnight", "hour", "event")}
    return {level: grids for level, grids in found.items() if grids}


def _terms(work: Replayed, history: History, skill: Skill, second: Mapping[Any, list[Grid]]) -> LadderTerms:
    weeks = work.replay.weeks
    return LadderTerms(
        starts=weeks.starts.tolist(),
        delta=skill.delta,
        reasons=_reasons(work, history, skill),
        positives_per_week=_positives(work, history),
        resolution_us=history.stamps_us,
        asked_us=history.resolution_us if isinstance(history.pipeline.predict, Calendar) else 0,
        second=second,
    )


def _reasons(work: Replayed, history: History, skill: Skill) -> tuple[str, ...]:
    """What forbids any verdict here. A share of a skill that is not shown says nothing: with no skill at all it is next to
    nothing, and luck would pass it in every fortieth question."""
    constant = next((each for name, each in skill.beats.items() if name != LAST), None)
    shown = constant is not None and constant.gain is not None and constant.gain.low > 0
    why = () if shown or not skill.assumed else (UNSKILLED,)
    return (*history.reasons, *work.replay.weeks.reasons, *why)


def _positives(work: Replayed, history: History) -> list[float] | None:
    if history.kind != "classifier":
        return None
    grids = work.seeds()
    return [float(count) for count in grids[0].positives] if grids else None


def _labels(work: Replayed, history: History, skill: Skill) -> Ladder:
    grids = {history.label_delay_us: work.seeds()} | {delay: work.seeds(delay=delay) for delay in work.delays}
    second = {history.label_delay_us: work.seeds(family=SECOND)} | {
        delay: work.seeds(delay=delay, family=SECOND) for delay in work.delays
    }
    kept = {key: believed(value, grids.get(key, []), skill.floor) for key, value in second.items()}
    terms = _terms(work, history, skill, {key: value for key, value in kept.items() if value})
    made = label_ladder(grids, history.label_delay_us, terms)
    staler = work.seeds("midnight", _usual(work)) if work.delays else []
    if not staler or not work.seeds(delay=_usual(work)):
        return made
    ways = compare(work.seeds(delay=_usual(work)), staler, (fresh, fresh), terms.starts)
    named = format_duration(_usual(work))
    extra = finding(
        f"freshness.event@{named}",
        f"features as of the event over last midnight, with labels after {named}",
        ways.gain,
        skill.delta,
        reasons=terms.why,
        pooled=ways.pooled,
        others=ways.others,
    )
    return replace(made, extra=(extra,))


def _cadence(work: Replayed, history: History, made: Advice, request: AdviseRequest) -> Cadence:
    assert made.skill is not None
    weeks, expanding = work.replay.weeks, work.operated == "expanding"
    inputs = CadenceInputs(
        starts=weeks.starts.tolist(),
        delta=made.skill.delta,
        floor=made.skill.floor,
        expanding=work.seeds(expanding=True),
        sliding=work.seeds(),
        operated="expanding" if expanding else "sliding",
        second=believed(
            work.seeds(family=SECOND, expanding=expanding), work.seeds(expanding=expanding), made.skill.floor
        ),
        drift_alarm_weeks=[week + 1 for week in made.monitoring.drift_alarm_weeks] if made.monitoring else None,
        label_delay_weeks=history.label_delay_us / WEEK_US,
        hand_weeks=parse_duration(request.settings.advise.retrain_by_hand) / WEEK_US,
        positives_per_week=_positives(work, history),
        reasons=_reasons(work, history, made.skill),
    )
    first = cadence(inputs)
    track = work.track(expanding=expanding)
    steps = work.replay.incremental(track)
    inputs = replace(inputs, incremental=(steps,)) if steps is not None else inputs
    if first.too_lazy is not None and not work.replay.stopped:
        chosen = [round((n + 0.5) * weeks.count / SPOT_WEEKS) for n in range(SPOT_WEEKS)]
        spot = [math.nan] * weeks.count
        for week, gained in zip(chosen, work.replay.daily(track, chosen), strict=True):
            spot[week] = float(gained)
        inputs = replace(inputs, daily=spot)
    return first if inputs.daily is None and not inputs.incremental else cadence(inputs)


def _watched(work: Replayed, made: Advice, request: AdviseRequest) -> Monitoring:
    assert made.skill is not None
    declared = request.settings.advise
    prices = watching(request.settings, made)
    options = MonitoringOptions(
        made.skill.delta, declared.alarm_budget, declared.detection, *prices, metric=made.skill.metric
    )
    return monitoring(work.replay.history, work.replay, work.track(), options, work.seeds())


def _findings(made: Advice) -> list[Finding | None]:
    found: list[Finding | None] = []
    for ladder in (made.freshness, made.label_delay):
        found += [step.finding for step in ladder.rungs] if ladder else []
    return [*found, *([made.cadence.finding, made.cadence.more_data] if made.cadence else [])]


def _skill(work: Replayed, history: History, request: AdviseRequest) -> Skill | None:
    """What the model is worth as it is operated, over the best constant, and whether it beats naive predictions.

    These know the last answer when the question is asked, and the model's features are as of then too.
    """
    grids = work.seeds(expanding=work.operated == "expanding") or work.seeds()
    value = level(grids) if grids else math.nan
    if not math.isfinite(value):
        return None
    values, starts = fresh(stack(grids)), work.replay.weeks.starts
    judged = np.isfinite(values).any(axis=0)
    weeks = {name: np.where(judged, each, np.nan) for name, each in weekly(work.replay).items()}
    floor, naive = floor_and_means(weeks)
    settings = request.settings.advise
    declared = settings.smallest_gain
    delta = declared if declared is not None else max(settings.smallest_gain_share * abs(value - floor), LEAST)
    beats = {
        name: finding(
            f"naive.{name}", f"the model over '{name}'", gain(values - sign_of(history.metric.name) * each, starts), 0.0
        )
        for name, each in weeks.items()
    }
    larger = history.metric.larger_is_better
    return Skill(history.metric.name, larger, floor, value, delta, declared is None, naive, beats)


def _least_delay(history: History) -> int:
    """What no delivery can shorten: where no event is an answer too, one waits for it as long as it may come."""
    label = history.pipeline.label
    assert label is not None
    return 0 if label.missing is None else min(label.within_us, history.label_delay_us)


def shorter_delays(declared_us: int, least_us: int = 0, wanted: Sequence[str] | None = None) -> tuple[int, ...]:
    """The label delays that are priced: those declared in the settings, else about a half, a sixth, and the least there is.

    >>> [format_duration(delay) for delay in shorter_delays(7 * MICROSECONDS["d"])]
    ['3d', '1d', '0s']
    """
    if wanted is not None:
        found = sorted({parse_duration(text) for text in wanted}, reverse=True)
    else:
        found = [next((usual for usual in _USUAL_DELAYS if usual <= declared_us / part), 0) for part in (2, 6)]
        found.append(least_us)
    return tuple(delay for delay in dict.fromkeys(found) if least_us <= delay < declared_us)
