"""From settings to a reader. Third-party readers come by entry points of the group
"dayshift.connectors": the scheme of a source's `database` ("mycorp://…") names the entry point."""

import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from dayshift.connectors.contract import Reader
from dayshift.connectors.database import resolve
from dayshift.connectors.files.reader import FilesReader
from dayshift.connectors.retry import retry_of
from dayshift.definition.settings import IngestSettings, SourceSettings
from dayshift.definition.source import Source
from dayshift.diagnostics import DefinitionError, NotReady, shorten

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
