"""When a calendar asks."""

from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Source
from dayshift.semantics.calendar import asked, ticks
from dayshift.semantics.reference import Event

TAPS = Source("taps", time="at", key="id", schema={"id": str, "card": str}, place=None)


@given(period=st.integers(1, 50), offset=st.integers(0, 100), after=st.integers(-200, 200), length=st.integers(0, 200))
def test_ticks_are_the_multiples_plus_the_offset(period: int, offset: int, after: int, length: int) -> None:
    """All of them, half-open on the left, also before 1970."""
    expected = [t for t in range(after + 1, after + length + 1) if (t - offset) % period == 0]
    assert list(ticks(period, offset, after, after + length)) == expected


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60), st.sampled_from("abc")), min_size=1, max_size=15))
def test_loading_more_never_asks_again_and_never_asks_differently(rows: list[tuple[int, int, str]]) -> None:
    """The questions after some loads are a beginning of the questions after all of them."""
    events = [Event("taps", at, at, {"card": card}, load, at) for load, at, card in rows]
    calendar = TAPS.every("10us", by="card")
    whole = asked(calendar, events)
    for last in (1, 2, 3):
        part = asked(calendar, [event for event in events if event.load <= last])
        assert whole[: len(part)] == part


def test_a_source_that_does_not_ask_moves_the_clock() -> None:
    """The clock is the log's, the entities are the asking source's."""
    events = [Event("taps", 1, 0, {"card": "a"}, 1, 1), Event("doors", 30, 1, {"card": "z"}, 1, 30)]
    assert asked(TAPS.every("10us", by="card"), events) == [(1, 10, ("a",)), (1, 20, ("a",)), (1, 30, ("a",))]


def test_events_of_a_later_time_do_not_move_the_clock() -> None:
    """A load asks nothing about the time after it was made; the next load does, when its events reach it."""
    events = [Event("taps", at, at, {"card": "a"}, load, at) for load, at in ((1, 5), (1, 38), (2, 24), (3, 40))]
    found = asked(TAPS.every("10us", by="card"), events, {1: 12, 2: 25, 3: 41})
    assert [(load, tick) for load, tick, _ in found] == [(1, 10), (2, 20), (3, 30), (3, 40)]
