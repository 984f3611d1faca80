"""Scenarios: the specification as values, read from `scenarios/*.md`.

`markdown.py` takes a file apart, `cells.py` reads a cell, this module gives the parts their meaning, and `running.py`
puts them to an engine. The format is described for its readers in `scenarios/README.md`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dayshift as ds
from dayshift.definition import Calendar, Features, Label, Source, WindowFeature
from dayshift.definition.feature import flatten
from dayshift.semantics.reference import Event, Question, Scales
from dayshift.testing.cells import parse_cell, parse_time
from dayshift.testing.log import DRAWN, Entries, Generated, Outside, Stored, log_of
from dayshift.testing.markdown import Document, Section, Table, read_document, wrong

CAPTIONS = {
    "events": re.compile(r"Events of `(?P<source>\w+)`"),
    "generated": re.compile(r"Events of `(?P<source>\w+)`, for i from 1 to (?P<most>\d+)"),
    "questions": re.compile(
        r"Questions(?: (?P<calendar>of the calendar)| asked by `(?P<source>\w+)`)?"
        r"(?:, answered by `(?P<version>\w+)`)?(?P<hindsight>, in hindsight)?"
    ),
    "labels": re.compile(r"Labels at (?P<at>[\d: .-]+?)(?:, after load (?P<load>\d+))?"),
    "times": re.compile(r"Times"),
    "state": re.compile(r"State after load (?P<load>\d+)"),
}
DIRECTIVES = ("day", "shuffle", "batches", "permute arrivals", "k")
OUTCOMES = ("continues", "refused")
UNRIPE, NO_LABEL = "unripe", "none"


@dataclass(frozen=True)
class Asked:
    """A table of questions: which features answer, under which policy, and what they must answer."""

    line: int
    version: str
    features: tuple[WindowFeature, ...]
    policy: Literal["as_known", "hindsight"]
    predict: Source | Calendar | None
    questions: tuple[Question, ...]
    expected: tuple[tuple[Any, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the output columns."""
        return tuple(column for feature in self.features for column in feature.columns)


@dataclass(frozen=True)
class Labelled:
    """A table of labels: what is known of each question's label at the time of training."""

    line: int
    trained_at: int
    known: tuple[Event, ...]
    questions: tuple[Question, ...]
    expected: tuple[tuple[str | Any, int], ...]


@dataclass(frozen=True)
class Written:
    """A written time, how its column is written, and the instant that it means."""

    line: int
    kind: str
    text: str
    instant: int | None


@dataclass(frozen=True)
class Damage:
    """What happens to a state saved after a load, which version continues it, and whether that may be."""

    line: int
    load: int
    damage: str
    version: str
    outcome: str


@dataclass(frozen=True)
class Scenario:
    """One scenario: a log, and what must be answered."""

    file: str
    line: int
    group: int
    group_title: str
    title: str
    events: tuple[Event, ...]
    scales: Scales
    label: Label | None = None
    asked: tuple[Asked, ...] = ()
    labels: tuple[Labelled, ...] = ()
    times: tuple[Written, ...] = ()
    damages: tuple[Damage, ...] = ()
    shuffle: int = 0
    permute: int = 0
    batches: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Its group's number and its title."""
        return f"{self.group}. {self.title}"


def read_scenarios(folder: Path, most_events: int | None = None) -> list[Scenario]:
    """Every scenario of a folder, in the order of the files' names; README.md is not one.

    With `most_events` those that generate more events are left out, and cost nothing.

    Raises:
        UsageError: DS581, a file that cannot be read as scenarios.
    """
    files = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    return [scenario for path in files for scenario in read_scenario_file(read_document(path), most_events)]


def read_scenario_file(document: Document, most_events: int | None = None) -> list[Scenario]:
    """The scenarios of one file."""
    if document.shared.tables:
        raise wrong(document.file, document.shared.tables[0].line, "a table belongs under a scenario's `## Title`")
    wanted = [each for each in document.sections if most_events is None or _generates(each) <= most_events]
    return [_Builder(document, section).build() for section in wanted]


def _generates(section: Section) -> int:
    found = [CAPTIONS["generated"].fullmatch(table.caption) for table in section.tables]
    return sum(int(each["most"]) for each in found if each)


class _Builder:
    """Makes one scenario; every fault is told with its line."""

    def __init__(self, document: Document, section: Section) -> None:
        self.document, self.section = document, section
        self.directives = {**document.shared.directives, **section.directives}
        for name, (line, _) in self.directives.items():
            if name not in DIRECTIVES:
                raise wrong(document.file, line, f"no directive is called {name!r}; there are {', '.join(DIRECTIVES)}")
        self.day = self._directive("day")
        self.names = self._run([*document.shared.code, *section.code])
        self.tables = [(kind, table, groups) for table in section.tables for kind, groups in [self._kind(table)]]
        self.sources = {each.name: each for each in self.names.values() if isinstance(each, Source)}
        self.entries = self._log()

    def build(self) -> Scenario:
        times = [self._written(table, row) for table, _ in self._of("times") for row in table.rows]
        damages = [self._damage(table, row, found) for table, found in self._of("state") for row in table.rows]
        asked = tuple(self._asked(table, found) for table, found in self._of("questions"))
        labels = tuple(self._labelled(table, found) for table, found in self._of("labels"))
        if not (asked or labels or times):
            raise wrong(self.document.file, self.section.line, "the scenario expects nothing")
        return Scenario(
            file=self.document.file,
            line=self.section.line,
            group=self.document.number,
            group_title=self.document.title,
            title=self.section.title,
            events=self.entries.events,
            scales=self.entries.scales,
            label=self.names.get("label"),
            asked=asked,
            labels=labels,
            times=tuple(times),
            damages=tuple(damages),
            shuffle=int((self._directive("shuffle") or "0 times").removesuffix(" times")),
            permute=int((self._directive("permute arrivals") or "0 times").removesuffix(" times")),
            batches=tuple(int(each) for each in (self._directive("batches") or "").split(",") if each),
        )

    # -------------------------------------------------------------- parts

    def _directive(self, name: str) -> str | None:
        return self.directives[name][1] if name in self.directives else None

    def _run(self, blocks: Iterable[tuple[int, str]]) -> dict[str, Any]:
        import polars as pl

        names: dict[str, Any] = {"ds": ds, "pl": pl}
        for line, code in blocks:
            exec(compile("\n" * line + code, self.document.file, "exec"), names)  # noqa: S102
        return names

    def _kind(self, table: Table) -> tuple[str, Mapping[str, str | None]]:
        for kind, pattern in CAPTIONS.items():
            found = pattern.fullmatch(table.caption)
            if found:
                return kind, found.groupdict()
        raise wrong(self.document.file, table.line, f"no table is called {table.caption!r}")

    def _of(self, kind: str) -> Iterable[tuple[Table, Mapping[str, str | None]]]:
        return ((table, groups) for found, table, groups in self.tables if found == kind)

    def _source(self, table: Table, name: str | None) -> Source:
        if name not in self.sources:
            raise wrong(self.document.file, table.line, f"no source is called {name!r}")
        return self.sources[name]

    def _features(self, table: Table, version: str) -> tuple[WindowFeature, ...]:
        given = self.names.get(version)
        if not isinstance(given, Features | list | tuple):
            raise wrong(self.document.file, table.line, f"the definition has no list of features {version!r}")
        return flatten(given)

    def _cell(self, line: int, text: str, type: str) -> Any:  # noqa: A002
        try:
            return parse_cell(text, type, self.day)
        except (ValueError, ds.DayshiftError) as error:
            raise wrong(self.document.file, line, str(error)) from error

    def _header(self, table: Table, needed: Sequence[str], allowed: Sequence[str] = ()) -> None:
        missing = [name for name in needed if name not in table.header]
        unknown = [name for name in table.header if name not in needed and name not in allowed]
        if missing:
            raise wrong(self.document.file, table.line, f"the table has no column {missing[0]!r}")
        if unknown:
            raise wrong(self.document.file, table.line, f"the table may not have a column {unknown[0]!r}")

    # ---------------------------------------------------------------- log

    def _log(self) -> Entries:
        stored = []
        for table, found in self._of("events"):
            source = self._source(table, found["source"])
            optional = [name for name, column in source.columns.items() if column.optional]
            self._header(table, [name for name in source.columns if name not in optional], [*optional, "load"])
            stored += [self._stored(source, table, line, cells) for line, cells in table.rows]
        for table, found in self._of("generated"):
            source = self._source(table, found["source"])
            self._header(table, list(source.columns))
            drawn = Generated(source, dict(zip(table.header, table.rows[0][1], strict=True)), self._directive("k"))
            try:
                stored += drawn.rows(int(found["most"] or 0), parse_time("00:00", self.day))
            except ValueError as error:
                raise wrong(self.document.file, table.rows[0][0], f"{error}; {DRAWN}") from error
        outside = [self._outsider(table, row) for table, _ in self._outside() for row in table.rows]
        return log_of(self.sources, stored, outside, self.names.get("predict"))

    def _stored(self, source: Source, table: Table, line: int, cells: Sequence[str]) -> Stored:
        texts = dict(zip(table.header, cells, strict=True))
        load = int(texts.pop("load", "1"))
        values = dict.fromkeys(source.columns)
        for name, text in texts.items():
            column = source.columns[name]
            values[name] = self._cell(line, text, column.type)
            if values[name] is None and not column.optional:
                raise wrong(self.document.file, line, f"column {name!r} of source {source.name!r} is not optional")
        return Stored(source, load, values)

    def _outside(self) -> Iterable[tuple[Table, Mapping[str, str | None]]]:
        return (
            (table, found) for table, found in self._of("questions") if not found["source"] and not found["calendar"]
        )

    def _outsider(self, table: Table, row: tuple[int, tuple[str, ...]]) -> Outside:
        self._header(table, ["as_of"], table.header)
        line, cells = row
        texts = dict(zip(table.header, cells, strict=True))
        load = int(texts["load"]) if "load" in texts else None
        return Outside(line, self._cell(line, texts["as_of"], "datetime"), load)

    # ---------------------------------------------------------- questions

    def _asked(self, table: Table, found: Mapping[str, str | None]) -> Asked:
        version = found["version"] or "features"
        features = self._features(table, version)
        predict: Source | Calendar | None = None
        if found["calendar"]:
            predict = self.names.get("predict")
            if not isinstance(predict, Calendar):
                raise wrong(self.document.file, table.line, "the definition has no calendar called `predict`")
            questions = self._ticks(table, predict)
            keys = ["as_of", *predict.by]
        elif found["source"]:
            predict = self._source(table, found["source"])
            keys = list(predict.key_columns)
            questions = [self._own(line, predict, table, cells) for line, cells in table.rows]
        else:
            types = {
                asked: feature.source.columns[column].type for feature in features for column, asked in feature.keys
            }
            keys = ["as_of", *types]
            questions = [self._free(line, types, table, cells) for line, cells in table.rows]
        types = {column: feature.type for feature in features for column in feature.columns}
        self._header(table, [*keys, *types], () if predict else ("load",))
        expected = [
            tuple(self._cell(line, cells[table.header.index(column)], kind) for column, kind in types.items())
            for line, cells in table.rows
        ]
        policy: Literal["as_known", "hindsight"] = "hindsight" if found["hindsight"] else "as_known"
        return Asked(table.line, version, features, policy, predict, tuple(questions), tuple(expected))

    def _own(self, line: int, source: Source, table: Table, cells: Sequence[str]) -> Question:
        self._header(table, source.key_columns, table.header)
        key = tuple(
            self._cell(line, cells[table.header.index(name)], source.columns[name].type) for name in source.key_columns
        )
        event = self._by_key(source).get(key)
        if event is None:
            raise wrong(self.document.file, line, f"source {source.name!r} has no event {key}")
        return Question(event.event_time, event.place, event.values, event)

    def _by_key(self, source: Source) -> dict[tuple[Any, ...], Event]:
        events = (event for event in self.entries.events if event.source == source.name)
        return {tuple(event.values[name] for name in source.key_columns): event for event in events}

    def _free(self, line: int, types: Mapping[str, str], table: Table, cells: Sequence[str]) -> Question:
        self._header(table, ["as_of", *types], table.header)
        texts = dict(zip(table.header, cells, strict=True))
        values = {name: self._cell(line, texts[name], kind) for name, kind in types.items()}
        return Question(self._cell(line, texts["as_of"], "datetime"), self.entries.places[line], values)

    def _ticks(self, table: Table, calendar: Calendar) -> list[Question]:
        self._header(table, ["as_of", *calendar.by], table.header)
        types = {"as_of": "datetime", **{name: calendar.source.columns[name].type for name in calendar.by}}
        for number, (line, cells) in enumerate(table.rows):
            texts = dict(zip(table.header, cells, strict=True))
            told = tuple(self._cell(line, texts[name], kind) for name, kind in types.items())
            asked = [(q.as_of, *q.values.values()) for q in self.entries.ticks[number : number + 1]]
            if asked != [told]:
                raise wrong(self.document.file, line, f"the calendar asks {asked or 'nothing'} here, not {told}")
        if len(self.entries.ticks) != len(table.rows):
            raise wrong(self.document.file, table.line, f"the calendar asks {len(self.entries.ticks)} questions")
        return list(self.entries.ticks)

    # ------------------------------------------------- labels, times, state

    def _labelled(self, table: Table, found: Mapping[str, str | None]) -> Labelled:
        label, predict = self.names.get("label"), self.names.get("predict")
        if not isinstance(label, Label) or not isinstance(predict, Source):
            raise wrong(self.document.file, table.line, "labels need a `label` and a source called `predict`")
        self._header(table, [*predict.key_columns, "label", "ripe_at"])
        last = int(found["load"] or max((event.load for event in self.entries.events), default=1))
        known = tuple(event for event in self.entries.events if event.load <= last)
        expected = []
        for line, cells in table.rows:
            texts = dict(zip(table.header, cells, strict=True))
            said = texts["label"]
            value = said if said in (UNRIPE, NO_LABEL) else _label_value(said)
            expected.append((value, self._cell(line, texts["ripe_at"], "datetime")))
        questions = tuple(self._own(line, predict, table, cells) for line, cells in table.rows)
        at = self._cell(table.line, str(found["at"]), "datetime")
        return Labelled(table.line, at, known, questions, tuple(expected))

    def _written(self, table: Table, row: tuple[int, tuple[str, ...]]) -> Written:
        self._header(table, ["written", "kind", "instant"])
        line, cells = row
        texts = dict(zip(table.header, cells, strict=True))
        text = "" if texts["written"] == "null" else texts["written"]
        return Written(line, texts["kind"], text, self._cell(line, texts["instant"], "datetime"))

    def _damage(self, table: Table, row: tuple[int, tuple[str, ...]], found: Mapping[str, str | None]) -> Damage:
        self._header(table, ["damage", "read by", "outcome"])
        line, cells = row
        texts = dict(zip(table.header, cells, strict=True))
        if texts["outcome"] not in OUTCOMES:
            raise wrong(self.document.file, line, f"an outcome is one of {', '.join(OUTCOMES)}")
        version = texts["read by"].strip("`")
        self._features(table, version)
        return Damage(line, int(found["load"] or 1), texts["damage"], version, texts["outcome"])


def _label_value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
