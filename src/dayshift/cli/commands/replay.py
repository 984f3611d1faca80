"""`dayshift replay SOURCE TOPIC`: history as a stream."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dayshift.cli.many import taking
from dayshift.cli.options import HERE, Folder, Json, Now, Plan, now_or, time_of
from dayshift.cli.progress import progress
from dayshift.cli.tables import emit, facts, show
from dayshift.diagnostics import UsageError, named

if TYPE_CHECKING:
    from dayshift.runtimes.replaying import Wish

ALL = "all"
_INTERRUPTED = 130


@dataclass(frozen=True)
class Asked:
    """The arguments and options."""

    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A source, several (a,b), or `all`.")]
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Where to; {source} stands for the source's name.")]
    speed: Annotated[
        float | None, typer.Option(metavar="N", min=0.001, help="N times real speed; without it as fast as possible.")
    ] = None
    key: Annotated[str | None, typer.Option(metavar="COLUMN", help="The messages' key; else the event's key.")] = None
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Begin with what was known then.")] = None
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="End before what was known then.")] = None
    brokers: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Kafka; else where dayshift.toml reads topics.")
    ] = None
    partitions: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Make a topic that does not exist, with N partitions.")
    ] = None
    given: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of librdkafka; may be repeated.")
    ] = None
    folder: Folder = HERE
    now: Now = None
    plan: Plan = False
    as_json: Json = False


@taking(Asked)
def replay(asked: Asked) -> None:
    """Send the history of sources to topics of Kafka, in the log's order, as JSON."""
    from dayshift.runtimes import replaying
    from dayshift.runtimes.project import open_project

    wish, time, project = _wish(asked), now_or(asked.now), open_project(asked.folder)
    if asked.plan:
        planned = replaying.plan(project, wish, time).to_json()
        emit(planned, [facts("Would send", _named(planned))], as_json=asked.as_json)
        return
    with progress(quiet=asked.as_json) as told:
        step = None if told is None else lambda rows, seconds: told("sending", rows, seconds)
        report = replaying.run(project, wish, time, step)
    emit(report.to_json(), [facts("Sent", _named(report.to_json()))], as_json=asked.as_json)
    if report.interrupted:
        raise typer.Exit(_INTERRUPTED)


def _wish(asked: Asked) -> "Wish":
    from dayshift.runtimes.replaying import Wish

    names = () if asked.source == ALL else tuple(filter(None, asked.source.split(",")))
    return Wish(
        sources=names,
        topic=asked.topic,
        speed=asked.speed,
        key=asked.key,
        since=None if asked.since is None else time_of(asked.since, "--from"),
        until=None if asked.until is None else time_of(asked.until, "--to"),
        brokers=asked.brokers,
        partitions=asked.partitions,
        given=dict(_pair(text) for text in asked.given or ()),
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            "DS121",
            f"dayshift replay: --set is '{name}', which is not NAME=VALUE",
            hint=f"--set {name}=...",
        )
    return name.strip(), value.strip()


def _named(values: dict[str, Any]) -> dict[str, Any]:
    """Names for people; what is by source as a text, and the topics that would be made by their names."""
    if values.get("made"):
        values = {**values, "made": named(values["made"], "topic")}
    return {
        name.replace("_", " "): ", ".join(f"{one} {show(inner)}" for one, inner in value.items())
        if isinstance(value, dict)
        else value
        for name, value in values.items()
        if value not in ({}, None, [], ())
    }
