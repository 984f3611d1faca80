"""The two ends of every window: where in the sorted events it starts and stops, for each question of a chunk.

A question's window is the stretch `[lo, hi)` of its entity's events in order of time, minus the place `skip` (-1: none),
plus the event in row `extra` (-1: none). `skip` and `extra` exist for the asking event: as known, it is not yet among
the events, and `including_self` adds it as the last; in hindsight it is among them, and is left out unless asked for.
Ends move forward with the questions' times, so a step costs little; a question that goes back starts by bisection.
"""

from typing import Any

from numba import njit


@njit(cache=True, nogil=True)
def seek(time: Any, begin: Any, end: Any, bound: Any, guess: Any, above: Any) -> Any:
    """The first place in [begin, end) whose time is >= bound (> bound if `above`), or end. `guess` is where to begin."""
    limit = bound + 1 if above else bound
    at = min(max(guess, begin), end)
    if at > begin and time[at - 1] >= limit:
        end, at = at - 1, begin
        while at < end:
            middle = (at + end) >> 1
            if time[middle] < limit:
                at = middle + 1
            else:
                end = middle
        return at
    step = 1
    while at < end and time[at] < limit:
        if step < 16:
            at += 1
            step += 1
            continue
        stop = min(at + step, end)
        if stop < end and time[stop] < limit:
            at = stop
            step *= 2
            continue
        end = stop
        while at < end:
            middle = (at + end) >> 1
            if time[middle] < limit:
                at = middle + 1
            else:
                end = middle
        return at
    return at


@njit(cache=True, nogil=True)
def find_bounds(rows: Any, questions: Any, lane: Any, own: Any, span: Any, out: Any) -> None:
    """Fill `lo, hi, skip, extra` (each one entry a row of `rows`) for one span.

    Args:
        rows: question numbers, those of an entity together.
        questions: (time, entity, seen) of all questions.
        lane: (start, late, time): where entities start, which came late, the sorted event times.
        own: (row, same): the asking event's row among the lane's events or -1, and its place in hindsight or -1;
            either may be empty.
        span: (width, delay, right, with_self).
    """
    asked_time, asked_entity, seen = questions
    start, late, time = lane
    row, same = own
    width, delay, right, with_self = span
    lo, hi, skip, extra = out
    entity = -1
    low = high = 0
    for j in range(rows.size):
        q = rows[j]
        begin = start[asked_entity[q]]
        if asked_entity[q] != entity:
            entity = asked_entity[q]
            low = high = begin
        limit = start[entity + 1] if late[entity] else seen[q]
        upper = asked_time[q] - delay
        high = seek(time, begin, limit, upper, high, right)
        low = seek(time, begin, high, upper - width, low, right) if width >= 0 else begin
        lo[j], hi[j], skip[j], extra[j] = low, high, -1, -1
        inside = same.size > 0 and low <= same[q] < high
        if inside and not with_self:
            skip[j] = same[q]
        if with_self and row.size and not inside:
            extra[j] = row[q]
