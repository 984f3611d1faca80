"""Where predictions and features go besides the lake: a warehouse table, kept equal by upsert."""

from dayshift.connectors.destinations.duckdb import DuckDBDestination
from dayshift.connectors.destinations.opening import open_destination
from dayshift.connectors.destinations.postgresql import PostgreSQLDestination

__all__ = ["DuckDBDestination", "PostgreSQLDestination", "open_destination"]
