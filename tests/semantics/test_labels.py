"""When an answer is known."""

from hypothesis import given
from hypothesis import strategies as st

from dayshift.definition import Label, Source
from dayshift.semantics.labels import answered, answering, ripe_at
from dayshift.semantics.reference import Event, Question

ENDS = Source("ends", time="at", key="id", delay="3us", schema={"id": str}, place=None)


def _label(pick: str = "first") -> Label:
    return Label(ENDS, None, within="10us", pick=pick, missing="silence", place=None)


@given(as_of=st.integers(-100, 100), now=st.integers(-100, 200))
def test_a_label_exists_from_the_microsecond_it_is_ripe(as_of: int, now: int) -> None:
    """`as_of + within + delay`, that time included."""
    found = answered(_label(), Question(as_of, 0, {"id": "a"}), [], now, lambda rows: "answer")
    assert found.ripe == (now >= as_of + 13)
    assert found.ripe_at == as_of + 13 == ripe_at(_label(), as_of)
    assert found.value == ("silence" if found.ripe else None)


def test_both_ends_of_the_interval_answer() -> None:
    """An answer at the very time of the question counts, and one at the last microsecond."""
    log = [Event("ends", at, place, {"id": "a"}) for place, at in enumerate((99, 100, 105, 110, 111))]
    found = answering(_label("all"), Question(100, 9, {"id": "a"}), log)
    assert [event.event_time for event in found] == [100, 105, 110]
    assert [
        answering(_label(pick), Question(100, 9, {"id": "a"}), log)[0].event_time for pick in ("first", "last")
    ] == [100, 110]


def test_a_null_key_is_answered_by_nobody() -> None:
    """Not even by an event whose key is null too."""
    log = [Event("ends", 100, 0, {"id": None})]
    assert answering(_label(), Question(100, 9, {"id": None}), log) == []
