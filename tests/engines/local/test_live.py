"""The local engine live: the numbers of history, wherever micro-batches end and whenever the state is saved."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Pipeline
from dayshift.engines.contract import AS_OF, LOAD, POSITION, FrameLog, Session
from dayshift.engines.local.engine import LocalEngine
from dayshift.semantics.reference import Event
from dayshift.testing.local_adapter import event_frame, rows_of
from tests.engines.local.drawn import SOURCES, Drawn, asks, logs, pipeline
from tests.engines.local.test_engine import assert_same, expected

KEYS = [LOAD, POSITION, AS_OF]


def frames_of(events: Sequence[Event]) -> dict[str, pl.DataFrame]:
    """A part of the log as a session is given it; sources without events are absent."""
    names = {event.source for event in events}
    return {name: event_frame(SOURCES[name], [event for event in events if event.source == name]) for name in names}


class Live:
    """A session that is given a log piece by piece, and the log as far as it was given."""

    def __init__(self, asked: Pipeline, state: bytes | None = None, taken: Sequence[Event] = ()) -> None:
        self.asked, self.taken = asked, list(taken)
        self.session: Session = LocalEngine(threads=1).session(asked, self.log, state)

    def log(self) -> FrameLog:
        """Every event taken so far."""
        frames = {name: event_frame(source, []) for name, source in SOURCES.items()}
        return FrameLog({**frames, **frames_of(self.taken)})

    def take(self, events: Sequence[Event], upto_us: int | None = None) -> pl.DataFrame:
        """The next piece."""
        self.taken += events
        return self.session.take(frames_of(events), upto_us)

    def again(self, load: int) -> Live:
        """Another session that goes on from this one's snapshot."""
        return Live(self.asked, self.session.snapshot(load)(), self.taken)


def pieces(events: Sequence[Event], ends: Sequence[int]) -> list[Sequence[Event]]:
    """The events cut at these places."""
    at = [0, *sorted({end % (len(events) + 1) for end in ends}), len(events)]
    return [events[low:high] for low, high in zip(at[:-1], at[1:], strict=True)]


ENDS = st.lists(st.integers(0, 40), max_size=8)


@given(logs(), ENDS, ENDS, st.booleans())
def test_a_session_gives_what_history_gives(log: Drawn, ends: list[int], saved: list[int], ticks: bool) -> None:
    """Events or a calendar ask; micro-batches end anywhere; the state is saved and restored anywhere; late events."""
    asked = pipeline(asks.every("6h", by=["card", "shop"], offset="1h")) if ticks else pipeline()
    whole = pl.concat([*LocalEngine(threads=1).features(asked, log.log), Live(asked).take([])])
    live, found = Live(asked), []
    for number, part in enumerate(pieces(log.events, ends)):
        found.append(live.take(part))
        if number in saved and part:
            live = live.again(part[-1].load)
    assert pl.concat(found).equals(whole)


@given(logs(), ENDS)
def test_a_session_gives_what_the_reference_gives(log: Drawn, ends: list[int]) -> None:
    """Every aggregate, over two sources, with late and tied events and nulls."""
    asked = pipeline()
    live = Live(asked)
    rows = [row for part in pieces(log.events, ends) for row in rows_of(asked, live.take(part))]
    assert_same(rows, expected(log, asked, log.questions), asked.columns)
