"""Each part is of the kind that its place asks for."""

from collections.abc import Iterable, Iterator
from typing import Any

from dayshift.definition.check.parts import Parts, fault
from dayshift.definition.feature import RowFeature, WindowFeature
from dayshift.definition.label import Label
from dayshift.definition.source import Source
from dayshift.definition.window import Windows
from dayshift.diagnostics import Problem


def predict(parts: Parts) -> Iterator[Problem]:
    """The questions come from a source or from a calendar of one."""
    if parts.asker is None:
        given = parts.pipeline.predict
        yield fault(
            "DS203",
            f"pipeline '{parts.pipeline.name}' predicts for {_what(given)}, which is neither a source nor a calendar",
            parts.pipeline.place,
            hint='predict=payments, or predict=payments.every("1d", by="customer_id")',
        )


def features(parts: Parts) -> Iterator[Problem]:
    """Each item of `features` is a feature, and there is at least one."""
    given: Any = parts.pipeline.features
    if not isinstance(given, Iterable):
        what = _what(given)
        yield fault("DS203", f"features is {what}, which is not a list", parts.pipeline.place)
    elif not parts.flat:
        hint = "features=[source.by(...).over(...).count()]"
        yield fault("DS217", f"pipeline '{parts.pipeline.name}' has no features", parts.pipeline.place, hint=hint)
    for index, item in enumerate(parts.flat):
        if not isinstance(item, WindowFeature | RowFeature):
            yield fault("DS203", f"feature {index + 1} is {_what(item)}", parts.pipeline.place, hint=_remedy(item))


def label(parts: Parts) -> Iterator[Problem]:
    """The label is a Label of a source."""
    given: Any = parts.pipeline.label
    if given is None:
        return
    hint = 'label=ds.Label(source, pl.col("late"), within="1d")'
    if not isinstance(given, Label):
        yield fault("DS203", f"the label is {_what(given)}, which is not a Label", parts.pipeline.place, hint=hint)
    elif not isinstance(given.source, Source):
        yield fault("DS203", f"the label reads {_what(given.source)}, which is not a source", given.place, hint=hint)


def row_owner(parts: Parts) -> Iterator[Problem]:
    """A row feature belongs to the questions: to the asking source, or to the calendar."""
    for feature in parts.rows:
        if parts.asker is None or feature.source == parts.pipeline.predict:
            continue
        owner = "the calendar" if parts.calendar else f"source '{parts.asker.name}'"
        other = getattr(feature.source, "name", "a calendar")
        yield fault(
            "DS222",
            f"feature '{feature.name}' is computed from a row of '{other}', but the questions come from {owner}",
            feature.place,
            "a row feature reads the question's own row; other sources are seen through windows",
            hint=f"{'calendar' if parts.calendar else parts.asker.name}.row({feature.name}=...)",
        )


def _what(given: Any) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, Windows):
        return f"windows of source '{given.source.name}' without an aggregate"
    if isinstance(given, Source):
        return f"source '{given.name}' without an aggregate"
    if hasattr(given, "meta"):
        return "a bare Polars expression"
    return f"{given!r}"[:60] if isinstance(given, str | int | float) else f"a {type(given).__name__}"


def _remedy(given: Any) -> str | None:
    if isinstance(given, Windows | Source):
        return 'end it with an aggregate: .count(), .mean("column"), .last("column")'
    if hasattr(given, "meta"):
        return "give it a name: source.row(name=expression)"
    return None
