"""The small kit of charts."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from dayshift.exports.charts import (
    Level,
    Line,
    Note,
    Row,
    Whisker,
    Zone,
    gaps_apart,
    intervals,
    plot,
    points_of,
    shape_of,
    wrapped,
)
from dayshift.exports.scales import Axis, Scale, finite, log_ticks, ticks, time_ticks

ROWS = (Row("a", 0.1, 0.2, 0.3, "+0.20", "needed"), Row("b", -0.1, 0.0, 0.1, "0.00", "undecided"))
NUMBERS = st.floats(-1e12, 1e12)


def drawings(text: str) -> list[ET.Element]:
    """The drawings of a chart, parsed."""
    return list(ET.fromstring(f"<all>{text}</all>"))


def test_a_chart_is_drawn_for_a_desk_and_for_a_phone() -> None:
    """Two drawings with a title and a description each, whose ids are their own."""
    wide, narrow = drawings(intervals("x", "Gains", ROWS, "gain", 0.05).text)
    assert (wide.get("class"), narrow.get("class")) == ("chart wide", "chart narrow")
    assert wide.get("viewBox", "").startswith("0 0 800 ")
    assert narrow.get("viewBox", "").startswith("0 0 344 ")
    for drawing in (wide, narrow):
        assert drawing.get("role") == "img"
        assert (drawing[0].tag, drawing[1].tag) == ("title", "desc")
        assert "a: +0.20; b: 0.00; too small to matter: below 0.05" in (drawing[1].text or "")
    assert wide[0].get("id") != narrow[0].get("id")


def test_the_mark_tells_the_verdict() -> None:
    """A disc, a diamond and a ring; colour only repeats it."""
    text = intervals("x", "t", ROWS, "gain").text
    assert "disc needed" in text
    assert "diamond open" in text
    assert shape_of("not needed") == "ring"


def test_what_has_no_number_is_not_drawn() -> None:
    """A row without a mean is left out, and a chart without rows is nothing."""
    assert "none" not in intervals("x", "t", (*ROWS, Row("none", None, math.nan, None)), "gain").text
    assert intervals("x", "t", (Row("none", None, None, None),), "gain").text == ""
    assert points_of([(1, None), (2, math.inf), (3, 4.0)]) == [(3.0, 4.0)]


def test_a_line_never_bridges_what_was_not_measured() -> None:
    """A hole wider than the gap parts it."""
    assert [len(run) for run in gaps_apart([(0.0, 1.0), (1.0, 1.0), (9.0, 1.0)], 2)] == [2, 1]


def test_up_is_better_on_a_turned_axis() -> None:
    """For a loss the smaller value stands above."""
    up = Scale(0, 1, 100, 0, turned=True)
    assert up(0.2) < up(0.8)


def test_layers_are_named_where_they_hide_nothing() -> None:
    """Names of points do not lie over one another."""
    axes = (Axis("x", 0, 10), Axis("y", 0, 1))
    layers = [
        Whisker(5, 0.4, 0.5, 0.6, "first"),
        Whisker(5.1, 0.4, 0.5, 0.6, "second"),
        Level(0.9, "full"),
        Zone(0, 0.1, "small"),
        Note("far"),
        Line([(0, 0), (10, 1)], "main", "law"),
    ]
    wide = drawings(plot("x", "t", "d", axes, layers).text)[0]
    places = {one.text: (float(one.get("x", 0)), float(one.get("y", 0))) for one in wide.iter("text")}
    assert {"first", "second", "full", "small", "far", "law"} <= set(places)
    assert abs(places["first"][1] - places["second"][1]) >= 12 or abs(places["first"][0] - places["second"][0]) > 40


@given(NUMBERS, NUMBERS, st.integers(1, 9))
def test_ticks_are_few_round_and_inside(one: float, other: float, most: int) -> None:
    """Whatever the range: at most one more than asked for, in order, each inside, no two with the same text."""
    axis = Axis("x", min(one, other), max(one, other)).padded()
    made = ticks(axis.low, axis.high, most)
    span = axis.high - axis.low
    assert len(made) <= most + 1
    assert all(axis.low - span * 1e-6 <= value <= axis.high + span * 1e-6 for value, _ in made)
    assert [value for value, _ in made] == sorted(value for value, _ in made)


@given(st.integers(-(10**16), 10**17), st.integers(1, 10**17), st.integers(2, 9))
def test_dates_are_few_and_inside(start: int, length: int, most: int) -> None:
    """From an hour to millennia."""
    made = time_ticks(start, start + length, most)
    assert len(made) <= 4 * most + 2
    assert all(start <= at <= start + length for at, _ in made)


@given(st.floats(1e-6, 1e9), st.floats(1.01, 1e9), st.integers(2, 8))
def test_powers_of_ten_are_inside(low: float, ratio: float, most: int) -> None:
    """Ticks of a logarithmic axis."""
    assert all(low <= value <= low * ratio for value, _ in log_ticks(low, low * ratio, most))


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6), st.one_of(st.none(), NUMBERS))
def test_every_drawing_is_whole(triples: list[tuple[float, float, float]], zone: float | None) -> None:
    """Well-formed, and every place is a finite number within the drawing's width."""
    rows = [Row("r" * (7 * at), low, mean, high, "says") for at, (low, mean, high) in enumerate(triples)]
    text = intervals("x", "t", rows, "gain", abs(zone) if zone is not None else None).text
    for drawing, width in zip(drawings(text), (800, 344), strict=True):
        places = [float(value) for value in re.findall(r' (?:x|x1|x2|cx)="([^"]*)"', ET.tostring(drawing, "unicode"))]
        assert all(-1 <= place <= width + 1 for place in places)


def test_only_numbers_are_numbers() -> None:
    """A flag and a text are none; neither is what is too large to be drawn."""
    assert [finite(value) for value in (True, "1", None, math.nan, 10**400, [1])] == [None] * 6


def test_a_mark_is_never_left_without_its_name() -> None:
    """However crowded it is, each point that has a name shows it."""
    axes = (Axis("x", 0, 10), Axis("y", 0, 1))
    crowd = [Whisker(5 + 0.1 * at, 0.0, 0.5, 1.0, f"number {at}") for at in range(30)]
    for drawing in drawings(plot("x", "t", "d", axes, crowd, 220).text):
        shown = {one.text for one in drawing.iter("text")}
        assert {one.name for one in crowd} <= shown


@given(st.text("abc_ ", min_size=0, max_size=90), st.integers(8, 40))
def test_a_wrapped_name_fits_and_loses_nothing(name: str, most: int) -> None:
    """Every line is short enough and all letters are there in order."""
    lines = wrapped(name, most)
    assert all(len(line) <= most for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")


def test_a_value_is_written_once() -> None:
    """On a phone a text that does not fit beside its name stands below it, and nowhere else."""
    name = "Kolmogorov-Smirnov 5 %, Benjamini-Hochberg"
    rows = (Row(name, 23.7, 26.8, 28.7, "26.8 [23.7, 28.7]"), Row("short", 0.0, 0.1, 0.2, "0.1 [0, 0.2]"))
    for drawing in drawings(intervals("x", "t", rows, "false alarms").text):
        shown = [one.text for one in drawing.iter("text")]
        assert shown.count("26.8 [23.7, 28.7]") == shown.count("0.1 [0, 0.2]") == 1
