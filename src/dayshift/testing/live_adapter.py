"""The local engine's live session under judgement: micro-batches that end anywhere, and snapshots taken anywhere.

A session is asked by events only. A question from outside, or of a calendar whose places the case has given, is therefore
an event of one more source, which happens at the question's time, stands at its place and is counted by nobody.
"""

from __future__ import annotations

import hashlib
import pickle
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from dayshift.definition import Column, Pipeline, Source
from dayshift.diagnostics import Refused
from dayshift.engines.contract import LOAD, POSITION, FrameLog
from dayshift.engines.local.engine import LocalEngine
from dayshift.semantics.reference import Event, Question
from dayshift.testing.engines import Ability, Case, Gap, Row
from dayshift.testing.local_adapter import bits_of, event_frame, loads_of, read_instants, rows_of, sources_of

ASKED = "~asked"
"""The name of the source whose events are questions from outside; no definition may have it."""
MOST = 24
"""In so many micro-batches a case is taken at most, where it does not say how many."""


class LiveAdapter:
    """A session of the local engine, given the log as the world would: a few events at a time.

    What is saved is the session's snapshot and, as the lake would hold them, the events so far: late questions need the log.
    """

    name = "live"
    gaps: Mapping[Ability, str] = {"hindsight": "a session knows what had arrived"}

    def answer(self, case: Case) -> list[Row]:
        """Every question of the case, in micro-batches of `batch` entries, or of any size where it is 0."""
        if case.policy == "hindsight":
            raise Gap(self.gaps["hindsight"])
        return _answer(case, case, None)[0] if case.questions else []

    def save(self, case: Case) -> bytes:
        """The snapshot after this part of the log, behind a digest with its events."""
        body = pickle.dumps((_answer(case, case, None)[1], case.events))
        return hashlib.sha256(body).digest() + body

    def resume(self, state: bytes, case: Case) -> list[Row]:
        """The rest of the log, from the snapshot."""
        if hashlib.sha256(state[32:]).digest() != state[:32]:
            raise Refused("DS523", "the saved state is damaged: its digest is another")
        saved, events = pickle.loads(state[32:])  # noqa: S301
        return _answer(replace(case, events=(*events, *case.events)), case, saved)[0]

    def instants(self, written: Sequence[str], kind: str) -> list[int | None]:
        """The instants that the engine reads from a column written so."""
        return read_instants(written, kind)


@dataclass(frozen=True)
class _Feed:
    """A case's log: by source all events in order, and the places of those that ask."""

    pipeline: Pipeline
    frames: Mapping[str, pl.DataFrame]
    bits: Mapping[str, Mapping[str, int]]
    asks: Sequence[int]

    def between(self, low: int, high: int) -> dict[str, pl.DataFrame]:
        """The events at these places, `high` excluded."""
        found = {}
        for name, frame in self.frames.items():
            start, end = (frame[POSITION].search_sorted(place) for place in (low, high))
            found[name] = frame.slice(start, end - start)
        return found


def _answer(whole: Case, part: Case, state: bytes | None) -> tuple[list[Row], bytes]:
    """The rows of a part of the log and the snapshot after it; `whole` is the log so far, the part included."""
    feed = _feed(whole, part)
    reached = [0]
    engine = LocalEngine(threads=1)

    def log() -> FrameLog:
        return FrameLog(feed.between(-1, reached[0]), feed.bits)

    session, found = engine.session(feed.pipeline, log, state), []
    places = sorted({event.place for event in part.events} | {question.place for question in part.questions})
    before = feed.between(-1, 2 * places[0]) if places else feed.frames
    drawn, last = random.Random(len(places)), _last_load(before)  # noqa: S311
    for low, high in _batches(places, part.batch, drawn):
        reached[0] = high
        taken = feed.between(low, high)
        found += rows_of(feed.pipeline, session.take({name: frame for name, frame in taken.items() if frame.height}))
        last = max(last, _last_load(taken))
        if drawn.random() < 2 / MOST:
            session = engine.session(feed.pipeline, log, session.snapshot(last)())
    answers = dict(zip(feed.asks, found, strict=True))
    return [answers[_place(question)] for question in part.questions], session.snapshot(last)()


def _last_load(frames: Mapping[str, pl.DataFrame]) -> int:
    return max((int(frame[LOAD][-1]) for frame in frames.values() if frame.height), default=0)


def _batches(places: Sequence[int], size: int, drawn: random.Random) -> list[tuple[int, int]]:
    """Stretches of places doubled (see `_place`): of `size` entries each, or drawn."""
    if not places:
        return []
    some = {places[0], *drawn.choices(places, k=drawn.randrange(MOST))}
    starts = list(places[::size]) if size else sorted(some)
    ends = [*starts[1:], places[-1] + 1]
    return [(2 * start, 2 * end) for start, end in zip(starts, ends, strict=True)]


def _place(question: Question) -> int:
    """Where a question stands: an asking event's place, doubled and one more, so that there is room before every event."""
    return 2 * question.place + (question.own is not None)


def _feed(whole: Case, part: Case) -> _Feed:
    numbers, sources = loads_of(whole, part), sources_of(whole)
    own = next((question.own.source for question in part.questions if question.own is not None), None)
    asker = whole.predict if isinstance(whole.predict, Source) else sources[own] if own else _outside(whole)
    sources[asker.name] = asker
    events = list(whole.events)
    if asker.name == ASKED:
        events += [_asking(question) for question in part.questions]
    events.sort(key=lambda event: event.place)

    def placed(event: Event) -> tuple[int, int]:
        return numbers[event.place], 2 * event.place + (event.source != ASKED)

    frames = {
        name: event_frame(source, [event for event in events if event.source == name], placed)
        for name, source in sources.items()
    }
    mine = {event.place for event in part.events} if asker.name != ASKED else {q.place for q in part.questions}
    asks = [placed(event)[1] for event in events if event.source == asker.name and event.place in mine]
    return _Feed(Pipeline("case", predict=asker, features=whole.features), frames, bits_of(whole), asks)


def _outside(case: Case) -> Source:
    kinds: dict[str, Any] = {
        theirs: Column(feature.source.columns[column].type, optional=True)
        for feature in case.features
        for column, theirs in feature.keys
    }
    return Source(ASKED, time="~at", key="~place", schema={"~place": int, **kinds}, place=None)


def _asking(question: Question) -> Event:
    values = {**question.values, "~place": question.place, "~at": question.as_of}
    return Event(ASKED, question.as_of, question.place, values)
