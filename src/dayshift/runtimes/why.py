"""Why a feature has the value it has: the question is found by its key, the engine tells how the value came about."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from dayshift.diagnostics import NotReady, UsageError, nearest, shorten

if TYPE_CHECKING:
    from dayshift.engines.contract import Explanation
    from dayshift.lifecycle.project import Project


def explain(project: Project, feature: str, key: Sequence[str]) -> Explanation:
    """The events, the window, what was left out, and the value by two independent implementations.

    Args:
        feature: the name of a window feature's column.
        key: the question's key, a text a key column; for a calendar, followed by its `as_of` (ISO 8601, UTC).

    Raises:
        NotReady: DS710, the lake holds no load.
        UsageError: DS750, no such feature; DS751, the key has another number of parts; DS752, no such question.
    """
    if not project.lake.last_load:
        raise NotReady("DS710", "there is nothing to explain: the lake holds no load", hint="dayshift run")
    _known_feature(project, feature)
    names = [*project.question_keys, *(["as_of"] if hasattr(project.pipeline.predict, "period") else [])]
    if len(key) != len(names):
        raise UsageError(
            "DS751",
            f"a question of '{project.pipeline.name}' is named by {len(names)} part{'s' * (len(names) != 1)}, "
            f"and {len(key)} came",
            facts=(f"the parts are: {', '.join(names)}",),
            hint=f"dayshift why {feature} {' '.join(name.upper() for name in names)}",
        )
    with project.lake.reading():
        question = _question(project, feature, names, key)
        return project.engine.explain(project.pipeline, project.lake.as_log(), feature, question)


def _known_feature(project: Project, feature: str) -> None:
    known = [name for one in project.pipeline.window_features for name in one.columns]
    if feature in known:
        return
    row = [name for one in project.pipeline.row_features for name in one.columns]
    fact = "it is a row feature: its value comes from the question's own row alone" if feature in row else None
    guess = nearest(feature, known)
    raise UsageError(
        "DS750",
        f"'{feature}' is no window feature of '{project.pipeline.name}'",
        facts=(fact or f"window features: {shorten(known)}",),
        hint=f"dayshift why {guess} KEY" if guess else None,
    )


def _question(project: Project, feature: str, names: Sequence[str], key: Sequence[str]) -> dict[str, Any]:
    """The question's key in its columns' types, as it stands in the features table."""
    table = project.features
    if table.exists:
        match = pl.all_horizontal(_matches(name, text) for name, text in zip(names, key, strict=True))
        found = table.scan().filter(match).select(names).head(1).collect()
        if found.height:
            return found.row(0, named=True)
    last = table.scan().select(names).tail(1).collect().rows() if table.exists else []
    raise UsageError(
        "DS752",
        f"no question {' '.join(key)!r} was asked",
        facts=(f"questions are named by {', '.join(names)}",),
        hint=f"dayshift why {feature} {shlex.join(_text(part) for part in last[0])}" if last else "dayshift run",
    )


def _text(part: Any) -> str:
    return f"{part:%Y-%m-%dT%H:%M:%S}" if isinstance(part, dt.datetime) else str(part)


def _matches(name: str, text: str) -> pl.Expr:
    if name == "as_of":
        try:
            given = dt.datetime.fromisoformat(text)
        except ValueError:
            return pl.lit(False)
        return pl.col(name) == pl.lit(given.replace(tzinfo=given.tzinfo or dt.UTC).astimezone(dt.UTC))
    return pl.col(name).cast(pl.String) == text
