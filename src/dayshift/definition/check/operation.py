"""What dayshift.toml says fits what the pipeline reads. What is wrong in the file alone, `read_settings` tells."""

from collections.abc import Iterator

from dayshift.definition.check.parts import Parts, fault, reads
from dayshift.diagnostics import Problem, nearest, shorten


def sources_are_given(parts: Parts) -> Iterator[Problem]:
    """Each source comes from somewhere, and each section is read."""
    if parts.settings is None:
        return
    read, given = {source.name for source in parts.sources}, set(parts.settings.sources)
    for name in sorted(read - given):
        near = nearest(name, given - read)
        yield fault(
            "DS116",
            f"nothing in dayshift.toml says where source '{name}' comes from",
            parts.settings.place("sources", near) if near else parts.settings.place(),
            f"sections there: {shorten(given)}",
            hint=f"rename [sources.{near}] to [sources.{name}]"
            if near
            else f'[sources.{name}]\nfiles = "data/{name}/*.csv"',
        )
    for name in sorted(given - read):
        yield fault(
            "DS115",
            f"section [sources.{name}] is for a source that the pipeline does not read",
            parts.settings.place("sources", name),
            f"it reads: {shorten(read)}",
            hint=f"remove [sources.{name}]",
            severity="warning",
        )


def columns_exist(parts: Parts) -> Iterator[Problem]:
    """Columns are renamed to columns of the schema, or to ones that a derived column or `where` reads."""
    if parts.settings is None:
        return
    for source in parts.sources:
        section = parts.settings.sources.get(source.name)
        if section is None:
            continue
        used = {
            name for given in [*source.derive.values(), source.where] for name in reads(given, section.rename.values())
        }
        for raw, name in section.rename.items():
            if name in source.columns or name in used:
                continue
            near = nearest(name, source.columns)
            yield fault(
                "DS119",
                f"[sources.{source.name}] renames '{raw}' to '{name}', which source '{source.name}' does not have",
                parts.settings.place("sources", source.name, "rename", raw),
                f"columns of '{source.name}': {shorten(source.columns)}",
                hint=f"write '{near}' in place of '{name}'" if near else None,
            )


def nothing_to_send(parts: Parts) -> Iterator[Problem]:
    """An output of predictions needs a model."""
    if parts.settings is None or parts.pipeline.model is not None:
        return
    for name, output in parts.settings.live.outputs.items():
        if output.content == "predictions":
            yield fault(
                "DS129",
                f"[live.outputs.{name}] sends predictions, but pipeline '{parts.pipeline.name}' has no model",
                parts.settings.place("live", "outputs", name),
                hint='content = "features"',
            )


def nothing_to_train(parts: Parts) -> Iterator[Problem]:
    """A schedule for training, or a table of predictions, needs a model."""
    if parts.settings is None or parts.pipeline.model is not None:
        return
    if parts.settings.schedule.train is not None:
        message = f"[schedule] trains, but pipeline '{parts.pipeline.name}' has no model"
        place = parts.settings.place("schedule", "train")
        yield fault("DS120", message, place, hint="remove train from [schedule]", severity="warning")
    for name, destination in parts.settings.destinations.items():
        if destination.content == "predictions":
            message = f"[destinations.{name}] takes predictions, but pipeline '{parts.pipeline.name}' has no model"
            place = parts.settings.place("destinations", name)
            yield fault("DS120", message, place, hint='content = "features"', severity="warning")
