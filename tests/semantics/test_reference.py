"""The reference interpreter; its numbers are specified by the scenarios, here stand its seams."""

import pytest

from dayshift.definition import Source
from dayshift.semantics.reference import Event, Question, answer, entity, relate

TAPS = Source("taps", time="at", key="id", schema={"id": str, "card": str, "x": float}, place=None)
SCALES = {("taps", "x"): 4}


def _log(*rows: tuple[int, str | None, float | None]) -> list[Event]:
    return [Event("taps", time, place, {"card": card, "x": x}) for place, (time, card, x) in enumerate(rows)]


def test_another_source_is_never_seen() -> None:
    """Even when its columns and keys are the same."""
    (feature,) = TAPS.by("card").over("1s").count()
    other = Event("doors", 5, 0, {"card": "a", "x": 1.0})
    assert answer(feature, Question(10, 9, {"card": "a"}), [other], SCALES) == 0


def test_a_float_without_a_scale_is_an_error_and_not_a_guess() -> None:
    """Whoever forgets the scale is told."""
    (feature,) = TAPS.by("card").over("1s").sum("x")
    with pytest.raises(KeyError):
        answer(feature, Question(10, 9, {"card": "a"}), _log((5, "a", 0.25)), {})


def test_the_own_event_is_known_by_its_place() -> None:
    """Another event of the same time and values is not the one that asks."""
    log = _log((10, "a", 0.25), (10, "a", 0.25))
    (feature,) = TAPS.by("card").over("1s", including_self=True).count()
    assert answer(feature, Question(10, 1, log[1].values, log[1]), log, SCALES) == 1
    (right,) = TAPS.by("card").over("1s", closed="right", including_self=True).count()
    assert answer(right, Question(10, 1, log[1].values, log[1]), log, SCALES) == 2


def test_a_fill_has_the_type_of_its_feature() -> None:
    """0 becomes 0.0 in a column of floats."""
    (filled,) = TAPS.by("card").over("1s").mean("x").fill(0)
    value = answer(filled, Question(10, 9, {"card": "a"}), [], SCALES)
    assert isinstance(value, float)


def test_a_null_is_related_to_nothing() -> None:
    """Neither side may be null; a ratio's base may not be zero either."""
    assert [relate("ratio", *pair) for pair in ((None, 1), (1, None), (1, 0), (0, 1))] == [None, None, None, 0.0]
    assert [relate("difference", *pair) for pair in ((None, 1), (1, None), (1, 0))] == [None, None, 1.0]


def test_a_missing_key_column_is_nobody() -> None:
    """As if it were null."""
    assert entity({"a": 1}, ["a", "b"]) is None
