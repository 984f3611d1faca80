"""Put a scenario to an engine.

Beside the plain run, the same questions are asked again in every way that must not change an answer: the events handed
over in shuffled orders, taken in micro-batches, cut in two at every load with the state saved and continued in between,
and, where the scenario says so, arriving in other orders.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dayshift.diagnostics import DayshiftError
from dayshift.semantics.labels import Evaluate, answered
from dayshift.semantics.reference import Event
from dayshift.testing.engines import Ability, Case, EngineAdapter, Gap, Row, same
from dayshift.testing.scenarios import NO_LABEL, UNRIPE, Asked, Damage, Labelled, Scenario

CUT_UP_TO = 1_000

Cell = tuple[str, str, int]
"""(aggregate, engine, group of scenarios)."""


@dataclass
class Outcome:
    """What a run did: how many values it compared, the cells of the matrix it filled, the gaps that engines declared."""

    values: int = 0
    cells: set[Cell] = field(default_factory=set)
    gaps: set[tuple[str, Ability]] = field(default_factory=set)


def run_scenario(scenario: Scenario, engine: EngineAdapter) -> Outcome:
    """Put a scenario to an engine and compare every value strictly.

    Raises:
        AssertionError: values differ, a damaged state was taken, or a declared gap is none; all of them at once.
    """
    outcome, faults = Outcome(), list[str]()
    for asked in scenario.asked:
        faults += _run_asked(scenario, asked, engine, outcome)
    for labelled in scenario.labels:
        faults += _run_labels(scenario, labelled, outcome)
    faults += _run_times(scenario, engine, outcome)
    for damage in scenario.damages:
        faults += _run_damage(scenario, damage, engine, outcome)
    assert not faults, "\n".join([f"{engine.name} on scenario {scenario.name!r}:", *faults])
    return outcome


def case_of(scenario: Scenario, asked: Asked) -> Case:
    """A table of questions as an engine is given it."""
    return Case(asked.features, scenario.events, asked.questions, scenario.scales, asked.predict, asked.policy)


def _run_asked(scenario: Scenario, asked: Asked, engine: EngineAdapter, outcome: Outcome) -> Iterator[str]:
    where = f"{scenario.file}:{asked.line}"
    case = case_of(scenario, asked)
    if asked.policy == "hindsight" and "hindsight" in engine.gaps:
        outcome.gaps.add((engine.name, "hindsight"))
        yield from _gap_is_kept(engine, where, lambda: engine.answer(case))
        return
    outcome.cells |= {(feature.aggregate.name, engine.name, scenario.group) for feature in asked.features}
    for how, varied in _variations(scenario, case):
        outcome.values += sum(map(len, asked.expected))
        yield from _compare(asked, f"{where} {how}".strip(), engine.answer(varied), asked.expected)
    if "state" not in engine.gaps and asked.policy == "as_known" and len(scenario.events) <= CUT_UP_TO:
        for place in _cuts(scenario.events):
            rest = case.since(place)
            expected = [row for row, q in zip(asked.expected, case.questions, strict=True) if q.place >= place]
            rows = engine.resume(engine.save(case.before(place)), rest)
            yield from _compare(asked, f"{where} cut at place {place}", rows, expected)


def _variations(scenario: Scenario, case: Case) -> Iterator[tuple[str, Case]]:
    yield "", case
    for batch in scenario.batches:
        yield f"in batches of {batch}", replace(case, batch=batch)
    for number in range(scenario.shuffle):
        events = list(case.events)
        random.Random(number).shuffle(events)  # noqa: S311
        yield f"shuffled, number {number}", replace(case, events=tuple(events))
    for number in range(scenario.permute):
        yield f"arrivals permuted, number {number}", replace(case, events=_permuted(case.events, number))


def _permuted(events: Sequence[Event], number: int) -> tuple[Event, ...]:
    """The same events, having arrived in another order within one load."""
    arrived = sorted((event.place, event.position) for event in events)
    order = list(events)
    random.Random(number).shuffle(order)  # noqa: S311
    return tuple(
        replace(event, place=place, position=position) for event, (place, position) in zip(order, arrived, strict=True)
    )


def _cuts(events: Sequence[Event]) -> list[int]:
    """The places where a run is cut: the first of each later load, and one in the middle."""
    ordered = sorted(events, key=lambda event: event.place)
    starts = {later.place for one, later in zip(ordered, ordered[1:], strict=False) if later.load > one.load}
    middle = {ordered[len(ordered) // 2].place} if ordered else set()
    return sorted(starts | middle)


def _compare(asked: Asked, where: str, rows: Sequence[Row], expected: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    if len(rows) != len(expected):
        yield f"  {where}: {len(expected)} questions went in and {len(rows)} rows came out"
        return
    for number, (row, wanted) in enumerate(zip(rows, expected, strict=True), 1):
        if len(row) != len(wanted):
            yield f"  {where}: row {number} has {len(row)} values, not {len(wanted)}"
            continue
        for column, value, right in zip(asked.columns, row, wanted, strict=True):
            if not same(value, right):
                yield f"  {where}: row {number}, {column}: expected {right!r}, got {value!r}"


def _gap_is_kept(engine: EngineAdapter, where: str, attempt: Any) -> Iterator[str]:
    try:
        attempt()
    except Gap:
        return
    yield f"  {where}: {engine.name} declares a gap that it no longer has; strike it from `gaps`"


def _run_labels(scenario: Scenario, labelled: Labelled, outcome: Outcome) -> Iterator[str]:
    label = scenario.label
    assert label is not None
    for number, (question, wanted) in enumerate(zip(labelled.questions, labelled.expected, strict=True), 1):
        found = answered(label, question, labelled.known, labelled.trained_at, evaluator(label.expression, label.pick))
        value = UNRIPE if not found.ripe else NO_LABEL if found.value is None else found.value
        outcome.values += 1
        if not same(value, wanted[0]) or found.ripe_at != wanted[1]:
            yield f"  {scenario.file}:{labelled.line}: row {number}: expected {wanted}, got {(value, found.ripe_at)}"


def evaluator(expression: Any, pick: str) -> Evaluate:
    """A label's Polars expression as a function of the columns of the events that answer."""
    import polars as pl

    def evaluate(rows: Sequence[Any]) -> Any:
        result = pl.DataFrame([dict(row) for row in rows]).select(expression)
        assert pick == "all" or result.height == 1
        return result.item()

    return evaluate


def _run_times(scenario: Scenario, engine: EngineAdapter, outcome: Outcome) -> Iterator[str]:
    for kind in dict.fromkeys(written.kind for written in scenario.times):
        column = [written for written in scenario.times if written.kind == kind]
        where = f"{scenario.file}:{column[0].line}"
        texts = [written.text for written in column]
        if "times" in engine.gaps:
            outcome.gaps.add((engine.name, "times"))
            yield from _gap_is_kept(engine, where, lambda texts=texts, kind=kind: engine.instants(texts, kind))
            continue
        outcome.values += len(column)
        for written, instant in zip(column, engine.instants(texts, kind), strict=True):
            if not same(instant, written.instant):
                yield f"  {scenario.file}:{written.line}: {written.text!r} is {written.instant}, got {instant!r}"


def _run_damage(scenario: Scenario, damage: Damage, engine: EngineAdapter, outcome: Outcome) -> Iterator[str]:
    where = f"{scenario.file}:{damage.line}"
    saved = scenario.asked[0]
    reading = next(asked for asked in scenario.asked if asked.version == damage.version)
    place = min(event.place for event in scenario.events if event.load > damage.load)
    before, after = case_of(scenario, saved).before(place), case_of(scenario, reading).since(place)
    if "state" in engine.gaps:
        outcome.gaps.add((engine.name, "state"))
        yield from _gap_is_kept(engine, where, lambda: engine.save(before))
        return
    outcome.values += 1
    outcome.cells |= {(feature.aggregate.name, engine.name, scenario.group) for feature in reading.features}
    state = damaged(engine.save(before), damage.damage)
    try:
        rows = engine.resume(state, after)
    except DayshiftError as error:
        if damage.outcome == "continues":
            yield f"  {where}: the state was refused: {error}"
        return
    if damage.outcome == "refused":
        yield f"  {where}: a state with {damage.damage!r}, read by {damage.version!r}, was taken and answered"
        return
    expected = [row for row, q in zip(reading.expected, reading.questions, strict=True) if q.place >= place]
    yield from _compare(reading, where, rows, expected)


def damaged(state: bytes, damage: str) -> bytes:
    """A saved state with something done to it.

    >>> damaged(b"abcd", "the last byte is gone"), damaged(b"abcd", "a bit is flipped in the middle")
    (b'abc', b'abbd')
    """
    middle = len(state) // 2
    made: dict[str, Callable[[], bytes]] = {
        "nothing": lambda: state,
        "it is empty": lambda: b"",
        "the last byte is gone": lambda: state[:-1],
        "the second half is gone": lambda: state[:middle],
        "a byte was added": lambda: state + b"\0",
        "a bit is flipped in the middle": lambda: flipped(state, middle),
        "a bit is flipped at the start": lambda: flipped(state, 0),
        "a bit is flipped at the end": lambda: flipped(state, len(state) - 1),
        "it is another file": lambda: b"PAR1" + bytes(64),
    }
    if damage not in made:
        raise ValueError(f"{damage!r} is no damage; there are {', '.join(made)}")
    return made[damage]()


def flipped(state: bytes, at: int) -> bytes:
    """The state with the lowest bit of one byte flipped."""
    return state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]


def check_engine(engine: EngineAdapter, scenarios: Iterable[Scenario]) -> Outcome:
    """Put every scenario to an engine: the contract of engines.

    Raises:
        AssertionError: with every scenario that failed.
    """
    total, faults = Outcome(), []
    for scenario in scenarios:
        try:
            outcome = run_scenario(scenario, engine)
        except AssertionError as error:
            faults.append(str(error))
            continue
        total.values += outcome.values
        total.cells |= outcome.cells
        total.gaps |= outcome.gaps
    assert not faults, "\n\n".join(faults)
    return total
