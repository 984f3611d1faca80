"""What the user says: frozen values without behaviour. Constructors never refuse; `check` reports all faults at once."""

from dayshift.definition.aggregate import AGGREGATES, Aggregate, Signature, result_type
from dayshift.definition.calendar import Calendar
from dayshift.definition.column import Column, as_column, decimal, optional
from dayshift.definition.duration import format_duration, parse_duration
from dayshift.definition.feature import Features, RowFeature, Sql, WindowFeature, sql
from dayshift.definition.gate import Gate
from dayshift.definition.label import Label
from dayshift.definition.pipeline import Pipeline
from dayshift.definition.source import Source
from dayshift.definition.window import Window, Windows

__all__ = [
    "AGGREGATES",
    "Aggregate",
    "Calendar",
    "Column",
    "Features",
    "Gate",
    "Label",
    "Pipeline",
    "RowFeature",
    "Signature",
    "Source",
    "Sql",
    "Window",
    "WindowFeature",
    "Windows",
    "as_column",
    "decimal",
    "format_duration",
    "optional",
    "parse_duration",
    "result_type",
    "sql",
]
