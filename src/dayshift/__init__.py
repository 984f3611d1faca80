"""Dayshift: one prediction pipeline, run nightly or live, with the same numbers."""

from dayshift.definition import (
    Column,
    Gate,
    Label,
    Pipeline,
    Source,
    decimal,
    optional,
    sql,
)
from dayshift.diagnostics import DayshiftError

__version__ = "0.1.0"

__all__ = ["Column", "DayshiftError", "Gate", "Label", "Pipeline", "Source", "decimal", "optional", "sql"]
