"""From settings to taps: one for all that is polled, one for all that is sent by HTTP, and those of Kafka."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dayshift.connectors.live import Tap
from dayshift.connectors.polling.tap import PollingTap
from dayshift.connectors.retry import retry_of
from dayshift.definition.settings import Settings, SourceSettings
from dayshift.definition.source import Source
from dayshift.diagnostics import DefinitionError, NotReady, nearest


def open_taps(
    sources: Sequence[Source],
    settings: Settings,
    root: Path,
    pipeline: str,
    clock: Callable[[], dt.datetime],
) -> list[Tap]:
    """The taps of these sources, none of them open yet.

    Args:
        sources: those of the pipeline.
        settings: the whole dayshift.toml.
        root: the folder that paths start from.
        pipeline: the pipeline's name.
        clock: the time now, aware.

    Raises:
        DefinitionError: DS365, a source has no section; DS308, DS312, DS341, a section that cannot be.
        NotReady: DS310, an extra is not installed; DS113, DS313, an environment variable is not set.
    """
    given = {source.name: _section(source, settings.sources) for source in sources}
    polled = [source for source in sources if not given[source.name].http and not given[source.name].topic]
    taps: list[Tap] = []
    if polled:
        taps.append(PollingTap(polled, settings, Path(root), clock))
    sent = [name for name, one in given.items() if one.http]
    if sent:
        taps.append(_http(sent, given, settings, clock))
    topics = [(name, one) for name, one in given.items() if one.topic]
    if topics:
        from dayshift.connectors.kafka.tap import kafka_taps

        taps += kafka_taps(pipeline, topics, retry_of(settings.ingest), Path(root))
    return taps


def _http(
    names: Sequence[str], given: Mapping[str, SourceSettings], settings: Settings, clock: Callable[[], dt.datetime]
) -> Tap:
    try:
        from dayshift.connectors.http.tap import HttpTap
    except ImportError as error:
        raise NotReady(
            "DS310",
            f"taking events by HTTP needs {error.name}, which is not installed",
            hint="pip install 'dayshift[http]'",
        ) from None
    others = {name: _whence(one) for name, one in given.items() if name not in names}
    return HttpTap(names, others, settings.live, clock)


def _whence(given: SourceSettings) -> str:
    if given.topic:
        return "Kafka"
    return "files" if given.files else "a database"


def _section(source: Source, sections: Mapping[str, SourceSettings]) -> SourceSettings:
    if source.name not in sections:
        near = nearest(source.name, sections)
        raise DefinitionError(
            "DS365",
            f"source '{source.name}' has no section in dayshift.toml",
            place=source.place,
            facts=((f"there is [sources.{near}]",) if near else ()),
            hint=f'[sources.{source.name}]\nfiles = "data/{source.name}/*.csv"',
        )
    return sections[source.name]


__all__ = ["open_taps"]
