"""The two ends of every window: where in the sorted events it starts and stops, for each question of a chunk.

A question's window is the stretch `[lo, hi)` of its entity's events in order of time, minus the place `skip` (-1: none),
plus the event at place `extra` (-1: none). `skip` and `extra` exist for the asking event: as known, it is not yet among
the events, and `including_self` adds it as the last; in hindsight it is among them, and is left out unless asked for.
Ends move forward with the questions' times, so a step costs little; a question that goes back or far is bisected.
"""

from typing import Any

from dayshift.kernel.jit import kernel

STEPS = 24
"""So many places an end moves one by one, before it is bisected."""


@kernel
def bisect(time: Any, begin: Any, end: Any, bound: Any) -> Any:
    """The first place in [begin, end) whose time is >= bound, or end."""
    while begin < end:
        middle = (begin + end) >> 1
        if time[middle] < bound:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def find_bounds(asked: Any, lane: Any, span: Any, out: Any) -> None:
    """Fill `lo, hi, skip, extra` for one span.

    Args:
        asked: (entity, time, seen, same) of the questions, those of an entity together.
        lane: (start, late, time): where entities start, which came late, the sorted event times.
        span: (width, delay, right, with_self, hindsight).
        out: the four arrays, one entry a question.
    """
    asked_entity, asked_time, seen, same = asked
    start, late, time = lane
    width, delay, right, with_self, hindsight = span
    lo, hi, skip, extra = out
    entity = -1
    low = high = begin = steps = 0
    for j in range(asked_time.size):
        if asked_entity[j] != entity:
            entity = asked_entity[j]
            low = high = begin = start[entity]
            steps = 0
        limit = start[entity + 1] if late[entity] else seen[j]
        upper = asked_time[j] - delay + right
        stop = min(limit, high + steps)
        while high < stop and time[high] < upper:
            high += 1
        if (high >= stop and high != limit) or (high > begin and time[high - 1] >= upper):
            high = bisect(time, begin, limit, upper)
        if width >= 0:
            lower = upper - width
            stop = min(high, low + steps)
            while low < stop and time[low] < lower:
                low += 1
            if (low >= stop and low != high) or (low > begin and time[low - 1] >= lower):
                low = bisect(time, begin, high, lower)
        steps = STEPS
        lo[j], hi[j], skip[j], extra[j] = low, high, -1, -1
        inside = hindsight and low <= same[j] < high
        if inside and not with_self:
            skip[j] = same[j]
        if with_self and not inside:
            extra[j] = same[j]
