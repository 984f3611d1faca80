"""What a live run would do, before it does it: what it settles, where it begins, where its answers go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dayshift.connectors.files.half import is_of_files
from dayshift.connectors.kafka import offsets
from dayshift.diagnostics import counted, numbered
from dayshift.lifecycle.settle import journal_of
from dayshift.runtimes.live import starting
from dayshift.runtimes.live.marks import Marks
from dayshift.runtimes.report import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dayshift.connectors.live import Known
    from dayshift.definition.settings import SourceSettings
    from dayshift.lifecycle.project import Project


@dataclass(frozen=True)
class SourcePlan:
    """Where the events of a source come from, and where in it the run begins."""

    source: str
    comes_from: str
    begins: str


@dataclass(frozen=True)
class OutputPlan:
    """What goes where, and what it gets first, by what the lake remembers of it."""

    output: str
    content: str
    goes_to: str
    gets_first: str


@dataclass(frozen=True)
class LivePlan:
    """`settles`: loads that stand in the journal; `answers_first`: loads whose questions are not answered yet; `scores_with`:
    the champion's version; `state`: the load behind which the engine's state was saved."""

    settles: str
    answers_first: str
    scores_with: str
    state: str
    sources: tuple[SourcePlan, ...]
    outputs: tuple[OutputPlan, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(self)
        return made


def of_live(project: Project) -> LivePlan:
    """The plan; reads the lake and the registry, and asks no broker.

    Raises:
        NotReady: DS403, a file of the lake is damaged; DS414, the lake is no folder.
    """
    starting.require_place(project)
    with project.lake.reading():
        journal, last = journal_of(project.lake), project.lake.last_load
        loads = journal.loads if journal else []
        done = project.features.last_number("features")
        version = None
        if project.pipeline.model is not None and last:
            version = project.registry.alias(project.pipeline.name, "champion")
        held = project.lake.state(project.pipeline.name).load(project.fingerprint)
        known = starting.known_of(project)
        first = _first(project, unsent=bool(loads) or done < last)
    settings = project.settings
    return LivePlan(
        settles=f"{numbered(loads[0], loads[-1])} of the journal" if loads else "nothing: the journal is empty",
        answers_first=f"the questions of {numbered(done + 1, last)}" if done < last else "none: all are answered",
        scores_with=f"version {version}" if version else "no model: there is no champion",
        state=f"behind load {held[0]} of {last}" if held else "made from the whole log",
        sources=tuple(
            SourcePlan(
                source.name,
                _origin(settings.sources[source.name]),
                begins(settings.sources[source.name], known[source.name]),
            )
            for source in project.pipeline.sources
            if source.name in settings.sources
        ),
        outputs=tuple(
            OutputPlan(name, one.content, f"topic {one.topic} at {one.brokers}", first[name])
            for name, one in settings.live.outputs.items()
        ),
    )


def _first(project: Project, *, unsent: bool) -> dict[str, str]:
    """What each output gets before anything new; `unsent`: there are answers that no table of the lake holds yet.

    The lake's marks may be older than the outputs' own after a run that was killed: hence "at most".
    """
    assert project.lake.root.path is not None
    marks, found = Marks(project.lake.root.path), {}
    for name, output in project.settings.live.outputs.items():
        mark = marks.of(name)
        if mark is None:
            found[name] = "what comes, if it is new; else what lies behind its mark"
            continue
        rows, load = starting.lacks(project, output.content, mark)
        lacking = (
            f"at most {rows:,} row{'s' * (rows > 1)} since load {load}"
            if rows
            else "nothing: it lacks no rows of the lake"
        )
        found[name] = f"{lacking}, then what is settled and answered first" if unsent else lacking
    return found


def _origin(settings: SourceSettings) -> str:
    if settings.http:
        return "HTTP"
    given = {"files": settings.files, "table": settings.table, "query": settings.query, "topic": settings.topic}
    name, value = next((name, value) for name, value in given.items() if value is not None)
    return f"{name} {', '.join(value) if isinstance(value, list) else value}"


def begins(settings: SourceSettings, known: Known) -> str:
    """Where in a source the run begins; what an origin of another kind left behind counts for nothing.

    >>> from dayshift.connectors.live import Known
    >>> from dayshift.definition.settings import SourceSettings
    >>> topic = SourceSettings(topic="pay", brokers="localhost:9092")
    >>> begins(topic, Known(cursor='{"pay": {"id": "a", "next": [5, 3, 0]}}')), begins(topic, Known(cursor="2024-05-01"))
    ('behind 8 messages in 3 partitions', 'from its beginning')
    """
    if settings.http:
        return "with what is sent"
    if settings.topic:
        return _in_topics([settings.topic] if isinstance(settings.topic, str) else settings.topic, known)
    if settings.files:
        files = sum(
            bool(origin.sha256) for origin in known.manifest
        )  # partitions and tables have no content of their own
        return f"behind {counted(files, 'file')}" if files else "from the beginning"
    cursor = known.cursor
    if not settings.cursor or cursor is None or cursor.startswith("{") or is_of_files(cursor):
        return "from its beginning"
    return f"behind {settings.cursor} {cursor}"


def _in_topics(topics: Sequence[str], known: Known) -> str:
    """Offsets are what is counted, so a compacted topic has fewer messages."""
    read = offsets.parse(known.cursor)
    places = [read[topic].next for topic in sorted(set(topics)) if topic in read and any(read[topic].next)]
    new = sorted({topic for topic in topics if topic not in read or not any(read[topic].next)})
    if not places:
        return "from its beginning"
    behind = sum(map(sum, places))
    text = f"behind {counted(behind, 'message')} in {counted(sum(map(len, places)), 'partition')}"
    return f"{text}; {', '.join(new)} from the beginning" if new else text
