"""From settings to a destination."""

import time
from collections.abc import Callable
from pathlib import Path

from dayshift.connectors.contract import Destination
from dayshift.connectors.database import resolve
from dayshift.connectors.destinations.duckdb import DuckDBDestination
from dayshift.connectors.destinations.postgresql import PostgreSQLDestination
from dayshift.connectors.retry import retry_of
from dayshift.definition.settings import DestinationSettings, IngestSettings
from dayshift.diagnostics import DefinitionError


def open_destination(
    settings: DestinationSettings,
    root: Path,
    *,
    name: str = "warehouse",
    ingest: IngestSettings | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Destination:
    """The warehouse table that a section `[destinations.NAME]` asks for.

    Raises:
        DefinitionError: DS312, the database is of a kind that cannot be written.
        NotReady: DS313, the environment variable with the database's address is not set.
    """
    database = resolve(settings.database, f"[destinations.{name}]", Path(root))
    retry = retry_of(ingest or IngestSettings(), sleep)
    if database.kind == "postgresql":
        return PostgreSQLDestination(name, database, settings.table, retry)
    if database.kind == "duckdb":
        return DuckDBDestination(name, database, settings.table, retry)
    raise DefinitionError(
        "DS312",
        f"[destinations.{name}] names a {database.kind} database",
        facts=("a destination is PostgreSQL or DuckDB",),
    )
