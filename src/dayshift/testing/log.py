"""The log of a scenario: what its tables tell, passed through the door and put in order.

As at the door of the lake, numbers are rounded to their column's fixed point (measured at the source's first load where
none is declared) and an event whose key is already there is a duplicate and does not count. Then events, the calendar's
ticks and the questions from outside are put in the one order of `semantics.order`, and each gets its place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from dayshift.definition import Calendar, Source
from dayshift.semantics.calendar import asked, question_values
from dayshift.semantics.fixed_point import limit_of, measure_bits, on_grid, quantise, scale_of
from dayshift.semantics.order import Rank, position, rank, tick_rank
from dayshift.semantics.reference import Event, Question
from dayshift.testing.cells import arithmetic

DRAWN = "in a generated row a number is linear in i and k, a time is microseconds after midnight of `* day:`"
_K = re.compile(r"(\d+) \* i mod (\d+)")
_LAST = float("inf")


@dataclass(frozen=True, slots=True)
class Stored:
    """One row of a table of events: the load that brings it, and all its columns."""

    source: Source
    load: int
    values: dict[str, Any]

    @property
    def event_time(self) -> int:
        """When it happened, microseconds UTC."""
        return int(self.values[self.source.time])

    @property
    def key(self) -> tuple[Any, ...]:
        """What identifies it in its source."""
        return tuple(self.values[name] for name in self.source.key_columns)

    @property
    def position(self) -> int:
        """When it was known, microseconds UTC."""
        arrival = self.values[self.source.arrival] if self.source.arrival else None
        return position(self.event_time, self.source.delay_us, arrival)

    @property
    def rank(self) -> Rank:
        """What it is sorted by."""
        return rank(self.load, self.position, self.source.name, self.event_time, self.key)


@dataclass(frozen=True)
class Outside:
    """A question that no event asks: its line, its time, and the load after which it stands.

    Without a load it stands where a calendar's tick at its time would: before every event that is known at that time
    or later, in the first load that reaches it; after the whole log when none does.
    """

    line: int
    as_of: int
    load: int | None = None

    def rank(self, rows: Sequence[Stored]) -> Rank:
        """What it is sorted by among these rows."""
        if self.load is not None:
            return (self.load, _LAST, self.line)
        reaching = [row.load for row in rows if row.position >= self.as_of]
        if reaching:
            return tick_rank(min(reaching), self.as_of)
        return (max((row.load for row in rows), default=1), _LAST, self.line)


@dataclass(frozen=True)
class Entries:
    """A log in order: events with their places, the calendar's questions, the places of questions from outside."""

    events: tuple[Event, ...]
    scales: Mapping[tuple[str, str], int]
    ticks: tuple[Question, ...] = ()
    places: Mapping[int, int] = field(default_factory=dict)


def log_of(
    sources: Mapping[str, Source],
    stored: Sequence[Stored],
    outside: Sequence["Outside"],
    predict: Source | Calendar | None = None,
) -> Entries:
    """Put rows, the calendar's ticks and the questions from outside in order."""
    scales = _scales(sources, stored)
    rows = _once(sorted((_through_the_door(row, scales) for row in stored), key=lambda row: row.rank))
    ticks = asked(predict, [_event(row, 0) for row in rows]) if isinstance(predict, Calendar) else []
    ranks: list[tuple[Rank, str, int]] = [(row.rank, "event", number) for number, row in enumerate(rows)]
    ranks += [(tick_rank(load, tick), "tick", number) for number, (load, tick, _) in enumerate(ticks)]
    ranks += [(question.rank(rows), "question", question.line) for question in outside]
    ranks.sort()
    place = {(kind, number): place for place, (_, kind, number) in enumerate(ranks)}
    events = tuple(_event(row, place["event", number]) for number, row in enumerate(rows))
    return Entries(
        events=events,
        scales=scales,
        ticks=tuple(
            Question(tick, place["tick", number], question_values(predict, key))
            for number, (_, tick, key) in enumerate(ticks)
            if isinstance(predict, Calendar)
        ),
        places={line: place["question", line] for line in (question.line for question in outside)},
    )


@dataclass(frozen=True)
class Generated:
    """A row of formulas that stands for many events.

    Each cell of a number or a time is linear in `i`, the event's number, and `k`, a permutation of the numbers that the
    directive `* k: FACTOR * i mod PRIME` gives; a text is the same in every event.
    """

    source: Source
    cells: Mapping[str, str]
    k: str | None

    def rows(self, most: int, midnight_us: int) -> Iterator[Stored]:
        """The events for i from 1 to `most`.

        Raises:
            ValueError: a cell is no linear formula, or `k` is needed and not given.
        """
        if all(self.source.columns[name].type == "str" for name in self.source.key_columns):
            raise ValueError("a generated key is a number: a text is the same in every event")
        factor, prime = self._permutation(most)
        formulas = {name: self._formula(name, cell) for name, cell in self.cells.items()}
        for i in range(1, most + 1):
            k = factor * i % prime
            values = {
                name: formula if isinstance(formula, str) else formula(i, k) for name, formula in formulas.items()
            }
            values[self.source.time] = int(values[self.source.time]) + midnight_us
            yield Stored(self.source, 1, values)

    def _permutation(self, most: int) -> tuple[int, int]:
        found = _K.fullmatch(self.k or f"1 * i mod {most + 1}")
        if found is None:
            raise ValueError("`k` is written `48271 * i mod 1000003`")
        return int(found[1]), int(found[2])

    def _formula(self, name: str, cell: str) -> Any:
        kind = self.source.columns[name].type
        if kind == "str":
            return cell
        c, a, b, test = (arithmetic(cell, i=Fraction(i), k=Fraction(k)) for i, k in ((0, 0), (1, 0), (0, 1), (7, 11)))
        a, b = a - c, b - c
        if 7 * a + 11 * b + c != test:
            raise ValueError(f"{cell!r} is not linear in i and k")
        under = a.denominator * b.denominator * c.denominator
        p, q, r = (int(each * under) for each in (a, b, c))
        if kind in ("float", "decimal"):
            return lambda i, k: (p * i + q * k + r) / under
        return lambda i, k: (p * i + q * k + r) // under


def _scales(sources: Mapping[str, Source], stored: Sequence[Stored]) -> dict[tuple[str, str], int]:
    scales = {}
    for source in sources.values():
        rows = [row for row in stored if row.source is source]
        first = min((row.load for row in rows), default=1)
        for name, column in source.columns.items():
            if column.numeric:
                known = (abs(float(row.values[name] or 0)) for row in rows if row.load == first)
                bits = measure_bits(max(known, default=0.0)) if column.type == "float" else None
                scales[source.name, name] = scale_of(column, bits)
    return scales


def _through_the_door(row: Stored, scales: Mapping[tuple[str, str], int]) -> Stored:
    values = row.values
    for name, column in row.source.columns.items():
        if column.type in ("float", "decimal") and values[name] is not None:
            scale = scales[row.source.name, name]
            values[name] = on_grid(quantise(values[name], scale, limit_of(column)), scale)
    return row


def _once(rows: Sequence[Stored]) -> list[Stored]:
    kept: dict[tuple[str, tuple[Any, ...]], Stored] = {}
    for row in rows:
        kept.setdefault((row.source.name, row.key), row)
    return list(kept.values())


def _event(row: Stored, place: int) -> Event:
    return Event(row.source.name, row.event_time, place, row.values, row.load, row.position)
