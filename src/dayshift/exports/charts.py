"""A small kit of charts: pure functions from numbers to inline SVG text, without a library and without a script.

The idea: a chart is a list of layers on two axes, or a list of rows with intervals. Each is drawn twice, for a wide page and
for a phone, because a drawing that is only shrunk can't be read at 360 px; the style sheet shows one of the two. Colours,
line widths and fonts are classes of `charts.css`, so one drawing serves light, dark and print. Each drawing has a title and
a description that holds its numbers as text. Numbers that are absent or not finite are left out, never drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from textwrap import wrap

from dayshift.exports.page import Html
from dayshift.exports.scales import Axis, Scale, finite

WIDE, NARROW = 800, 344
"""Widths of the two drawings, in the pixels they are meant for."""

Draw = Callable[[int], tuple[float, str]]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Row:
    """One line of an interval chart: its name, its interval, its verdict (gives the mark's shape) and a text beside it."""

    name: str
    low: float | None
    mean: float | None
    high: float | None
    says: str = ""
    verdict: str = ""


@dataclass(frozen=True)
class Line:
    """A line through (x, y), with its name written at its end."""

    points: Sequence[tuple[float, float]]
    style: str = "main"
    name: str = ""


@dataclass(frozen=True)
class Band:
    """An interval along x: (x, low, high)."""

    points: Sequence[tuple[float, float, float]]
    style: str = "main"


@dataclass(frozen=True)
class Stems:
    """A thin line from the x axis up to each (x, y)."""

    points: Sequence[tuple[float, float]]
    style: str = "main"


@dataclass(frozen=True)
class Whisker:
    """A point with its interval, marked by shape and named beside it."""

    x: float
    low: float
    y: float
    high: float
    name: str = ""
    shape: str = "disc"


@dataclass(frozen=True)
class Level:
    """A horizontal line across the plot with its name."""

    y: float
    name: str
    style: str = "level"


@dataclass(frozen=True)
class Zone:
    """A horizontal band across the plot with its name."""

    low: float
    high: float
    name: str


@dataclass(frozen=True)
class Moment:
    """A vertical line with its name above the plot."""

    x: float
    name: str


@dataclass(frozen=True)
class Marks:
    """Single points marked by shape."""

    points: Sequence[tuple[float, float]]
    shape: str = "triangle"


@dataclass(frozen=True)
class Note:
    """Words inside the plot, at its upper left."""

    name: str


Layer = Note | Line | Band | Stems | Whisker | Level | Zone | Moment | Marks


def shape_of(verdict: str) -> str:
    """The mark of a verdict, so that nobody needs colours: a full disc, a ring, a diamond.

    >>> shape_of("needed"), shape_of("not needed"), shape_of("undecided"), shape_of("")
    ('disc', 'ring', 'diamond', 'disc')
    """
    known = {"not needed": "ring", "batch": "ring", "undecided": "diamond"}
    return known.get(verdict, "disc")


def style_of(verdict: str) -> str:
    """The class that colours a verdict."""
    known = {"needed": "needed", "mlops": "needed", "not needed": "spared", "batch": "spared", "undecided": "open"}
    return known.get(verdict, "plain")


def drawing(name: str, title: str, says: str, draw: Draw) -> Html:
    """Both drawings of a chart; `name` makes the ids of the page unique, `draw(width)` gives height and content."""
    made = []
    for kind, width in (("wide", WIDE), ("narrow", NARROW)):
        height, inside = draw(width)
        ids = f"{name}-{kind}"
        made.append(
            f'<svg class="chart {kind}" viewBox="0 0 {width} {height:g}" role="img" '
            f'aria-labelledby="{ids}-t" aria-describedby="{ids}-d"><title id="{ids}-t">{escape(title)}</title>'
            f'<desc id="{ids}-d">{escape(says)}</desc>{inside}</svg>'
        )
    return Html("".join(made))


def intervals(
    name: str, title: str, rows: Sequence[Row], axis: str, zone: float | None = None, *, mark: Level | None = None
) -> Html:
    """Rows of intervals on one axis, zero drawn strong; `zone` shades everything that is too small to matter around zero,
    `mark` draws one further vertical line with its name. Empty if no row has a mean."""
    drawn = [row for row in rows if finite(row.mean) is not None]
    if not drawn:
        return Html("")
    edge = finite(zone)
    says = "; ".join(_said(row) for row in drawn) + (f"; too small to matter: below {edge:.3g}" if edge else "")
    values = [0.0, *(value for row in drawn for value in _span(row)), *((edge, -edge) if edge else ())]
    mark = mark if mark and finite(mark.y) is not None else None
    if mark:
        values.append(mark.y)
        says += f"; {mark.name}: {mark.y:.3g}"
    across = Axis(axis, min(values), max(values)).padded(0.06)
    return drawing(name, title, f"{axis}. {says}.", lambda width: _rows(drawn, across, edge, mark, width))


def _span(row: Row) -> tuple[float, float, float]:
    mean = finite(row.mean) or 0.0
    low, high = finite(row.low), finite(row.high)
    return (min(low, mean) if low is not None else mean), mean, (max(high, mean) if high is not None else mean)


def _said(row: Row) -> str:
    return f"{row.name}: {row.says}" if row.says else f"{row.name}: {finite(row.mean) or 0.0:.3g}"


def _rows(rows: Sequence[Row], axis: Axis, edge: float | None, mark: Level | None, width: int) -> tuple[float, str]:
    """Names and texts beside the intervals on a wide page, above them on a phone."""
    phone = width < WIDE / 2
    lines = [_lines(row, width) for row in rows]
    top = 24.0
    if phone:
        heights = [34.0 + 16 * len(each) for each in lines]
    else:
        heights = [max(34.0, 18 + 16.0 * len(each)) for each in lines]
    names = 4.0 if phone else min(max(text_width(line) for each in lines for line in each) + 20, 270.0)
    texts = 4.0 if phone else min(max(text_width(row.says) for row in rows) + 20, 250.0)
    bottom = top + sum(heights)
    across = Scale(axis.low, axis.high, names + 8, width - texts - 8)
    feet = [top + sum(heights[: at + 1]) for at in range(len(rows))]
    strips = [(foot - 24, foot - 2) for foot in feet] if phone else [(top, bottom)]
    made = [_behind(across, edge, mark, strips, width)]
    made.append(_x_axis(axis, across, strips, phone=phone, width=width))
    made += [
        f'<line class="zero" x1="{across(0):.1f}" x2="{across(0):.1f}" y1="{start:g}" y2="{end:g}"/>'
        for start, end in strips
    ]
    for row, each, foot, height in zip(rows, lines, feet, heights, strict=True):
        y = foot - 13 if phone else foot - height / 2
        made.append(_row(row, across, y))
        first = foot - height + 17 if phone else y + 4.5 - 8 * (len(each) - 1)
        words = [_text(4, first + 16 * at, line, "name") for at, line in enumerate(each)]
        if phone and len(each) > 1 and each[-1] == row.says:
            words[-1] = _text(4, first + 16 * (len(each) - 1), row.says, "value")
        elif row.says:
            words.append(_text(width - 4, first + 16 * (len(each) - 1) if phone else y + 4.5, row.says, "value", "end"))
        made.append("".join(words))
    return bottom + 31 + 15 * len(_title(axis, width)), "".join(made)


def _lines(row: Row, width: int) -> list[str]:
    """A row's name, in lines that fit; on a phone its text is a further line where it does not fit beside the name."""
    phone = width < WIDE / 2
    most = int((width - 12 if phone else 250) / text_width("x"))
    lines = wrapped(row.name, most)
    if phone and text_width(lines[-1]) + text_width(row.says) + 20 > width:
        lines.append(row.says)
    return lines


def wrapped(name: str, most: int) -> list[str]:
    """A name in lines of at most so many letters; an identifier that is longer breaks after an underscore.

    >>> wrapped("mean_delay_by_carrier_7d is null", 20)
    ['mean_delay_by_', 'carrier_7d is null']
    """
    words = [word.replace("_", "_ ") if len(word) > most else word for word in name.split()]
    joined = [line.replace("_ ", "_") for line in wrap(" ".join(words), most)]
    return joined or [""]


def _behind(
    across: Scale, edge: float | None, mark: Level | None, strips: Sequence[tuple[float, float]], width: int
) -> str:
    """What stands behind the intervals: the band of what is too small to matter, and the marked value."""
    made = []
    if edge:
        left, right = across(-edge), across(edge)
        for start, end in strips:
            box = f'x="{left:.1f}" y="{start:g}" width="{right - left:.1f}" height="{end - start:g}"'
            made.append(f'<rect class="zone" {box}/>')
        made.append(_text(_inside((left + right) / 2, 150, width), 14, "too small to matter", "note", "middle"))
    if mark:
        x = across(mark.y)
        made += [
            f'<line class="level" x1="{x:.1f}" x2="{x:.1f}" y1="{start:g}" y2="{end:g}"/>' for start, end in strips
        ]
        made.append(_text(_inside(x, text_width(mark.name), width), 14, mark.name, "note", "middle"))
    return "".join(made)


def _row(row: Row, across: Scale, y: float) -> str:
    low, mean, high = (across(value) for value in _span(row))
    style = style_of(row.verdict)
    bar = f"M{low:.1f},{y:.1f}H{high:.1f}M{low:.1f},{y - 4:.1f}v8M{high:.1f},{y - 4:.1f}v8" if high > low else ""
    path = f'<path class="bar {style}" d="{bar}"/>' if bar else ""
    return path + symbol(shape_of(row.verdict), mean, y, style)


def _inside(x: float, wide: float, width: int) -> float:
    """Where to centre a text of that width so that it stays in the drawing."""
    return min(max(x, wide / 2 + 2), width - wide / 2 - 2)


def symbol(shape: str, x: float, y: float, style: str = "plain", size: float = 5.5) -> str:
    """A mark at a place: disc, ring, diamond, square or triangle."""
    if shape in ("disc", "ring"):
        return f'<circle class="{shape} {style}" cx="{x:.1f}" cy="{y:.1f}" r="{size:g}"/>'
    corners = {
        "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        "triangle": ((-1, -1.1), (1, -1.1), (0, 0.8)),
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    }[shape]
    points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
    return f'<polygon class="{shape} {style}" points="{points}"/>'


def text_width(text: str, size: float = 13) -> float:
    """About how wide a text will be, in pixels; fonts differ, so this is on the wide side."""
    return 0.58 * size * len(text)


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}"{place}>{escape(text)}</text>'


def _x_axis(axis: Axis, across: Scale, strips: Sequence[tuple[float, float]], *, phone: bool, width: int) -> str:
    """Grid lines within the strips, and below the last one ticks that never touch and the title."""
    bottom = strips[-1][1]
    made = []
    free = -math.inf
    for value, label in axis.ticks(max(2, int(abs(across.end - across.start) / (58 if phone else 68)))):
        x = across(value)
        made += [f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{start:g}" y2="{end:g}"/>' for start, end in strips]
        lines = label.split("\n")
        wide = max(text_width(one, 12) for one in lines)
        middle = _inside(x, wide, width)
        if middle - wide / 2 < free:
            continue
        free = middle + wide / 2 + 3
        made.extend(_text(middle, bottom + 17 + 15 * at, one, "tick", "middle") for at, one in enumerate(lines))
    for at, line in enumerate(_title(axis, width)):
        middle = _inside((across.start + across.end) / 2, text_width(line, 12), width)
        made.append(_text(middle, bottom + 22 + 15 * (_tick_rows(axis) + at), line, "title", "middle"))
    return "".join(made)


def _title(axis: Axis, width: int) -> list[str]:
    return wrap(axis.title, int((width - 8) / text_width("x", 12)))


def _tick_rows(axis: Axis) -> int:
    return 1 + max((label.count("\n") for _, label in axis.names), default=0)


def plot(
    name: str, title: str, says: str, axes: tuple[Axis, Axis], layers: Sequence[Layer], height: float = 300
) -> Html:
    """Layers on two axes. `says` describes them with their numbers; the axes say their titles and ranges."""
    return drawing(name, title, says, lambda width: _plotted(axes, layers, width, height))


def _plotted(axes: tuple[Axis, Axis], layers: Sequence[Layer], width: int, height: float) -> tuple[float, str]:
    phone = width < WIDE / 2
    along, up = axes
    tall = height * 0.86 if phone else height
    labels = up.ticks(5)
    left = 8 + max((text_width(label, 12) for _, label in labels), default=20)
    ends = [text_width(layer.name, 12) for layer in layers if isinstance(layer, Line) and layer.name and not phone]
    right = max([14.0, *(end + 10 for end in ends)])
    top, bottom = 48.0 if any(isinstance(layer, Moment) for layer in layers) else 32.0, tall - 12
    across = Scale(along.low, along.high, left + 6, width - right)
    upward = Scale(up.low, up.high, bottom, top, log=up.log, turned=up.turned)
    inside = [_text(4, 14, up.title, "title"), _y_axis(labels, upward, (left, width - right))]
    inside.append(_x_axis(along, across, [(top, bottom)], phone=phone, width=width))
    order = sorted(layers, key=lambda layer: _DEPTH.index(type(layer)))
    inside.extend(_layer(layer, across, upward) for layer in order)
    lines = [layer for layer in layers if isinstance(layer, Line) and layer.name and layer.points]
    inside.append(_ends(lines, across, upward, phone=phone))
    inside.append(_names(layers, across, upward))
    return bottom + 11 + 15 * (_tick_rows(along) + len(_title(along, width))), "".join(inside)


def _y_axis(labels: Iterable[tuple[float, str]], upward: Scale, sides: tuple[float, float]) -> str:
    left, right = sides
    made = []
    for value, label in labels:
        y = upward(value)
        made.append(f'<line class="grid" x1="{left + 2:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        made.append(_text(left - 3, y + 4, label, "tick", "end"))
    return "".join(made)


_DEPTH: list[type] = [Note, Zone, Band, Level, Moment, Stems, Line, Whisker, Marks]


def _layer(layer: Layer, across: Scale, upward: Scale) -> str:
    match layer:
        case Zone(low, high):
            top, bottom = sorted((upward(low), upward(high)))
            box = f'x="{across.start:.1f}" y="{top:.1f}" width="{across.end - across.start:.1f}" height="{bottom - top:.1f}"'
            return f'<rect class="zone" {box}/>'
        case Band(points, style):
            there = [f"{across(x):.1f},{upward(high):.1f}" for x, _, high in points]
            back = [f"{across(x):.1f},{upward(low):.1f}" for x, low, _ in reversed(points)]
            return f'<polygon class="band {style}" points="{" ".join(there + back)}"/>'
        case Line(points, style):
            path = " ".join(f"{across(x):.1f},{upward(y):.1f}" for x, y in points)
            return f'<polyline class="line {style}" points="{path}"/>'
        case Stems(points, style):
            foot = max(upward.start, upward.end)
            path = "".join(f"M{across(x):.1f},{foot:.1f}V{upward(y):.1f}" for x, y in points)
            return f'<path class="stems {style}" d="{path}"/>'
        case Marks(points, shape):
            return "".join(symbol(shape, across(x), upward(y) - 6, "alarm", 4) for x, y in points)
        case Whisker(x, low, y, high, _, shape):
            low_y, high_y, here = upward(low), upward(high), across(x)
            bar = f"M{here:.1f},{low_y:.1f}V{high_y:.1f}M{here - 4:.1f},{low_y:.1f}h8M{here - 4:.1f},{high_y:.1f}h8"
            return f'<path class="bar plain" d="{bar}"/>' + symbol(shape, here, upward(y))
        case Level(y, _, style):
            return f'<line class="{style}" x1="{across.start:.1f}" x2="{across.end:.1f}" y1="{upward(y):.1f}" y2="{upward(y):.1f}"/>'
        case Moment(x, _):
            top, bottom = sorted((upward.start, upward.end))
            return (
                f'<line class="moment" x1="{across(x):.1f}" x2="{across(x):.1f}" y1="{top - 6:.1f}" y2="{bottom:.1f}"/>'
            )
    return ""


def _ends(lines: Sequence[Line], across: Scale, upward: Scale, *, phone: bool) -> str:
    """Names at the ends of lines, pushed apart where they would touch; on a phone above and below the lines' ends."""
    named = sorted(((upward(line.points[-1][1]), at) for at, line in enumerate(lines)))
    made, free = [], -math.inf
    for place, (y, at) in enumerate(named):
        line = lines[at]
        x = across(line.points[-1][0])
        if phone:
            made.append(_text(x - 2, y - 9 if place == 0 else y + 15, line.name, f"tick halo {line.style}", "end"))
            continue
        y = max(y, free)
        free = y + 15
        made.append(_text(x + 5, y + 4, line.name, f"tick {line.style}"))
    return "".join(made)


def _names(layers: Sequence[Layer], across: Scale, upward: Scale) -> str:
    """Names of levels, zones, moments and whiskers, each at the first place where it hides nothing already written."""
    taken: list[Box] = [_box_of(layer, across, upward) for layer in layers if isinstance(layer, Whisker)]
    made = []
    for layer in layers:
        name = getattr(layer, "name", "")
        if not name or isinstance(layer, Line):
            continue
        wide = text_width(name, 12)
        style = "name" if isinstance(layer, Whisker) else "note"
        boxes = [(x, y - 11, x + wide, y + 3) for x, y in _places(layer, wide, across, upward)]
        free = next((box for box in boxes if not any(_touch(box, other) for other in taken)), None)
        if free is None and isinstance(layer, Whisker) and boxes:
            free = boxes[0]  # a mark without its name tells nothing
        if free is not None:
            taken.append(free)
            made.append(_text(free[0], free[1] + 11, name, f"{style} halo"))
    return "".join(made)


def _places(layer: Layer, wide: float, across: Scale, upward: Scale) -> list[tuple[float, float]]:
    """Where a name may stand, best first."""
    left, right = across.start + 3, across.end - wide - 3
    match layer:
        case Level(y):
            return [(x, upward(y) + by) for by in (-5, 14, -20) for x in (left, right, (left + right) / 2)]
        case Zone(low, high):
            middle = (upward(low) + upward(high)) / 2 + 4
            lower = max(upward(low), upward(high)) + 14
            return [(x, y) for y in (middle, lower, lower + 14) for x in (right, left, (left + right) / 2)]
        case Moment(x):
            return [(min(max(across(x) - wide / 2, left), right), min(upward.start, upward.end) - 9)]
        case Whisker(x, low, y, high):
            ys = (upward(low), upward(y), upward(high))
            columns = [min(max(across(x) - share * wide, left), right) for share in (0.5, 0.05, 0.95)]
            sides = [(across(x) + 12, ys[1] + 4), (across(x) - wide - 12, ys[1] + 4)]
            top, bottom = sorted((upward.start, upward.end))
            rows = (min(ys) - 6, max(ys) + 15, min(ys) - 21, min(ys) - 36, max(ys) + 30, max(ys) + 45)
            near = [(column, y) for y in rows if top - 4 <= y <= bottom - 3 for column in columns]
            return [*near[:4], *(side for side in sides if left <= side[0] <= right), *near[4:]]
        case Note(_):
            return [(left, min(upward.start, upward.end) + 14 + 16 * row) for row in range(6)]
        case _:
            return []


def _box_of(whisker: Whisker, across: Scale, upward: Scale) -> Box:
    x = across(whisker.x)
    ys = sorted((upward(whisker.low), upward(whisker.y), upward(whisker.high)))
    return x - 10, ys[0] - 3, x + 10, ys[-1] + 3


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def points_of(pairs: Iterable[tuple[object, ...]]) -> list[tuple[float, ...]]:
    """Those of the tuples whose numbers are all there and finite, in order of the first.

    >>> points_of([(2, 1.0), (1, None), (0, float("nan")), (1, 3)])
    [(1.0, 3.0), (2.0, 1.0)]
    """
    made = [tuple(finite(value) for value in pair) for pair in pairs]
    return sorted(tuple(value for value in pair if value is not None) for pair in made if None not in pair)


def gaps_apart(points: Sequence[tuple[float, ...]], gap: float) -> list[list[tuple[float, ...]]]:
    """Runs of points without a hole wider than `gap`, so that a line never bridges what was not measured.

    >>> gaps_apart([(0.0, 1.0), (1.0, 1.0), (5.0, 2.0)], 2)
    [[(0.0, 1.0), (1.0, 1.0)], [(5.0, 2.0)]]
    """
    runs: list[list[tuple[float, ...]]] = [[point] for point in points[:1]]
    for before, after in pairwise(points):
        if after[0] - before[0] > gap:
            runs.append([])
        runs[-1].append(after)
    return runs
