"""Which event two sides treat differently, when a served value is not what the log says.

The method is to suppose something of one event and to see whether the served values follow. For each event of the
question's entity, in the log's order, the reference interpreter answers again from a log

    without it                                     "the served side did not count it", or "did not know it yet"
    in which it was known from the beginning       "the served side counted it before it arrived"

A supposition must give every served value of this question over the same events (all windows, all aggregates), and the
entity's questions around it, up to 20 before and 20 after, must agree: what the served side learns of once, at some place
of the log, it knows from there on. So along the log each question must follow from the supposition up to some place and
from the log as it is behind it (or the other way round, for what was known too early). The first event for which this
holds is the answer. If there is none, the same is tried for this question alone, also with an event inside the window
that lies outside of it, or with the asking event among the counted; such an answer is no proof, and says so. If nothing
helps, no single event explains the value: it was altered, or several events were treated differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import polars as pl

from dayshift.definition import Source, WindowFeature
from dayshift.engines.contract import LOAD, POSITION
from dayshift.engines.local.cuts import read
from dayshift.engines.local.task import Task
from dayshift.lifecycle.verifying.bits import same
from dayshift.lifecycle.verifying.past import Keys, at, entity_rows, events_of, key_of, plain, questions_of, reach
from dayshift.lifecycle.verifying.report import Difference, FirstEvent
from dayshift.lifecycle.verifying.sample import MARGIN_US, entity_of, series
from dayshift.lifecycle.verifying.view import View
from dayshift.semantics import reference
from dayshift.semantics.reference import Event, Question
from dayshift.semantics.windows import bounds, known

AROUND = 20
MOST_LOOKS = 5_000_000
NOT_COUNTED = "the served side did not count it"
TOO_EARLY = "the served side counted it before it arrived"
TOO_LATE = "the served side did not know it yet"
OUTSIDE = "the served side counted it although it lies outside the window"
ITSELF = "the served side counted it although it asks the question"
NOTHING = "no single event explains the served value; this is the first one of its window"
OWN = "the value is made of its own row alone"


@dataclass(frozen=True)
class Case:
    """A question and its served values: of each feature's columns, in order; whether they follow from the log as it is."""

    question: Question
    served: Sequence[tuple[Any, ...]]
    holds: bool = False


@dataclass
class Search:
    """The features over one entity's events, those events in the log's order, and how many were looked at."""

    task: Task
    features: Sequence[WindowFeature]
    events: list[Event]
    looks: int = 0

    @property
    def ended(self) -> bool:
        """Whether it has looked at more than it may."""
        return self.looks >= MOST_LOOKS

    def explains(self, case: Case, suppose: Event | None, of: Event) -> bool:
        """Whether the served values follow when `suppose` stands in the place of `of`; None: it is not there."""
        log = [each if each is not of else suppose for each in self.events]
        return self.holds(case, [each for each in log if each is not None])

    def holds(self, case: Case, log: Sequence[Event]) -> bool:
        """Whether the served values follow from these events."""
        for feature, served in zip(self.features, case.served, strict=True):
            self.looks += len(log)
            right = reference.answer(feature, case.question, log, self.task.scales)
            if not all(map(same, right if isinstance(right, tuple) else (right,), served)):
                return False
        return True


def first_event(view: View, found: Difference) -> FirstEvent | None:
    """The first event that the two sides treat differently; None where no event makes the value.

    Args:
        view: what was served, and the log.
        found: a differing value of a feature.
    """
    task = Task.of(view.project.pipeline, view.log)
    row = view.answers().filter(_is(found)).head(1).collect(engine="streaming")
    question = questions_of(task, view.log, row)[0] if row.height else None
    if question is None:
        return None
    for source, keys, features in series(task, view.columns):
        if any(found.name in feature.columns for feature in features):
            entity = entity_of(question, keys)
            if entity is None:
                return None
            rows = _near(features, question, source, entity_rows(task, view.log, source, keys, [entity]))
            events = sorted(events_of(source, rows), key=lambda event: event.place)
            mine = next(feature for feature in features if found.name in feature.columns)
            around = _around(view, task, features, question, (keys, entity))
            found_ = _search(Search(task, features, events), mine, _case(features, row, 0, question), around)
            return _named(task, found_)
    own = question.own
    return None if own is None else _named(task, (own, OWN, False))


def _search(
    search: Search, feature: WindowFeature, case: Case, around: Sequence[Case]
) -> tuple[Event, str, bool] | None:
    alone = None
    around = [replace(each, holds=search.holds(each, search.events)) for each in around]
    for event in search.events if not search.ended else ():
        how, suppose = _supposition(case.question, event)
        if search.ended or not search.explains(case, suppose, event):
            continue
        agreed = _agreed(search, (event, how, suppose), case, around)
        if agreed is not None:
            return event, agreed, True
        alone = alone or (event, f"{how}; that explains this question alone", False)
    for event in search.events if alone is None else ():
        how, suppose = _inside(feature, case.question, event)
        if how and not search.ended and search.explains(case, suppose, event):
            alone = alone or (event, f"{how}; that explains this question alone", False)
    if alone is not None:
        return alone
    counted = reference.counted(feature, feature.window, case.question, search.events, hindsight=False)
    ordered = sorted(counted, key=lambda event: event.place)
    return (ordered[0], NOTHING, False) if ordered else None


def _supposition(question: Question, event: Event) -> tuple[str, Event | None]:
    """What the served side may have done with an event: a sentence, and the event as it would have seen it."""
    own = question.own
    asks = own is not None and (event.source, event.place) == (own.source, own.place)
    if asks or known(event.place, question.place):
        return NOT_COUNTED, None
    return TOO_EARLY, replace(event, place=cast("int", (-1,)))


def _agreed(
    search: Search, supposed: tuple[Event, str, Event | None], case: Case, around: Sequence[Case]
) -> str | None:
    """What was done with the event if the questions around agree: a sentence, or None."""
    event, how, suppose = supposed
    early = how == TOO_EARLY
    sides = []
    for each in sorted([case, *around], key=lambda one: one.question.place):
        follows = search.explains(each, suppose, event)
        if not follows and not each.holds:
            return None
        if follows != each.holds:
            sides.append(follows)
    if sides != sorted(sides, reverse=not early):
        return None
    return how if early or all(sides) else TOO_LATE


def _inside(feature: WindowFeature, question: Question, event: Event) -> tuple[str, Event | None]:
    """An event that does not count, as if it did: inside the window, known just before the question."""
    low, high = bounds(question.as_of, feature.window.width_us, feature.window.delay_us, feature.window.closed)
    time = max(low if low is not None else event.event_time, min(event.event_time, high - 1))
    place = cast("int", (-1,)) if not known(event.place, question.place) else event.place
    asks = question.own is not None and (event.source, event.place) == (question.own.source, question.own.place)
    if asks:
        return ITSELF, replace(event, event_time=time, place=place)
    return (OUTSIDE, replace(event, event_time=time, place=place)) if time != event.event_time else ("", None)


def _near(features: Sequence[WindowFeature], question: Question, source: Source, rows: pl.DataFrame) -> pl.DataFrame:
    """The events that a window of this question or of its neighbours may reach."""
    back = _furthest(features)
    if back is None:
        return rows
    low, high = question.as_of - 2 * back - MARGIN_US, question.as_of + back + MARGIN_US
    return rows.filter(pl.col(source.time).is_between(low, high))


def _furthest(features: Sequence[WindowFeature]) -> int | None:
    reaches = [reach(feature) for feature in features]
    return None if None in reaches else max(each for each in reaches if each is not None)


def _around(
    view: View, task: Task, features: Sequence[WindowFeature], question: Question, whose: tuple[Keys, tuple[Any, ...]]
) -> list[Case]:
    """What was served of the entity's questions before and after this one, nearest first."""
    keys, entity = whose
    asked = pl.lit(True)
    for (_, theirs), value in zip(keys, entity, strict=True):
        asked = asked & (pl.col(theirs) == value)
    names = [LOAD, POSITION, *view.project.question_keys]
    rows = view.answers()
    if task.calendar is not None:
        rows = rows.filter(asked)
    else:
        asker = task.readings[task.asker]
        mine = read(view.log, asker.source, asker.columns).filter(asked).select(names)
        rows = rows.join(mine, on=names, how="semi")
    place = cast("tuple[Any, ...]", question.place)
    before = (pl.col(LOAD) < place[0]) | ((pl.col(LOAD) == place[0]) & (pl.col(POSITION) < place[1]))
    found = rows.collect(engine="streaming").sort(view.names)
    chosen = pl.concat([found.filter(before).tail(AROUND).reverse(), found.filter(~before).head(AROUND + 1)])
    cases = []
    for number, each in enumerate(questions_of(task, view.log, chosen)):
        if each is not None and each.place != question.place and _reaches(features, each, question):
            cases.append(_case(features, chosen, number, each))
    return cases


def _reaches(features: Sequence[WindowFeature], each: Question, question: Question) -> bool:
    """Whether the events held for a question are all that another one's windows see."""
    back = _furthest(features)
    return back is None or abs(each.as_of - question.as_of) <= back


def _case(features: Sequence[WindowFeature], rows: pl.DataFrame, number: int, question: Question) -> Case:
    values = plain(rows)
    return Case(question, [tuple(values[name][number] for name in feature.columns) for feature in features])


def _is(found: Difference) -> pl.Expr:
    wanted = (pl.col(LOAD) == found.load) & (pl.col(POSITION) == found.position)
    for name, value in found.question.items():
        wanted = wanted & pl.col(name).eq_missing(pl.lit(value))
    return wanted


def _named(task: Task, found: tuple[Event, str, bool] | None) -> FirstEvent | None:
    if found is None:
        return None
    event, how, certain = found
    source = task.readings[event.source].source
    return FirstEvent(
        source=event.source,
        key=key_of(source, event),
        event_time=at(event.event_time),
        known=at(event.position),
        load=event.load,
        position=event.position,
        how=how,
        certain=certain,
    )
