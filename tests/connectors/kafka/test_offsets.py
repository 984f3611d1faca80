"""The cursor of topics: what is read next, and what was lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.connectors.kafka.offsets import Held, Progress, Stretch, parse, start_of, stretches, text_of

OFFSETS = st.lists(st.integers(0, 2**62), min_size=1, max_size=4).map(tuple)


@given(st.dictionaries(st.text(min_size=1), st.builds(Progress, st.text(), OFFSETS)))
def test_a_cursor_reads_back_as_it_was(cursor: dict[str, Progress]) -> None:
    """Whatever topics are called; and equal cursors are equal texts."""
    assert parse(text_of(cursor)) == cursor
    assert text_of(dict(reversed(cursor.items()))) == text_of(cursor)


@pytest.mark.parametrize("text", [None, "17", "2024-05-01 10:00:00"])
def test_the_cursor_of_a_table_is_no_progress_in_a_topic(text: str | None) -> None:
    """A source that moves to Kafka begins at the topic's beginning; the door knows its rows by their keys."""
    assert parse(text) == {}


@given(OFFSETS, OFFSETS, OFFSETS)
def test_no_message_is_passed_over_in_silence(
    before: tuple[int, ...], low: tuple[int, ...], more: tuple[int, ...]
) -> None:
    """Each offset from the last reading to the end is read, or is told as lost; or the topic is told as another."""
    count = min(len(low), len(more))
    held = Held("a", low[:count], tuple(a + b for a, b in zip(low, more, strict=False)))
    start = start_of("t", Progress("a", before), held)
    if start.anew:
        assert start.next == held.first
        return
    lost = {loss.partition: loss for loss in start.losses}
    for partition, at in enumerate(start.next):
        wanted = before[partition] if partition < len(before) else 0
        assert held.first[partition] <= at <= held.end[partition]
        assert at - wanted == (lost[partition].count if partition in lost else 0)


def test_a_topic_is_another_when_its_id_is_or_when_it_is_shorter() -> None:
    """Old brokers tell no id: then only a topic that ends before the last reading is known to be another."""
    assert start_of("t", Progress("a", (5,)), Held("b", (0,), (9,))).anew
    assert start_of("t", Progress("", (5,)), Held("", (0,), (4,))).anew
    assert start_of("t", Progress("a", (5, 1)), Held("a", (0,), (9,))).anew
    assert not start_of("t", Progress("", (5,)), Held("b", (0,), (9,))).anew


def test_what_lies_between_two_cursors_is_in_order_of_topic_and_partition() -> None:
    """A partition in which nothing is new is left out."""
    start = {"b": Progress("", (1, 2)), "a": Progress("", (0,))}
    end = {"b": Progress("", (3, 2)), "a": Progress("", (4,))}
    assert list(stretches(start, end)) == [Stretch("a", 0, 0, 4), Stretch("b", 0, 1, 3)]
