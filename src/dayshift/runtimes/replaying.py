"""`dayshift replay`: from names to events and topics, a plan first, and a record in the ledger after."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.connectors.kafka import topics as asking
from dayshift.connectors.kafka.client import Address, address_of
from dayshift.connectors.kafka.sending import Sender
from dayshift.connectors.retry import retry_of
from dayshift.definition import Pipeline, Source, format_duration
from dayshift.definition.settings import SourceSettings
from dayshift.diagnostics import NotReady, UsageError, nearest, shorten
from dayshift.lifecycle.ingest import ingest
from dayshift.lifecycle.replay import Selection, Sent, replay, span
from dayshift.runtimes.report import plain
from dayshift.semantics.instants import EPOCH, microseconds

if TYPE_CHECKING:
    from dayshift.definition.settings import Settings
    from dayshift.lake import Lake
    from dayshift.lifecycle.project import Project

VERB = "replay"
PLACE = "{source}"


@dataclass(frozen=True)
class Wish:
    """What is asked for: names of sources (empty: all), a topic (with `{source}` for several), and how.

    `speed` None: as fast as possible. `partitions`: make a topic with so many where it does not exist.
    """

    sources: tuple[str, ...]
    topic: str
    speed: float | None = None
    key: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    brokers: str | None = None
    partitions: int | None = None
    given: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReplayPlan:
    """What would be sent: messages by source and topic, the clock's first and last time, the seconds that takes at that
    speed (None: as fast as possible), which topics would be made, and where the events come from."""

    messages: dict[str, int]
    topics: dict[str, str]
    first: dt.datetime | None
    last: dt.datetime | None
    seconds: float | None
    made: tuple[str, ...]
    comes_from: str
    left_out: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(self)
        return made


@dataclass(frozen=True)
class ReplayReport:
    """What was sent; `bytes` of keys and values, `left_out` rows of the files that are no events by their contract."""

    sent: Sent
    topics: dict[str, str]
    speed: float | None
    bytes: int
    comes_from: str
    left_out: int

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.sent.interrupted

    def to_json(self) -> dict[str, Any]:
        """Plain values, those of `sent` among them."""
        values: dict[str, Any] = plain(self)
        return {**values.pop("sent"), **values}


def plan(project: Project, wish: Wish, now: dt.datetime) -> ReplayPlan:
    """What `run` would send.

    Raises:
        UsageError: DS760, no such source; DS761, nobody says where Kafka is; DS763, it cannot be replayed; DS765, the topic
            would delete it.
        NotReady: DS331, the topic does not exist; DS762, there is nothing to send; DS3xx, a source or Kafka is not there.
    """
    selection, retry = _selection(project, wish), retry_of(project.settings.ingest)
    made = []
    for topic in sorted(set(selection.topics.values())):
        address = _address(project.settings, wish, topic)
        if wish.partitions is None:
            asking.partitions_of(address, topic, retry)
        elif not asking.exists(address, topic, retry):
            made.append(topic)
    with _history(project, selection, now) as (lake, origin, left_out):
        counts, first, last = span(lake.as_log(), selection)
    _check_kept(project.settings, wish, selection, first, now)
    return ReplayPlan(
        messages=counts,
        topics={source.name: topic for source, topic in selection.topics.items()},
        first=_time(first),
        last=_time(last),
        seconds=None if wish.speed is None or first is None or last is None else (last - first) / 1e6 / wish.speed,
        made=tuple(made),
        comes_from=origin,
        left_out=left_out,
    )


def run(
    project: Project, wish: Wish, now: dt.datetime, told: Callable[[int, float], None] | None = None
) -> ReplayReport:
    """Sends history to topics.

    Args:
        project: whose sources.
        wish: which of them, where to, how fast.
        now: the command's own time, for the ledger.
        told: called now and then with the number of messages and the seconds so far.

    Raises:
        UsageError, NotReady: as `plan`; DS764, Kafka does not take the messages.
    """
    selection, retry = _selection(project, wish), retry_of(project.settings.ingest)
    for topic in sorted(set(selection.topics.values())):
        asking.partitions_of(_address(project.settings, wish, topic), topic, retry, wish.partitions)
    sender = Sender(_address(project.settings, wish, wish.topic))
    with _history(project, selection, now) as (lake, origin, left_out):
        _check_kept(project.settings, wish, selection, span(lake.as_log(), selection)[1], now)
        sent = replay(lake.as_log(), selection, sender, wish.speed, told)
    names = {source.name: topic for source, topic in selection.topics.items()}
    report = ReplayReport(sent, names, wish.speed, sender.bytes, origin, left_out)
    outcome = "interrupted" if sent.interrupted else "done"
    project.lake.ledger.append(VERB, outcome, {"pipeline": project.pipeline.name, **report.to_json()}, now)
    return report


def _selection(project: Project, wish: Wish) -> Selection:
    known = {source.name: source for source in project.pipeline.sources}
    for name in wish.sources:
        if name not in known:
            near = nearest(name, known)
            raise UsageError(
                "DS760",
                f"the pipeline has no source '{name}'",
                facts=(f"sources: {shorten(known)}",),
                hint=f"dayshift replay {near} {wish.topic}" if near else None,
            )
    chosen = [known[name] for name in wish.sources] or list(known.values())
    if len(chosen) > 1 and PLACE not in wish.topic:
        names = ",".join(source.name for source in chosen)
        raise UsageError(
            "DS763",
            f"{len(chosen)} sources cannot share the topic '{wish.topic}': nobody could tell their messages apart",
            hint=f"dayshift replay {names} '{wish.topic}-{PLACE}'",
        )
    for source in chosen:
        _check(source, wish)
    return Selection(
        {source: wish.topic.replace(PLACE, source.name) for source in chosen},
        None if wish.since is None else microseconds(wish.since),
        None if wish.until is None else microseconds(wish.until),
        wish.key,
    )


def _check(source: Source, wish: Wish) -> None:
    if wish.key is not None and wish.key not in source.columns:
        near = nearest(wish.key, source.columns)
        raise UsageError(
            "DS763",
            f"source '{source.name}' has no column '{wish.key}' to key messages by",
            facts=(f"columns: {shorten(source.columns)}",),
            hint=f"--key {near}" if near else None,
        )
    given = [one for one in (*source.derive.values(), source.where) if isinstance(one, pl.Expr)]
    lost = {name for one in given for name in one.meta.root_names()} - set(source.columns)
    if lost:
        raise UsageError(
            "DS763",
            f"source '{source.name}' derives from column '{min(lost)}', which its schema does not have",
            place=source.place,
            facts=("the lake keeps the schema's columns only, so the messages could not be read back",),
            hint=f"name '{min(lost)}' in the schema",
        )


def _check_kept(settings: Settings, wish: Wish, selection: Selection, first: int | None, now: dt.datetime) -> None:
    """Refuse a topic that would delete the history's first messages as soon as it has them: it counts from their timestamps."""
    retry = retry_of(settings.ingest)
    for topic in sorted(set(selection.topics.values())):
        address = _address(settings, wish, topic)
        if first is None or not asking.exists(address, topic, retry):
            continue
        kept = asking.keeps_ms(address, topic, retry)
        if kept is not None and first < microseconds(now) - kept * 1_000:
            raise UsageError(
                "DS765",
                f"topic '{topic}' would delete this history: it keeps messages for {format_duration(kept * 1_000)}",
                facts=(
                    f"the history begins on {_time(first):%Y-%m-%d %H:%M} UTC, and its messages have its own times",
                    "nothing was sent",
                ),
                hint=f"kafka-configs.sh --bootstrap-server {address.shown} --alter --entity-type topics --entity-name {topic} "
                "--add-config retention.ms=-1",
            )


def _address(settings: Settings, wish: Wish, topic: str) -> Address:
    """Where to send: --brokers, else the section of a source that is to be replayed, else any section with brokers."""
    own = [settings.sources[name] for name in wish.sources if name in settings.sources]
    found = next((one for one in (*own, *settings.sources.values()) if one.brokers), None)
    brokers = wish.brokers or (found.brokers if found else None)
    if brokers is None:
        raise UsageError(
            "DS761",
            "nobody says where Kafka is",
            facts=("no source of dayshift.toml has `brokers`",),
            hint=f"dayshift replay {','.join(wish.sources) or 'all'} '{wish.topic}' --brokers localhost:9092",
        )
    shared = found.kafka if found is not None and wish.brokers in (None, found.brokers) else {}
    section = SourceSettings(topic=topic, brokers=brokers, kafka={**shared, **wish.given})
    return replace(address_of(",".join(wish.sources) or "all", section), section="", outcome="nothing was sent")


@contextmanager
def _history(project: Project, selection: Selection, now: dt.datetime) -> Iterator[tuple[Lake, str, int]]:
    """The lake with the events: the project's own where it has them, else one of its sources' files, made for this."""
    sources = list(selection.topics)
    if all(project.lake.has_events(source.name) for source in sources):
        yield _some(project.lake, selection), "the lake", 0
        return
    from dayshift.lake import Lake

    with tempfile.TemporaryDirectory(prefix="dayshift-replay-") as folder:
        lake = Lake(Path(folder))
        report = ingest(_pipeline(project, sources), _lenient(project.settings), lake, project.root, now)
        mine = [one for one in report.sources if one.source in {source.name for source in sources}]
        yield _some(lake, selection), "the sources' files", sum(one.quarantined for one in mine)


def _some(lake: Lake, selection: Selection) -> Lake:
    counts, _, _ = span(lake.as_log(), selection)
    if not any(counts.values()):
        raise NotReady(
            "DS762",
            f"there is nothing to replay of {shorten(counts)}",
            facts=("neither the lake nor the sources' files have events in this stretch of time",),
            hint="dayshift status",
        )
    return lake


def _pipeline(project: Project, sources: Sequence[Source]) -> Pipeline:
    """A pipeline that reads no more than it must."""
    return Pipeline("replay", predict=sources[0]) if len(sources) == 1 else project.pipeline


def _lenient(settings: Settings) -> Settings:
    """The same sources, whatever share of their rows is bad and however old they are: what is bad is not sent."""
    eased = {
        name: one.model_copy(update={"max_quarantine": 1.0, "freshness": None})
        for name, one in settings.sources.items()
    }
    return settings.model_copy(update={"sources": eased})


def _time(us: int | None) -> dt.datetime | None:
    return None if us is None else EPOCH + dt.timedelta(microseconds=us)
