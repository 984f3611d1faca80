"""The whole definition: what is predicted, from what, and how good it must be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dayshift.definition.calendar import Calendar
from dayshift.definition.feature import RowFeature, WindowFeature, flatten
from dayshift.diagnostics import Place, users_place

if TYPE_CHECKING:
    from dayshift.definition.gate import Gate
    from dayshift.definition.label import Label
    from dayshift.definition.source import Source


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A prediction, defined once.

    Args:
        name: names its tables and its model.
        predict: a source (one question an event, asked at its event time) or `source.every(...)`.
        features: window features and row features, in the order of the model's columns.
        label: the answer that becomes known later; None for a pipeline that only makes features.
        model: any scikit-learn estimator; None for a pipeline that only makes features.
        metric: what "better" means: "roc_auc", "average_precision", "log_loss", "rmse", ...
        gates: what a new model must show.

    >>> Pipeline("p", predict=None, features=[]).sources
    ()
    """

    name: str
    predict: Source | Calendar | Any
    features: Sequence[Any] = ()
    label: Label | None = None
    model: Any = None
    metric: str | None = None
    gates: Sequence[Gate] = ()
    place: Place | None = field(default_factory=users_place)

    @cached_property
    def flat(self) -> tuple[WindowFeature | RowFeature, ...]:
        """Its features one by one."""
        return flatten(self.features)

    @property
    def window_features(self) -> tuple[WindowFeature, ...]:
        """Those of its features that look at the past."""
        return tuple(feature for feature in self.flat if isinstance(feature, WindowFeature))

    @property
    def row_features(self) -> tuple[RowFeature, ...]:
        """Those of its features that look at the question's own row."""
        return tuple(feature for feature in self.flat if isinstance(feature, RowFeature))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all feature columns, in the model's order."""
        return tuple(column for feature in self.flat for column in feature.columns)

    @property
    def asker(self) -> Source | Any:
        """The source whose events, or whose entities, are asked for."""
        return self.predict.source if isinstance(self.predict, Calendar) else self.predict

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every source that it reads, once, sorted by name."""
        found: list[Any] = [self.asker, *(feature.source for feature in self.window_features)]
        found += [self.label.source] if self.label is not None else []
        return tuple(_once(found))


def _once(sources: Iterable[Any]) -> list[Any]:
    kept: dict[int, Any] = {id(source): source for source in sources if hasattr(source, "key_columns")}
    return sorted(kept.values(), key=lambda source: source.name)
