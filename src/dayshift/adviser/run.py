"""The whole advice, from a history: what is asked of it, in which order, and what each answer is made from.

    suspicions -> weeks, volume, team -> replays: as trained, freshness, label delays, more seeds
               -> monitoring -> ladders, cadence -> capacity, growth -> decide

Nothing depends on what comes after it, so an advice that is stopped early (Ctrl-C, the time
it may take) is decided from what there is, and says what is missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dayshift.adviser import capacity, growth, say, team, volume
from dayshift.adviser.cache import Cache
from dayshift.adviser.decide import decide
from dayshift.adviser.effort import Effort
from dayshift.adviser.evidence import Advice, Ladder, Volume
from dayshift.adviser.history import Situation
from dayshift.adviser.leakage import suspicions
from dayshift.adviser.replay import Replay
from dayshift.adviser.replaying import AS_TRAINED, replayed
from dayshift.adviser.terms import assumptions, terms_of, undeclared
from dayshift.adviser.tracks import ReplayOptions, Track
from dayshift.adviser.weeks import Weeks, weeks_of
from dayshift.definition.duration import parse_duration
from dayshift.definition.settings import Settings
from dayshift.diagnostics import DayshiftError

if TYPE_CHECKING:
    from dayshift.adviser.history import History
    from dayshift.adviser.pool import Workers
    from dayshift.adviser.tracks import Progress
    from dayshift.learners.estimator import Model

FRESH, LABELS, CADENCE = "fresh features", "label delay", "retraining"
MONITORING, GROWTH, TEAM = "monitoring", "growth", "team"
ALL = frozenset((FRESH, LABELS, CADENCE, MONITORING, GROWTH, TEAM))


@dataclass(frozen=True)
class AdviseRequest:
    """What is asked of a history, and with which means.

    Args:
        now_us: the time of the advice.
        settings: `[advise]`, `[team]`, `[value]`, `[train]` of the project.
        root: the project's folder, whose repository shows what the team has; None looks at nothing.
        cache: the folder that keeps what was replayed; None keeps nothing.
        bytes_by_source: what the lake holds of each source.
        workers: processes that fit; None as in the settings, 0 in this one.
        seconds: what it may take on an otherwise idle machine; None as in the settings, infinity without limit.
        questions: which parts are to be answered, of `ALL`.
        told: called after each fit.
        stage: called with the name of what begins.
        stop: asked between fits; True ends the advice with what there is.
    """

    now_us: int
    settings: Settings = field(default_factory=Settings)
    root: Path | None = None
    cache: Path | None = None
    bytes_by_source: Mapping[str, int] | None = None
    workers: int | None = None
    seconds: float | None = None
    questions: frozenset[str] = ALL
    told: Callable[[Progress], None] | None = None
    stage: Callable[[str], None] | None = None
    stop: Callable[[], bool] | None = None

    @property
    def limit_s(self) -> float:
        """What it may take, in seconds."""
        return float(self.settings.advise.seconds) if self.seconds is None else self.seconds

    def begins(self, name: str) -> None:
        """Say that a part begins."""
        if self.stage is not None:
            self.stage(name)


def advise(history: History, request: AdviseRequest, *, pool: Workers | None = None) -> Advice:
    """The advice on a history.

    Args:
        pool: worker processes that were started before; they are ended here.

    Raises:
        NotReady: DS810, a worker process was ended from outside.
    """
    effort = Effort()
    made = Advice(pipeline=history.pipeline.name, at=request.now_us, headline="")
    request.begins("looking for leaks")
    trusted = request.settings.advise.trusted
    found = suspicions(history)
    if any(each.column not in trusted for each in found):
        stopped = tuple(each for each in found if each.column not in trusted)
        return decide(replace(made, stopped_by=stopped), terms_of(request.settings, made))
    notes = tuple(f"'{each.column}' is trusted as declared, though {each.says}" for each in found)
    window = request.settings.train.window
    weeks = weeks_of(history, None if window is None else parse_duration(window))
    back = None if weeks.come_back_us is None else say.day(weeks.come_back_us)
    made = replace(made, notes=(*notes, *history.notes, *weeks.notes), volume=_volume(history, request), come_back=back)
    if TEAM in request.questions:
        made = replace(made, team=team.team(request.settings, request.root))
    made, model = _replayed(history, weeks, made, request, pool, effort)
    made = _grown(history, made, request, model)
    how = {**made.how, "seconds": round(effort.waited, 2), "currency": request.settings.value.currency}
    made = replace(made, how=how, assumptions=assumptions(request.settings, made))
    decided = decide(made, terms_of(request.settings, made))
    return replace(decided, notes=(*decided.notes, *undeclared(request.settings, decided)))


RESERVED_S, RESERVED_SHARE = 12.0, 0.3
"""What monitoring, capacity and growth need after the replays."""


def _replayed(
    history: History, weeks: Weeks, made: Advice, request: AdviseRequest, pool: Workers | None, effort: Effort
) -> tuple[Advice, Model | None]:
    """The advice with what replays say, and a model of the last week for measuring how fast it answers."""
    if not weeks.count:
        if pool is not None:
            pool.close()
        return replace(made, reasons=weeks.reasons or ("the history holds no week that could be judged",)), None
    reserved = min(RESERVED_S, RESERVED_SHARE * request.limit_s)
    with contextlib.ExitStack() as held:
        options = ReplayOptions(
            workers=request.settings.advise.workers if request.workers is None else request.workers,
            cache=held.enter_context(Cache(request.cache)) if request.cache is not None else None,
            told=request.told,
            stop=request.stop,
            effort=effort,
        )
        replay = held.enter_context(Replay(history, weeks, options=options, workers=pool))
        made = replayed(history, replay, made, request, request.limit_s - reserved)
        made = replace(made, notes=(*made.notes, *replay.notes, *_not_kept(options.cache)))
        if replay.stopped:
            made = replace(made, complete=False, unfinished=_missing(made, request))
        return made, _last_model(replay) if GROWTH in request.questions and made.skill else None


def _not_kept(cache: Cache | None) -> tuple[str, ...]:
    if cache is None or cache.fault is None:
        return ()
    return (f"what was replayed could not all be kept ({cache.fault}), so the next run computes it again",)


def _missing(made: Advice, request: AdviseRequest) -> tuple[str, ...]:
    """The parts that have no figure yet; where all have one, what was still to make them finer."""
    ladders = {FRESH: made.freshness, LABELS: made.label_delay}
    have = {name: ladder is not None and _measured(ladder) for name, ladder in ladders.items()}
    have |= {CADENCE: made.cadence is not None and made.cadence.finding.gain is not None}
    have |= {MONITORING: made.monitoring is not None}
    asked = [name for name in (FRESH, LABELS, CADENCE, MONITORING) if name in request.questions]
    none = tuple(name for name in asked if not have.get(name, False))
    return none or ("the last replays, which make the intervals narrower",)


def _measured(ladder: Ladder) -> bool:
    """Whether any rung has a gain; of labels that are known at once there is none to be had."""
    return ladder.foot == "0s" or any(
        rung.finding is not None and rung.finding.gain is not None for rung in ladder.rungs
    )


def _last_model(replay: Replay) -> Model | None:
    try:
        return replay.fitted(Track(Situation(AS_TRAINED), window_us=replay.weeks.window_us), replay.weeks.count - 1)
    except DayshiftError:
        return None


def _volume(history: History, request: AdviseRequest) -> Volume:
    declared = request.settings.advise.deadline
    return volume.volume(history, request.bytes_by_source, None if declared is None else parse_duration(declared))


def _grown(history: History, made: Advice, request: AdviseRequest, model: Model | None) -> Advice:
    if GROWTH not in request.questions or made.volume is None:
        return made
    request.begins("what this machine can do")
    rates = capacity.capacity(history.pipeline, history.whole, model)
    return replace(made, growth=growth.growth(made.volume, rates, request.settings.advise, request.now_us))
