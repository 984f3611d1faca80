"""From the log's order to each entity's order, by counting: linear, stable, no comparison.

Entities are dense numbers, so events find their place by counting how many each entity has. The same walk merges events
and questions by position, and so knows for each question how many events of its entity stood before it in the log:
`seen`, an end in the sorted order. Where an entity's events came in order of time, what a question may see is therefore
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
def count_questions(entity: Any, entities: Any, block: Any, start: Any) -> None:
    """`start[b * entities + e]` is where the questions about entity e stand that are among the b-th `block` rows."""
    for i in range(entity.size):
        if entity[i] >= 0:
            start[(i // block) * entities + entity[i] + 1] += 1
    for k in range(1, start.size):
        start[k] += start[k - 1]


@kernel
def place_events(events: Any, questions: Any, starts: Any, place: Any, out: Any, hindsight: Any) -> None:
    """Walk events and questions together, in order of position, and sort both by entity.

    Args:
        events: (entity, position, keep) of the events.
        questions: (entity, position, time, own) of the questions; `own` may be empty.
        starts: from `count_entities`, from `count_questions`, and its `block`.
        place: to be filled with each event's place when sorted, or -1.
        out: of the questions that have an entity, sorted by (block, entity): (row, entity, time, seen, same). `seen` is the end of the
            places that it may see, `same` the place of the event at its own position, or -1.
        hindsight: whether questions see all events of their entity.
    """
    entity, position, keep = events
    asked, asked_position, time, own = questions
    start, asked_start, block = starts
    entities = start.size - 1
    row, asked_entity, asked_time, seen, same = out
    cursor, asked_cursor = start.copy(), asked_start.copy()
    all_kept = keep.size == 0
    i = 0
    for q in range(asked.size + 1):
        last = q == asked.size
        while i < entity.size and (last or position[i] < asked_position[q]):
            e = entity[i]
            if e >= 0 and (all_kept or keep[i]):
                place[i] = cursor[e]
                cursor[e] += 1
            else:
                place[i] = -1
            i += 1
        if last or asked[q] < 0:
            continue
        e = asked[q]
        group = (q // block) * entities + e
        k = asked_cursor[group]
        asked_cursor[group] = k + 1
        row[k], asked_entity[k], asked_time[k] = q, e, time[q]
        seen[k] = start[e + 1] if hindsight else cursor[e]
        same[k] = -1
        asking = own.size > 0 and own[q] >= 0 and i < entity.size and position[i] == asked_position[q]
        if asking and entity[i] == e and (all_kept or keep[i]):
            same[k] = cursor[e]


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
