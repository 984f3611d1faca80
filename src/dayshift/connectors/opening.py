"""From settings to a reader, or to the taps of a live run. Third-party readers come by entry points of the group
"dayshift.connectors": the scheme of a source's `database` ("mycorp://…") names the entry point."""

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

from dayshift.connectors.contract import Reader
from dayshift.connectors.database import resolve
from dayshift.connectors.files.reader import FilesReader
from dayshift.connectors.live import Tap
from dayshift.connectors.retry import retry_of
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.settings import IngestSettings, Settings, SourceSettings
from dayshift.definition.source import Source
from dayshift.diagnostics import DefinitionError, NotReady, nearest, shorten

GROUP = "dayshift.connectors"
_OWN = ("env", "postgresql", "postgres", "sqlite", "duckdb")


def open_source(
    source: Source,
    settings: SourceSettings,
    ingest: IngestSettings,
    root: Path,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Reader:
    """The reader that a source's section of dayshift.toml asks for.

    Raises:
        DefinitionError: DS308, the section names none or several of `files`, `table`, `query`, `topic`, `http`; DS312, an unknown database.
        NotReady: DS313, the environment variable with the database's address is not set.
    """
    named = [name for name in ("files", "table", "query", "topic", "http") if getattr(settings, name)]
    scheme = (settings.database or "").split(":", 1)[0] if ":" in (settings.database or "") else ""
    if scheme and scheme not in _OWN:
        found: Reader = _third_party(scheme, source.name)(source, settings, ingest, root)
        return found
    if len(named) != 1:
        raise DefinitionError(
            "DS308",
            f"source '{source.name}' comes from {' and '.join(named) or 'nowhere'}",
            place=source.place,
            facts=("its section in dayshift.toml names exactly one of: files, http, query, table, topic",),
            hint=f'[sources.{source.name}]\nfiles = "data/{source.name}/*.csv"',
        )
    if named == ["files"]:
        return FilesReader(source.name, settings, ingest.chunk_rows, Path(root))
    if named == ["http"]:
        from dayshift.connectors.http.delivered import DeliveredReader

        return DeliveredReader()
    if named == ["topic"]:
        from dayshift.connectors.kafka.reader import KafkaReader

        return KafkaReader(source.name, settings, ingest.chunk_rows, retry_of(ingest, sleep), Path(root))
    from dayshift.connectors.sql import SqlReader

    database = resolve(settings.database, f"[sources.{source.name}]", Path(root))
    if database.kind == "duckdb":
        raise DefinitionError("DS312", f"[sources.{source.name}] names a DuckDB file, which can be a destination only")
    return SqlReader(source.name, settings, database, ingest.chunk_rows, retry_of(ingest, sleep))


def _third_party(scheme: str, source: str) -> Callable[..., Reader]:
    found = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in found:
        raise NotReady(
            "DS310",
            f"source '{source}' needs the connector '{scheme}', which is not installed",
            facts=(f"built in: files, postgresql, sqlite, topics of Kafka; installed besides: {shorten(found)}",),
            hint="install the package that offers it, or correct `database` in dayshift.toml",
        )
    factory: Callable[..., Reader] = found[scheme].load()
    return factory


def open_taps(pipeline: Pipeline, settings: Settings, root: Path, clock_us: Callable[[], int]) -> list[Tap]:
    """The taps of a pipeline's sources, none of them open yet: one for all that is polled, one for HTTP, those of Kafka.

    Args:
        pipeline, settings: what comes in, and from where.
        root: the folder that paths start from.
        clock_us: the time now, microseconds since 1970.

    Raises:
        DefinitionError: DS365, a source has no section; DS308, DS312, DS333, a section that cannot be.
        NotReady: DS310, an extra is not installed; DS113, DS313, an environment variable is not set.
    """
    given = {source.name: section_of(source, settings.sources) for source in pipeline.sources}
    polled = [source for source in pipeline.sources if not given[source.name].http and not given[source.name].topic]
    sent = [name for name, one in given.items() if one.http]
    topics = [(name, one) for name, one in given.items() if one.topic]
    taps: list[Tap] = []
    if polled:
        from dayshift.connectors.polling.tap import PollingTap

        taps.append(PollingTap(polled, settings, Path(root), clock_us))
    if sent:
        taps.append(_http(sent, given, settings, clock_us))
    if topics:
        from dayshift.connectors.kafka.tap import kafka_taps
        from dayshift.connectors.plain_json import PlainReader

        plain = {source.name: PlainReader(source, given[source.name]) for source in pipeline.sources
                 if PlainReader.can(source, given[source.name])}  # fmt: skip
        taps += kafka_taps(pipeline.name, topics, retry_of(settings.ingest), Path(root), plain)
    return taps


def _http(
    names: Sequence[str], given: Mapping[str, SourceSettings], settings: Settings, clock_us: Callable[[], int]
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
    return HttpTap(names, others, settings.live, clock_us)


def _whence(given: SourceSettings) -> str:
    if given.topic:
        return "Kafka"
    return "files" if given.files else "a database"


def section_of(source: Source, sections: Mapping[str, SourceSettings]) -> SourceSettings:
    """The source's section of dayshift.toml.

    Raises:
        DefinitionError: DS365, it has none.
    """
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
