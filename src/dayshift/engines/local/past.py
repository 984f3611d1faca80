"""What a stretch of the log hands to the next: the events that windows still reach, as the kernel takes them.

They are neither read nor encoded again. Numbers of entities and words keep their meaning; words that nothing uses any more
are forgotten, so that what is held does not grow with the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dayshift.engines.local.encode import Stretch, encode
from dayshift.engines.local.numbering import Numberings
from dayshift.engines.local.task import Task
from dayshift.kernel.arrays import Events, Mask, Questions, Values


class Past:
    """Encodes stretch after stretch of one task's log."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._events: dict[str, Events] = {}
        self._place = 0
        self.numberings = Numberings()

    def encode(self, stretch: Stretch) -> tuple[dict[str, Events], Questions]:
        """The stretch behind what was kept of those before it."""
        if not stretch.follows:
            self._events, self._place, self.numberings = {}, 0, Numberings()
        past, self._events = self._events, {}
        events, questions = encode(self._task, stretch, self.numberings, self._place, past)
        self._place += sum(frame.height for frame in stretch.frames.values()) + stretch.asked.height
        self._events = {name: events[name] for name in stretch.keep}
        return events, questions

    def forget(self, keep: Mapping[str, int]) -> None:
        """Let go what happened before these times, by source, and the words that nothing refers to any more."""
        self._events = {name: _later(self._events.pop(name), time) for name, time in keep.items()}
        for name in list(self.numberings.dictionaries):
            self._compact(name)

    def _compact(self, name: tuple[str, ...]) -> None:
        source, *key = name
        events = self._events.get(source)
        if events is None:
            return
        entity = events.entities.get(tuple(key))
        words = events.columns.get(key[0]) if len(key) == 1 else None
        if len(key) == 1 and self._task.readings[source].source.columns[key[0]].type != "str":
            words = None
        used = [codes for codes in (entity, None if words is None else words.values) if codes is not None]
        found = self.numberings.compact(name, used)
        if words is not None:
            events.columns[key[0]] = Values(found.pop(), words.valid)
        if entity is not None:
            events.entities[tuple(key)] = found.pop()


def _later(events: Events, time: int) -> Events:
    mask = events.time >= time
    if mask.all():
        return events
    return replace(
        events,
        time=events.time[mask],
        position=events.position[mask],
        entities={key: codes[mask] for key, codes in events.entities.items()},
        columns={name: Values(each.values[mask], _some(each.valid, mask)) for name, each in events.columns.items()},
    )


def _some(valid: Mask | None, mask: Mask) -> Mask | None:
    return None if valid is None else np.asarray(valid)[mask]
