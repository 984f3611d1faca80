"""Predictions for features, by a model that was trained on features of exactly the same meaning, for the same label."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from dayshift.definition.fingerprint import feature_fingerprint, features_fingerprint, label_fingerprint
from dayshift.definition.pipeline import Pipeline
from dayshift.diagnostics import DefinitionError, Refused, shorten
from dayshift.engines.contract import TIME, question_columns
from dayshift.learners.estimator import Model, predict
from dayshift.learners.registry import Registered
from dayshift.semantics.instants import microseconds


def score(pipeline: Pipeline, features: pl.DataFrame, model: Registered, now: datetime) -> pl.DataFrame:
    """One prediction a row of `features`, in its order.

    Columns: the question's keys, `as_of`, `_load`, `_position`, `prediction` (the probability of the positive class, or
    the value), `model_version`, `_fingerprint` (of the features), `scored_at`.

    Raises:
        Refused: DS630, model and features differ in meaning; DS631, the features mix definitions or policies;
            DS632, the model was trained for another label; DS609, a column is absent or of another type.
        DefinitionError: DS605, DS606, DS607, the model cannot take these features.
    """
    require_same_features(pipeline, features, model.about)
    require_same_label(pipeline, model)
    return _scored(_Whose.of(pipeline, model), features, now)


class Scorer:
    """One model for micro-batch after micro-batch: what `score` checks of definition and model is checked once.

    Raises:
        Refused: DS630, DS632, as `score`.
    """

    def __init__(self, pipeline: Pipeline, model: Registered) -> None:
        require_same_features(pipeline, pl.DataFrame(), model.about)
        require_same_label(pipeline, model)
        self._whose, self._model = _Whose.of(pipeline, model), model

    @property
    def version(self) -> str:
        """The model's version in the registry."""
        return str(self._model.version)

    def __call__(self, features: pl.DataFrame, now: datetime) -> pl.DataFrame:
        """The predictions for features of this definition, as `score` gives them."""
        return _scored(self._whose, features, now)

    def those_it_can(self, features: pl.DataFrame, now: datetime) -> tuple[pl.DataFrame, str | None]:
        """The predictions for those rows that the model can take, and what it says of the last of the others; None: all.

        One row that no training row was like, such as a first null, must not cost the others their answers.
        """
        try:
            return self(features, now), None
        except DefinitionError as error:
            if features.height == 1:
                return self(features.clear(), now), error.problems[0].message
        half = features.height // 2
        parts = [self.those_it_can(part, now) for part in (features.head(half), features.slice(half))]
        return pl.concat([frame for frame, _ in parts]), parts[1][1] or parts[0][1]


@dataclass(frozen=True)
class _Whose:
    """Whose predictions they are: the model, the columns that name a question, and what every row says of them."""

    model: Model
    named: tuple[str, ...]
    said: tuple[pl.Expr, ...]

    @staticmethod
    def of(pipeline: Pipeline, model: Registered) -> "_Whose":
        said = {"model_version": str(model.version), "_fingerprint": features_fingerprint(pipeline)}
        words = tuple(pl.lit(value).alias(name) for name, value in said.items())
        return _Whose(model.model, (*question_columns(pipeline), "as_of"), words)


def _scored(whose: _Whose, features: pl.DataFrame, now: datetime) -> pl.DataFrame:
    predictions = predict(whose.model, features)
    place = [name for name in ("_load", "_position") if name in features.columns]
    columns = [features.get_column(name) for name in (*whose.named, *place)]
    found = pl.DataFrame([*columns, pl.Series("prediction", predictions, pl.Float64)])
    return found.with_columns_seq(*whose.said, pl.lit(microseconds(now), TIME).alias("scored_at"))


def feature_fingerprints(pipeline: Pipeline) -> dict[str, str]:
    """The fingerprint of the feature behind each feature column."""
    return {column: feature_fingerprint(feature) for feature in pipeline.flat for column in feature.columns}


def same_features(pipeline: Pipeline, about: Mapping[str, Any]) -> bool:
    """Whether a model was trained on features of this definition."""
    return bool(about.get("features_fingerprint") == features_fingerprint(pipeline))


def same_label(pipeline: Pipeline, about: Mapping[str, Any]) -> bool:
    """Whether a model learned the label of this definition, of the same questions."""
    own = label_fingerprint(pipeline)
    return bool(about.get("label_fingerprint", own) == own)


def require_same_label(pipeline: Pipeline, model: Registered) -> None:
    """Refuse a model that predicts something else than what the definition asks for.

    Raises:
        Refused: DS632.
    """
    if not same_label(pipeline, model.about):
        raise Refused(
            "DS632",
            f"the model, version {model.version}, was trained for another label",
            facts=("its predictions would be answers to a question that is no longer asked",),
            hint="dayshift train",
        )


def require_same_features(pipeline: Pipeline, features: pl.DataFrame, about: Mapping[str, Any]) -> None:
    """Refuse a model whose features mean something else than the definition's, or a frame that does.

    Raises:
        Refused: DS630 naming the features that changed, DS631.
    """
    require_one_meaning(pipeline, features)
    if same_features(pipeline, about):
        return
    differences = _differences(about.get("feature_fingerprints", {}), feature_fingerprints(pipeline))
    raise Refused(
        "DS630",
        f"the model was trained on other features: {differences[0]}",
        facts=(
            *differences[1:8],
            f"the model's features {about.get('features_fingerprint')}, the definition's {features_fingerprint(pipeline)}",
        ),
        hint="dayshift train",
    )


def require_one_meaning(pipeline: Pipeline, features: pl.DataFrame) -> None:
    """Refuse a features frame of another definition, or of two policies at once.

    Raises:
        Refused: DS631.
    """
    own = features_fingerprint(pipeline)
    for column, allowed in (("_fingerprint", {own}), ("_policy", None)):
        if column not in features.columns:
            continue
        found = set(features[column].unique().to_list())
        if (allowed is not None and not found <= allowed) or len(found) > 1:
            what = "definitions" if column == "_fingerprint" else "policies"
            raise Refused(
                "DS631",
                f"the features are not all of this pipeline's one meaning: {what} {shorten(found)}",
                facts=(f"the definition's features are {own}",),
                hint="dayshift backfill FROM TO",
            )


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    changed = [f"'{name}' changed its meaning" for name in now if name in then and then[name] != now[name]]
    added = [f"'{name}' is new" for name in now if name not in then]
    gone = [f"'{name}' is gone" for name in then if name not in now]
    return [*changed, *added, *gone] or ["their order or the questions themselves changed"]
