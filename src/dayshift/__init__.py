"""Dayshift: one prediction pipeline, defined once in Python, run every night or live, on one machine."""

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
