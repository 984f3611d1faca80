"""The local engine live: the numbers of history, wherever micro-batches end and whenever the state is saved."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dayshift as ds
from dayshift.definition import Calendar, Pipeline
from dayshift.engines.contract import AS_OF, LOAD, POSITION, FrameLog, Session
from dayshift.engines.local import live as module
from dayshift.engines.local.engine import LocalEngine
from dayshift.semantics.calendar import question_values, ticks
from dayshift.semantics.fixed_point import measure_bits
from dayshift.semantics.reference import Event, Question
from dayshift.testing.local_adapter import event_frame, rows_of
from dayshift.testing.running import damaged
from tests.engines.local.drawn import DAY, MIDNIGHT, SOURCES, Drawn, asks, logs, pipeline, tells
from tests.engines.local.test_engine import assert_same, expected

HOUR = DAY // 24
CALENDAR = asks.every("6h", by=["card", "shop"], offset="1h")
ENDS = st.lists(st.integers(0, 40), max_size=8)


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


def history(asked: Pipeline, log: FrameLog) -> pl.DataFrame:
    """The features of the whole log, with the columns also when there is no question."""
    return pl.concat([*LocalEngine(threads=1).features(asked, log), Live(asked).take([])])


def as_lived(log: Drawn) -> Drawn:
    """The same events in their order as a live run stores them: positions are unique and rise."""
    found, last = [], MIDNIGHT - 30 * DAY
    for event in log.events:
        last = max(last + 1, event.position)
        found.append(replace(event, position=last))
    return Drawn(tuple(found))


@given(logs(), ENDS, ENDS, st.booleans())
def test_a_session_gives_what_history_gives(log: Drawn, ends: list[int], saved: list[int], ticks: bool) -> None:
    """Events or a calendar ask; micro-batches end anywhere; the state is saved and restored anywhere; late events."""
    asked = pipeline(CALENDAR) if ticks else pipeline()
    live, found = Live(asked), []
    for number, part in enumerate(pieces(log.events, ends)):
        found.append(live.take(part))
        if number in saved and part:
            live = live.again(part[-1].load)
    assert pl.concat(found).equals(history(asked, log.log))


@given(logs(), ENDS)
def test_a_session_gives_what_the_reference_gives(log: Drawn, ends: list[int]) -> None:
    """Every aggregate, over two sources, with late and tied events and nulls."""
    asked = pipeline()
    live = Live(asked)
    rows = [row for part in pieces(log.events, ends) for row in rows_of(asked, live.take(part))]
    assert_same(rows, expected(log, asked, log.questions), asked.columns)


@given(logs(), ENDS, st.booleans())
def test_a_night_a_live_day_and_a_night_give_what_one_history_gives(log: Drawn, ends: list[int], ticks: bool) -> None:
    """Nightly advance, live session, nightly advance: each goes on from the state of the one before."""
    asked, engine = pipeline(CALENDAR) if ticks else pipeline(), LocalEngine(threads=1)
    frames, save = engine.advance(asked, log.log, None, loads=(1, 1))
    found = list(frames)
    live = Live(asked, save(), [event for event in log.events if event.load == 1])
    day = [event for event in log.events if event.load == 2]
    found += [live.take(part) for part in pieces(day, ends)]
    frames, _ = engine.advance(asked, log.log, live.session.snapshot(2)(), loads=(3, 3))
    found += list(frames)
    assert pl.concat(found).equals(history(asked, log.log))


# --------------------------------------------------------------------- calendars


def tick_questions(log: Drawn, calendar: Calendar, until_us: int) -> list[tuple[int, Question]]:
    """What a calendar asks up to a time in a log whose positions rise, as the meaning has it."""
    if not log.events:
        return []
    found = []
    for tick in ticks(calendar.period_us, calendar.offset_us, log.events[0].position - 1, until_us):
        before = [event for event in log.events if event.position < tick]
        shown = {tuple(e.values[name] for name in calendar.by) for e in before if e.source == "asks"}
        place = len(before)
        keys = sorted(key for key in shown if None not in key)
        found += [(tick, Question(tick, place, question_values(calendar, key))) for key in keys]
    return found


@given(logs(), ENDS, st.lists(st.integers(0, 3 * DAY), max_size=5), st.sampled_from([1, 3, 10**6]))
def test_ticks_are_asked_in_time_also_when_nothing_happens(
    log: Drawn, ends: list[int], idle: list[int], piece: int
) -> None:
    """Each tick once, before the events behind it, whether an event or the clock passed it, in pieces of any size."""
    asked, lived, found = pipeline(CALENDAR), as_lived(log), []
    live, reached = Live(asked), 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "PIECE", piece)
        for number, part in enumerate(pieces(lived.events, ends)):
            found.append(live.take(part))
            reached = max([reached, *(event.position for event in part)])
            behind = lived.events[len(live.taken) :]
            latest = behind[0].position - 1 if behind else reached + 5 * DAY
            if number < len(idle) and live.taken:
                reached = min(reached + idle[number], latest)
                found.append(live.take([], reached))
    wanted = tick_questions(lived, CALENDAR, reached)
    table = pl.concat(found)
    assert table[POSITION].to_list() == [tick for tick, _ in wanted]
    assert table[AS_OF].dt.timestamp("us").to_list() == [tick for tick, _ in wanted]
    assert table.select("card", "shop").rows() == [tuple(q.values.values()) for _, q in wanted]
    assert_same(rows_of(asked, table), expected(lived, asked, [q for _, q in wanted]), asked.columns)
    by_events = table.filter(pl.col(POSITION) <= max((event.position for event in lived.events), default=0))
    assert by_events.drop(LOAD).equals(history(asked, lived.log).drop(LOAD))


def _tap(number: int, card: str, at: int, load: int = 1) -> Event:
    values = {"id": number, "at": at, "card": card, "shop": 1, "amount": 1.0, "size": 1.0, "word": None, "good": True}
    return Event("asks", at, number, {**values, "day": dt.date(2024, 1, 1), "seen": None}, load, at)


TAPS_ONCE = Pipeline("p", predict=asks, features=[asks.by("card").over("1d").count()])
EVERY = Pipeline("p", predict=asks.every("1h", by="card"), features=[asks.by("card").over("1d").count()])


def test_a_tick_in_the_middle_of_a_micro_batch_sees_exactly_the_events_before_it() -> None:
    """One known a microsecond before it counts, one known at the tick does not."""
    events = [_tap(0, "b", MIDNIGHT), _tap(1, "a", MIDNIGHT + HOUR - 1), _tap(2, "b", MIDNIGHT + HOUR)]
    table = Live(EVERY).take(events)
    assert table.select(POSITION, "card", EVERY.columns[0]).rows() == [
        (MIDNIGHT + HOUR, "a", 1),
        (MIDNIGHT + HOUR, "b", 1),
    ]


def test_events_of_a_label_move_a_calendars_clock() -> None:
    """As in a nightly run: they are counted by no feature, and make ticks due."""
    asked = Pipeline(
        "p", predict=asks.every("1h", by="card"), features=EVERY.features, label=ds.Label(tells, "shop", within="1d")
    )
    events = [_tap(0, "a", MIDNIGHT), replace(_tap(1, "a", MIDNIGHT + 3 * HOUR), source="tells")]
    live = Live(asked)
    assert live.take(events[:1]).height == 0
    table = live.take(events[1:])
    assert table[POSITION].to_list() == [MIDNIGHT + hour * HOUR for hour in (1, 2, 3)]
    assert table.equals(history(asked, Drawn(tuple(events)).log))


def test_ticks_that_passed_while_nobody_ran_are_asked_together() -> None:
    """A month of hours in one call, in order; the clock goes on from there."""
    live = Live(EVERY)
    live.take([_tap(0, "a", MIDNIGHT), _tap(1, "b", MIDNIGHT + 1)])
    table = live.take([], MIDNIGHT + 30 * DAY)
    assert table.height == 2 * 30 * 24
    assert table[POSITION].is_sorted()
    assert live.take([], MIDNIGHT + 30 * DAY + HOUR - 1).height == 0
    assert live.take([], MIDNIGHT + 30 * DAY + HOUR).height == 2


# ------------------------------------------------------------------ late questions


def test_a_question_below_what_is_still_held_is_answered_from_the_log() -> None:
    """It counts everything before its own place and nothing behind it, in its load or another."""
    live = Live(TAPS_ONCE)
    first = [_tap(number, "a", MIDNIGHT + number) for number in range(5)]
    later = [_tap(10 + number, "a", MIDNIGHT + 40 * DAY + number * DAY, load=2) for number in range(40)]
    for part in (first, later):
        live.take(part)
    late = [replace(_tap(90 + n, "a", MIDNIGHT + 10 + n, load=2), position=MIDNIGHT + 90 * DAY + n) for n in range(3)]
    assert live.take(late)[TAPS_ONCE.columns[0]].to_list() == [5, 6, 7]
    assert live.session._stream._state.unanswerable.all()  # type: ignore[attr-defined]


# -------------------------------------------------------------------- row features


def _rowed(**expressions: object) -> Pipeline:
    return Pipeline("rows", predict=asks, features=[asks.by("card").over("1d").count(), asks.row(**expressions)])


@given(logs(), ENDS)
def test_row_features_are_those_of_history(log: Drawn, ends: list[int]) -> None:
    """Expressions, literals, a user's own function and SQL, whatever the micro-batches."""
    asked = _rowed(
        double=pl.col("amount") * 2,
        hour=pl.col("at").dt.hour(),
        three=pl.lit(3),
        shout=pl.col("word").map_elements(str.upper, return_dtype=pl.String),
        small=ds.sql("amount IS NULL OR shop < 2"),
    )
    live = Live(asked)
    found = [live.take(part) for part in pieces(log.events, ends)]
    assert pl.concat(found).equals(history(asked, log.log))


def test_a_function_that_looks_at_other_rows_is_found_though_rows_come_singly() -> None:
    """Single rows are gathered until they can be compared."""
    own = pl.col("shop").map_batches(lambda column: column + len(column), return_dtype=pl.Int64)
    live = Live(_rowed(own=own))

    def one_by_one() -> None:
        for number in range(20):
            live.take([_tap(number, "a", MIDNIGHT + number)])

    with pytest.raises(ds.DayshiftError, match="DS524"):
        one_by_one()


# ---------------------------------------------------------------------- snapshots


def test_a_snapshot_is_of_its_moment_wherever_it_is_made_bytes_of() -> None:
    """The session goes on meanwhile: new keys, new words, more events."""
    live = Live(pipeline())
    live.take([_tap(number, "a", MIDNIGHT + number) for number in range(10)])
    at_once, later = live.session.snapshot(1)(), live.session.snapshot(1)
    taken = list(live.taken)
    for number in range(10, 500):
        live.take([_tap(number, f"card {number}", MIDNIGHT + number)])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(later).result() == at_once
    assert later() == at_once
    del later
    gc.collect()
    following = [_tap(10 + number, f"card {number % 3}", MIDNIGHT + 10 + number) for number in range(50)]
    restored = Live(pipeline(), at_once, taken)
    assert restored.take(following).equals(Live(pipeline()).take([*taken, *following])[10:])
    assert live.session.snapshot(1)() != at_once


def test_a_snapshot_says_how_large_it_is() -> None:
    """Keys of all series, events in windows, bytes."""
    live = Live(TAPS_ONCE)
    assert live.session.size["keys"] == 0
    live.take([_tap(0, "a", MIDNIGHT), _tap(1, "b", MIDNIGHT + 1), _tap(2, "a", MIDNIGHT + 2)])
    size = live.session.size
    assert (size["keys"], size["events"]) == (2, 3)
    assert size["bytes"] > 0


@pytest.mark.parametrize("damage", ["it is empty", "the last byte is gone", "a bit is flipped in the middle"])
def test_a_session_refuses_a_damaged_state(damage: str) -> None:
    """And one of other features."""
    live = Live(TAPS_ONCE)
    live.take([_tap(0, "a", MIDNIGHT)])
    state = live.session.snapshot(1)()
    with pytest.raises(ds.DayshiftError, match="DS523"):
        Live(TAPS_ONCE, damaged(state, damage))
    with pytest.raises(ds.DayshiftError, match="DS523: the saved state belongs to other features"):
        Live(EVERY, state)


# ------------------------------------------------------------------- what is refused


def test_events_that_stand_before_those_taken_are_refused() -> None:
    """The answers would not be those of the log."""
    live = Live(TAPS_ONCE)
    live.take([_tap(0, "a", MIDNIGHT + 5, load=2)])
    with pytest.raises(ds.DayshiftError, match="DS529"):
        live.take([_tap(1, "a", MIDNIGHT + 4, load=2)])
    with pytest.raises(ds.DayshiftError, match="DS529"):
        live.take([_tap(1, "a", MIDNIGHT + 9, load=1)])
    with pytest.raises(ds.DayshiftError, match="DS529: a snapshot after load 1 was asked for"):
        live.session.snapshot(1)


def test_columns_of_another_kind_are_brought_into_theirs_or_refused() -> None:
    """As everywhere: narrow integers are integers, a text is no number."""
    frame = event_frame(asks, [_tap(0, "a", MIDNIGHT)])
    table = Live(TAPS_ONCE).session.take({"asks": frame.with_columns(pl.col("id").cast(pl.Int32))})
    assert table.schema["id"] == pl.Int64
    with pytest.raises(ds.DayshiftError, match="DS521"):
        Live(TAPS_ONCE).session.take({"asks": frame.with_columns(pl.lit("x").alias("id"))})


# ---------------------------------------------------------------------- measured floats


def test_a_float_is_as_fine_as_its_first_load_measures_though_it_comes_late() -> None:
    """The session begins before the source has brought anything; the sums are those of history."""
    meter = ds.Source("meter", time="at", key="id", schema={"id": int, "load": float})
    asked = Pipeline("p", predict=asks, features=[meter.over("1d").sum("load"), asks.by("card").over("1d").count()])
    rows = {"id": [1, 2], "at": [MIDNIGHT + 1, MIDNIGHT + 2], "load": [0.1, 0.7], LOAD: [2, 2]}
    meters = pl.DataFrame({**rows, POSITION: rows["at"]}).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    taps = [_tap(0, "a", MIDNIGHT), _tap(1, "a", MIDNIGHT + 3, load=2)]
    bits = {"meter": {"load": measure_bits(0.7)}}
    log = FrameLog({"asks": event_frame(asks, taps), "meter": meters}, bits)
    seen: list[FrameLog] = [FrameLog({})]
    session = LocalEngine().session(asked, lambda: seen[0], None)
    found = [session.take({"asks": event_frame(asks, taps[:1])})]
    seen[0] = log
    found.append(session.take({"meter": meters, "asks": event_frame(asks, taps[1:])}))
    whole = pl.concat(LocalEngine().features(asked, log))
    assert pl.concat(found).equals(whole)
    assert whole["meter_sum_load_1d"].to_list() == [None, float(np.rint(0.1 * 2**40) + np.rint(0.7 * 2**40)) / 2**40]
