"""Questions on a calendar."""

from collections.abc import Iterator

from dayshift.definition.check.parts import Parts, fault, length, unknown_column
from dayshift.diagnostics import Problem


def period(parts: Parts) -> Iterator[Problem]:
    """Ticks are apart."""
    calendar = parts.calendar
    if calendar is not None and length(calendar.period) == 0:
        message = f"the calendar of pipeline '{parts.pipeline.name}' has a period of {calendar.period}"
        yield fault("DS224", message, calendar.place, hint='.every("1d", by="customer_id")')


def entities(parts: Parts) -> Iterator[Problem]:
    """The entities are named by columns of the source, each once, of a type that identifies."""
    calendar, source = parts.calendar, parts.asker
    if calendar is None or source is None:
        return
    if not calendar.by or len(set(calendar.by)) < len(calendar.by):
        said = "names no column of an entity" if not calendar.by else "names a column twice"
        yield fault("DS224", f"the calendar of source '{source.name}' {said}", calendar.place, hint='by="customer_id"')
    for name in dict.fromkeys(calendar.by):
        if name not in source.columns:
            yield unknown_column("the calendar", name, source, calendar.place)
        elif source.columns[name].type == "float":
            message = f"the calendar goes by '{name}', a float, which cannot identify an entity"
            yield fault("DS220", message, calendar.place, hint=f'schema={{"{name}": int}}')
