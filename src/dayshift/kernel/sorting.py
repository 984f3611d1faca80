"""From the log's order to each entity's order, by counting: linear, stable, no comparison.

Entities are dense numbers, so events find their place by counting how many each entity has. Then a walk merges events and
questions by position, some questions at a time, and so knows for each how many events of its entity stood before it in the
log: `seen`, an end in the sorted order. Where an entity's events came in order of time, what a question may see is therefore
a prefix, and every window a stretch of it. Entities with late events are found afterwards and sorted by (time, arrival);
their `arrival` numbers say which of the stretch had arrived.
"""

from typing import Any

import numpy as np

from dayshift.kernel.jit import kernel


@kernel
def count_entities(entity: Any, keep: Any, start: Any) -> None:
    """`start[e]`..`start[e + 1]` is where the rows of entity e stand when sorted; `keep` is empty or says which rows."""
    all_kept = keep.size == 0
    for i in range(entity.size):
        if entity[i] >= 0 and (all_kept or keep[i]):
            start[entity[i] + 1] += 1
    for e in range(1, start.size):
        start[e] += start[e - 1]


@kernel
def place_events(entity: Any, keep: Any, start: Any, place: Any) -> None:
    """Each event's place when sorted by entity, or -1; `start` from `count_entities`."""
    cursor = start.copy()
    all_kept = keep.size == 0
    for i in range(entity.size):
        e = entity[i]
        if e >= 0 and (all_kept or keep[i]):
            place[i] = cursor[e]
            cursor[e] += 1
        else:
            place[i] = -1


@kernel
def walk(events: Any, questions: Any, lane: Any, cursors: Any, begin: Any, rows: Any, out: Any) -> Any:
    """Walk some questions and the events before them in order of position, and sort the questions by entity.

    Args:
        events: (entity, position, keep) of all events.
        questions: (entity, position, time, own) of all questions; `own` may be empty.
        lane: (start, late, moved, theirs, hindsight): from `count_entities`, `find_late`, `sort_late` (or empty); which
            questions to take, those of late entities or of the others; whether questions see all events of their entity.
        cursors: the place of each entity's next event; room for as many numbers and one more.
        begin: the first event that has not been walked.
        rows: the first question, and where to stop.
        out: of the questions taken, sorted by entity: (row, entity, time, seen, same). `seen` is the end of the
            places that it may see, `same` the place of the event at its own position, or -1.

    Returns:
        How many questions were taken, and the `begin` of the next rows.
    """
    entity, position, keep = events
    asked, asked_position, time, own = questions
    start, late, moved, theirs, hindsight = lane
    cursor, target = cursors
    row, asked_entity, asked_time, seen, same = out
    all_kept = keep.size == 0
    target[:] = 0
    for q in range(rows[0], rows[1]):
        if asked[q] >= 0 and late[asked[q]] == theirs:
            target[asked[q] + 1] += 1
    for e in range(1, target.size):
        target[e] += target[e - 1]
    taken = target[target.size - 1]
    i = begin
    for q in range(rows[0], rows[1]):
        while i < entity.size and position[i] < asked_position[q]:
            if entity[i] >= 0 and (all_kept or keep[i]):
                cursor[entity[i]] += 1
            i += 1
        e = asked[q]
        if e < 0 or late[e] != theirs:
            continue
        k = target[e]
        target[e] = k + 1
        row[k], asked_entity[k], asked_time[k] = q, e, time[q]
        seen[k] = start[e + 1] if hindsight else cursor[e]
        same[k] = -1
        asking = own.size > 0 and own[q] >= 0 and i < entity.size and position[i] == asked_position[q]
        if asking and entity[i] == e and (all_kept or keep[i]):
            same[k] = moved[cursor[e]] if moved.size > 0 else cursor[e]
    return taken, i


@kernel
def accumulate(values: Any) -> None:
    """Turn values into their sums so far, modulo 2**64."""
    total = np.int64(0)
    for i in range(values.size):
        total += values[i]
        values[i] = total


@kernel
def scatter(values: Any, place: Any, out: Any) -> None:
    """`out[place[i]] = values[i]` where the place is not negative."""
    for i in range(values.size):
        if place[i] >= 0:
            out[place[i]] = values[i]


@kernel
def find_late(time: Any, start: Any, late: Any) -> Any:
    """Mark the entities whose events did not come in order of time; returns how many there are."""
    found = 0
    for e in range(start.size - 1):
        for i in range(start[e] + 1, start[e + 1]):
            if time[i] < time[i - 1]:
                late[e] = True
                found += 1
                break
    return found


@kernel
def sort_late(time: Any, start: Any, late: Any, moved: Any) -> None:
    """Sort the times of late entities in place by (time, arrival); `moved[p]` is where the event at place p went."""
    for p in range(moved.size):
        moved[p] = p
    for e in range(late.size):
        if late[e]:
            a, b = start[e], start[e + 1]
            order = np.argsort(time[a:b], kind="mergesort")
            times = time[a:b].copy()
            for k in range(b - a):
                time[a + k] = times[order[k]]
                moved[a + order[k]] = a + k


@kernel
def follow(place: Any, moved: Any) -> None:
    """Let places follow a move of what stands there."""
    for i in range(place.size):
        if place[i] >= 0:
            place[i] = moved[place[i]]


@kernel
def invert(moved: Any, arrival: Any) -> None:
    """`arrival[p]`: the place by arrival of the event that now stands at p."""
    for p in range(moved.size):
        arrival[moved[p]] = p
