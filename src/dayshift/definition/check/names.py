"""Names: which characters, and that no two things share one."""

import re
from collections import Counter
from collections.abc import Iterator

from dayshift.definition.check.parts import Parts, fault
from dayshift.definition.feature import RowFeature
from dayshift.diagnostics import Place, Problem

RESERVED = ("as_of", "label", "model_version", "prediction", "ripe_at", "scored_at")
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_COLUMN = re.compile(r"[^\s,;{}()=\"'`\\/]{1,200}")


def tables(parts: Parts) -> Iterator[Problem]:
    """The names of the pipeline and of sources become folders and registered names."""
    named = [("pipeline", parts.pipeline.name, parts.pipeline.place)]
    named += [("source", source.name, source.place) for source in parts.sources]
    for kind, name, place in named:
        if not isinstance(name, str) or not _TABLE.fullmatch(name):
            yield fault(
                "DS208",
                f"{kind} name {name!r} holds characters that a table's name cannot have",
                place,
                "allowed: letters, digits, '_' and '-', a letter first, at most 100",
                hint=f"write '{_repaired(str(name))}'",
            )


def columns(parts: Parts) -> Iterator[Problem]:
    """Column names can be stored; those that Dayshift adds to every table are taken."""
    for source in parts.sources:
        for name in source.columns:
            yield from _column(
                f"column '{name}' of source '{source.name}'", name, source.place, keys=source.key_columns
            )
    for feature in parts.features:
        named = feature.name if isinstance(feature, RowFeature) else feature.given_name
        if named is not None:  # else it is made of names and lengths that are checked by themselves
            yield from _column(f"feature '{named}'", named, feature.place, keys=(named,))


def _column(what: str, name: object, place: Place | None, keys: tuple[str, ...]) -> Iterator[Problem]:
    if not isinstance(name, str) or not _COLUMN.fullmatch(name):
        fact = "not allowed: white space, quotes and , ; { } ( ) = / \\"
        yield fault(
            "DS208", f"{what} cannot be stored under this name", place, fact, hint=f"write '{_repaired(str(name))}'"
        )
    elif name.startswith("_") or (name in RESERVED and name in keys):
        fact = f"taken: names that begin with '_', and {', '.join(RESERVED)} for keys and features"
        yield fault(
            "DS208",
            f"{what} has a name that Dayshift keeps for itself",
            place,
            fact,
            hint=f"write '{name.strip('_')}_'",
        )


def duplicate_sources(parts: Parts) -> Iterator[Problem]:
    """A name stands for one source."""
    first: dict[str, Place | None] = {}
    for source in parts.sources:
        if source.name in first:
            yield fault(
                "DS207",
                f"two sources are called '{source.name}'",
                source.place,
                f"the other one: {first[source.name]}",
                hint="define the source once and use the variable, or rename one of them",
            )
        first.setdefault(source.name, source.place)


def duplicate_features(parts: Parts) -> Iterator[Problem]:
    """Every feature fills columns of its own, also where case does not count (in most databases)."""
    keys = {
        name.lower()
        for name in (parts.calendar.by if parts.calendar else parts.asker.key_columns if parts.asker else ())
    }
    named = [(column, feature) for feature in parts.features for column in _columns_of(feature)]
    counted = Counter(column.lower() for column, _ in named)
    told: set[str] = set()
    for column, feature in named:
        lowered = column.lower()
        if lowered in keys:
            hint = "rename the feature"
            yield fault("DS206", f"feature '{column}' has the name of a key of the question", feature.place, hint=hint)
        elif counted[lowered] > 1 and lowered not in told:
            told.add(lowered)
            others = [other.place for name, other in named if name.lower() == lowered]
            facts = [f"also at {place}" for place in dict.fromkeys(others) if place and place != feature.place]
            message = f"{counted[lowered]} features are called '{column}'"
            yield fault("DS206", message, feature.place, *facts, hint='remove one, or name it: .alias("another_name")')


def _columns_of(feature: object) -> tuple[str, ...]:
    try:
        return tuple(feature.columns)  # type: ignore[attr-defined]
    except (KeyError, TypeError, AttributeError):
        return ()


def _repaired(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-")
    return text if text[:1].isalpha() else f"a_{text}".rstrip("_")
