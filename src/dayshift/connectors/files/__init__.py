"""Files: CSV, JSON Lines and Parquet, plain or compressed, found by name or glob, incremental by content."""

from dayshift.connectors.files.reader import FilesReader

__all__ = ["FilesReader"]
