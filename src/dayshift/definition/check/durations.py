"""Lengths of time can be read, and windows have one."""

from collections.abc import Iterator
from typing import Any

from dayshift.definition.check.parts import Parts, fault, length, name_of
from dayshift.definition.duration import format_duration
from dayshift.definition.window import Window
from dayshift.diagnostics import Place, Problem


def readable(parts: Parts) -> Iterator[Problem]:
    """Every length of time is a whole number and a unit."""
    for what, text, place in _all(parts):
        if text is not None and length(text) is None:
            yield fault(
                "DS202",
                f"{what} is {_shown(text)}, which is not a length of time",
                place,
                "a length is a whole number and a unit: us, ms, s, m, h, d, w; a day is 24 hours",
                hint='write "30m", "6h", "1d" or "1d12h"',
            )


def _all(parts: Parts) -> Iterator[tuple[str, Any, Place | None]]:
    for source in parts.sources:
        yield f"the delay of source '{source.name}'", source.delay, source.place
    for feature in parts.windows:
        name = name_of(feature)
        called = "a feature" if name == "?" else f"feature '{name}'"
        yield f"the window of {called}", feature.window.width, feature.place
        yield f"the delay of {called}", feature.window.delay, feature.place
        if feature.baseline is not None and feature.baseline.width != feature.window.width:
            yield f"the window that {called} is related to", feature.baseline.width, feature.place
    if parts.label is not None:
        yield "within of the label", parts.label.within, parts.label.place
    if parts.calendar is not None:
        yield "the period of the calendar", parts.calendar.period, parts.calendar.place
        yield "the offset of the calendar", parts.calendar.offset, parts.calendar.place


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"of type {type(value).__name__}"


def empty_windows(parts: Parts) -> Iterator[Problem]:
    """A window of no width sees nothing, ever."""
    for feature in parts.windows:
        for window in (feature.window, feature.baseline):
            if window is not None and window.width is not None and length(window.width) == 0:
                message = f"feature '{name_of(feature)}' looks at a window of no width"
                yield fault("DS213", message, feature.place, hint='.over("1d"), or .over() for the whole past')


def history(parts: Parts) -> Iterator[Problem]:
    """A window that is longer than the data is never full; a label that ripens later than they end never is."""
    for feature in parts.windows:
        span = _span(parts, feature.source.name)
        reach = max((_reach(window) for window in (feature.window, feature.baseline) if window is not None), default=0)
        if span is None or reach <= span:
            continue
        yield fault(
            "DS260",
            f"feature '{name_of(feature)}' looks back {format_duration(reach)}, further than '{feature.source.name}' goes",
            feature.place,
            f"the data of '{feature.source.name}' span {_days(span)}",
            "until they span more, the window holds all there is",
            hint="load older data too (dayshift run), or shorten the window",
            severity="warning",
        )
    yield from _unripe(parts)


def _unripe(parts: Parts) -> Iterator[Problem]:
    label = parts.label
    span = _span(parts, parts.asker.name) if parts.asker else None
    if label is None or span is None:
        return
    within, delay = length(label.within), length(label.source.delay)
    if within is not None and delay is not None and within + delay > span:
        yield fault(
            "DS261",
            f"no label can be ripe: it takes {label.within} and a delay of {label.source.delay}, and the data are shorter",
            label.place,
            f"the questions span {_days(span)}",
            hint="load older data too (dayshift run), or shorten `within`",
            severity="warning",
        )


def _reach(window: Window) -> int:
    """How far back a window goes; 0 for the whole past, which no data are too short for."""
    width, delay = length(window.width), length(window.delay)
    return 0 if width is None or delay is None else width + delay


def _span(parts: Parts, source: str) -> int | None:
    found = (parts.history or {}).get(source)
    return found[1] - found[0] if found else None


def _days(span_us: int) -> str:
    return f"{span_us / 86_400_000_000:.1f} days"
