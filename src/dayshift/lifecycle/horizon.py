"""How far back questions can be answered, once old events have been deleted.

A window that reaches below the deleted events would count fewer of them without anybody noticing. So a question is
answered from the log only if all its windows lie above; and events are only deleted when no later question needs them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dayshift.definition import Pipeline, Window, WindowFeature, format_duration
from dayshift.diagnostics import Refused
from dayshift.semantics.instants import EPOCH

if TYPE_CHECKING:
    from dayshift.lifecycle.project import Project


def reach_us(window: Window) -> int | None:
    """How far before its question a window begins, in microseconds; None: at the beginning of all history.

    >>> reach_us(Window("1h", delay="1h"))
    7200000000
    """
    return None if window.width_us is None else window.width_us + window.delay_us


def _windows(feature: WindowFeature) -> Iterator[Window]:
    yield feature.window
    if feature.baseline is not None:
        yield feature.baseline


def longest_us(pipeline: Pipeline) -> tuple[int, str]:
    """The reach of the widest bounded window, and the name of its feature; (0, "") when there is none."""
    found = [
        (reach, feature.name)
        for feature in pipeline.window_features
        for window in _windows(feature)
        if (reach := reach_us(window)) is not None
    ]
    return max(found, default=(0, ""))


def answerable_from(project: Project, *, remembered: bool = False) -> dt.datetime | None:
    """From which `as_of` on the log holds all that any window needs; None when nothing was ever deleted.

    With `remembered`, a saved state knows of the deleted events what windows over the whole past need of them.

    Raises:
        Refused: DS591, a feature looks at the whole past, and a part of it is gone.
    """
    earliest: list[int] = []
    known = {feature.source.name for feature in project.pipeline.window_features} & set(project.lake.sources)
    whole_from = {name: project.lake.complete_from_us(name) for name in known}
    for feature in project.pipeline.window_features:
        source = feature.source.name
        complete = whole_from.get(source)
        if complete is None:
            continue
        for window in _windows(feature):
            reach = reach_us(window)
            if reach is None and remembered:
                continue
            if reach is None:
                raise Refused(
                    "DS591",
                    f"feature '{feature.name}' looks at the whole past, and events of '{source}' were deleted",
                    place=feature.place,
                    facts=(f"its events are complete from {_time(complete):%Y-%m-%d %H:%M} UTC on",),
                    hint=f'give it a window: .over("{format_duration(longest_us(project.pipeline)[0] or 86_400_000_000)}")',
                )
            earliest.append(complete + reach)
    return _time(max(earliest)) if earliest else None


def _time(micros: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=micros)
